"""What the probe tells the daemon. One line of JSON each; the ``message`` field names it.

The probe writes these by hand, because it imports nothing of ours: a test holds the two together.
"""

from __future__ import annotations

from msgspec import Struct


class GilPlace(Struct, frozen=True):
    """``gil`` is the address of ``interval``; last_holder, locked and switch_number follow it, a
    word each. ``futex`` is where a thread that wants it sleeps."""

    gil: int
    futex: int


class ThreadsPlace(Struct, frozen=True):
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


class FramesPlace(Struct, frozen=True):
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


class TextPlace(Struct, frozen=True):
    """How str and bytes lie in memory."""

    ascii_data: int
    compact_data: int
    bytes_data: int
    length_offset: int
    state_offset: int
    kind_shift: int
    ascii_shift: int


class Layout(Struct, frozen=True):
    """What calibration found and verified; None is what it could not."""

    gil: GilPlace | None = None
    threads: ThreadsPlace | None = None
    frames: FramesPlace | None = None
    text: TextPlace | None = None


class _Report(Struct, frozen=True, tag_field="message", tag=True):
    pass


class Hello(_Report, frozen=True, tag="hello"):
    pid: int
    python: str
    executable: str
    free_threaded: bool
    gil_enabled: bool
    switch_interval_s: float
    layout: Layout
    limits: list[tuple[str, str]]
    """(reading, reason)"""
    calibration_s: float
    cpu_s: float
    probe_tid: int
    """The probe's own thread."""


class ProbeThread(_Report, frozen=True, tag="thread"):
    """The probe's thread began, perhaps again after a fork."""

    tid: int


class Answer(_Report, frozen=True, tag="answer"):
    """``threads``: (ident, native id, name, daemon) of every thread that threading knows.
    ``gc``: (collections, collected, uncollectable), youngest generation first."""

    threads: list[tuple[int, int | None, str, bool]]
    gc: list[tuple[int, int, int]]
    cpu_s: float


class InsideThread(Struct, frozen=True):
    """One thread at one sample from inside. ``call`` is its line of /proc/self/task/TID/syscall."""

    ident: int
    tid: int | None
    file: str
    line: int
    function: str
    moved: bool
    """Whether it has run Python since the sample before."""
    call: str = ""
    sched: str = ""
    """Its line of /proc/self/task/TID/schedstat."""


class InsideSample(_Report, frozen=True, tag="inside_sample"):
    """All threads, seen by the probe because the daemon may not look."""

    threads: list[InsideThread]


Report = Hello | ProbeThread | Answer | InsideSample
