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


class ReferencesLayout(Struct, frozen=True, kw_only=True):
    """Offsets for reading weak references and reference counts."""

    weak_offset: int
    """Offset of the object's address in a weak reference."""
    dead: int
    """What that word holds when the object has died."""
    offset: int
    """How much more sys.getrefcount reports than ctypes reads, in the probe."""


class Layout(Struct, frozen=True, kw_only=True):
    """The results of calibration; None for what it could not find or verify."""

    gil: GilLayout | None = None
    threads: ThreadsLayout | None = None
    frames: FramesLayout | None = None
    text: TextLayout | None = None
    references: ReferencesLayout | None = None
    collecting: int | None = None
    """Address of the int that is not 0 while the cyclic garbage collector runs."""
    collections: tuple[int, int] | None = None
    """(address, size) of what changes whenever a collection has ended, and at no other time."""
