"""Memory layout of the target's interpreter, as calibration found and verified it. Addresses are
absolute, offsets in bytes."""

from __future__ import annotations

from msgspec import Struct


class GilLayout(Struct, frozen=True, kw_only=True):
    """The GIL. ``gil`` is the address of its ``interval``, followed by last_holder, locked and
    switch_number, a word each. Threads that want the GIL sleep on ``futex``."""

    gil: int
    futex: int


class ThreadsLayout(Struct, frozen=True, kw_only=True):
    """The list of thread states, and offsets in a thread state."""

    main: int
    """Address of the main thread's state, the oldest in the list."""
    head: int
    """Address of the pointer to the newest; the word before it counts all ever made."""
    newer_offset: int
    older_offset: int
    tid_offset: int
    ident_offset: int
    id_offset: int


class InterpretersLayout(Struct, frozen=True, kw_only=True):
    """The list of interpreters, and offsets in an interpreter."""

    main: int
    """Address of the main interpreter, the last in the list."""
    head: int
    """Address of the pointer to the newest."""
    next_offset: int
    id_offset: int
    gil_offset: int | None = None
    """Of the pointer to its GIL; None where there is none: all share one, or there is no GIL."""


class FramesLayout(Struct, frozen=True, kw_only=True):
    """The path of offsets from a thread state to its frames, and offsets in frames and code
    objects."""

    path: list[int]
    code_offset: int
    previous_offset: int
    instruction_offset: int
    bytecode_offset: int
    code_type: int
    none: int
    """Address of None, which the interpreter's own frames have for a code object since 3.13."""
    filename_offset: int
    name_offset: int
    linetable_offset: int
    firstlineno_offset: int


class TextLayout(Struct, frozen=True, kw_only=True):
    """Offsets in str and bytes objects."""

    ascii_data: int
    compact_data: int
    bytes_data: int
    length_offset: int
    state_offset: int
    kind_shift: int
    ascii_shift: int


class AttributesLayout(Struct, frozen=True, kw_only=True):
    """Where a frame has its first local variable, and an object the values of its attributes, of
    which those of a ``threading.Thread`` are read."""

    local_offset: int
    type_offset: int
    """Of an object's type, in the object."""
    values: list[int]
    """Offsets from an object to its first value. The lowest bits of a pointer on the way are
    tags."""
    keys_offset: int
    """Of the pointer to the keys that the objects of a type share, in the type."""
    entries_offset: int
    """Of the first entry, in the keys: the key's address and another word."""
    name_key: int
    """Address of the string ``_name``."""
    daemon_key: int
    """Address of the string ``_daemonic``."""
    str_type: int
    true: int


class ReferencesLayout(Struct, frozen=True, kw_only=True):
    """Offsets for reading weak references and reference counts."""

    weak_offset: int
    """Offset of the object's address in a weak reference."""
    dead: int
    """What that word holds when the object has died."""
    offset: int
    """How much more sys.getrefcount reports than ctypes reads, in the probe."""


class LocksLayout(Struct, frozen=True, kw_only=True):
    """How the lock is found for which a thread waits, and its owner. Names are those that types
    have in C: a type's own address differs from process to process."""

    type_offset: int
    name_offset: int
    """In a type, of the pointer to its name."""
    lock_name: str
    rlock_name: str
    method_name: str
    """Of the type of built-in methods that are bound to an object."""
    self_offset: int
    """In such a method, of the object."""
    definition_offset: int
    """In such a method, of the pointer to what begins with the pointer to its name."""
    descriptor_name: str
    """Of the type of built-in methods that are not bound."""
    descriptor_offset: int
    """In these, as ``definition_offset``."""
    distance: int
    """From the futex on which a thread sleeps to the address in the lock that it waits for; 0 where
    the lock has the futex's address instead."""
    lock_offset: int
    """Of that address, or of where the futex's is, in a Lock."""
    rlock_offset: int
    owner_offset: int
    """In an RLock, of the ident of its owner; 0 there while nobody owns it."""
    locals_offset: int
    """In a frame; its stack follows the local variables."""
    exit_is_bound: bool
    """Inside ``with lock`` the frame's stack has the method ``__exit__`` bound to the lock; else
    the method, and after it the lock."""
    local_count_offset: int
    """In a code object, of an int; so are the next."""
    stack_size_offset: int
    handlers_offset: int
    """In a code object, of its table of exception handlers."""
    names_offset: int
    """In a code object, of its tuple of names."""
    items_offset: int
    """In a tuple, of its first item. Its length is where that of a str is."""
    join_distance: int | None = None
    """From the futex to the address of what a thread waits for that joins another; None where it
    waits for a lock."""
    joined_offset: int | None = None
    """From that address to the other's ident."""
    end_lock_offset: int | None = None
    """In a thread state, of the weak reference to the lock for which waits who joins the thread."""
    end_lock_object_offset: int | None = None
    """In a weak reference, of what it refers to."""


class Layout(Struct, frozen=True, kw_only=True):
    """The results of calibration; None for what it could not find or verify."""

    gil: GilLayout | None = None
    threads: ThreadsLayout | None = None
    interpreters: InterpretersLayout | None = None
    frames: FramesLayout | None = None
    text: TextLayout | None = None
    references: ReferencesLayout | None = None
    attributes: AttributesLayout | None = None
    collecting: int | None = None
    """Address of the int that is not 0 while the cyclic garbage collector runs."""
    collections: tuple[int, int] | None = None
    """(address, size) of what changes whenever a collection has ended, and at no other time."""
    locks: LocksLayout | None = None
