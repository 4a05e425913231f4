"""Where things lie in the target's interpreter, as calibration has found and verified it."""

from __future__ import annotations

from msgspec import Struct


class GilPlace(Struct, frozen=True, kw_only=True):
    """``gil`` is the address of ``interval``; last_holder, locked and switch_number follow it, a
    word each. ``futex`` is where a thread that wants it sleeps."""

    gil: int
    futex: int


class ThreadsPlace(Struct, frozen=True, kw_only=True):
    """Where the thread states are, and offsets in one."""

    main: int
    """The main thread's state, the oldest of the list."""
    head: int
    """Address of the word that points to the newest; the count ever made lies a word below."""
    newer_offset: int
    older_offset: int
    tid_offset: int
    ident_offset: int
    id_offset: int


class FramesPlace(Struct, frozen=True, kw_only=True):
    """The way from a thread state to its frames, and offsets in a frame and in a code object."""

    path: list[int]
    code_offset: int
    previous_offset: int
    instruction_offset: int
    bytecode_offset: int
    code_type: int
    none: int
    """What the interpreter's own frames have for a code object since 3.13: None."""
    filename_offset: int
    name_offset: int
    linetable_offset: int
    firstlineno_offset: int


class TextPlace(Struct, frozen=True, kw_only=True):
    """How str and bytes lie in memory."""

    ascii_data: int
    compact_data: int
    bytes_data: int
    length_offset: int
    state_offset: int
    kind_shift: int
    ascii_shift: int


class ReferencesPlace(Struct, frozen=True, kw_only=True):
    """How references are read."""

    weak_offset: int
    """Of the object's address in a weak reference."""
    dead: int
    """What is there when the object has died."""
    offset: int
    """By how much sys.getrefcount reads more than ctypes, in the probe."""


class Layout(Struct, frozen=True, kw_only=True):
    """What calibration found and verified; None is what it could not."""

    gil: GilPlace | None = None
    threads: ThreadsPlace | None = None
    frames: FramesPlace | None = None
    text: TextPlace | None = None
    references: ReferencesPlace | None = None
    collecting: int | None = None
    """Address of the int that is not 0 while the cyclic garbage collector runs."""
