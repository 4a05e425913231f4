"""Allocations and memory, as the probe, the copy, the events and the snapshot speak of them.

Sizes in bytes, times in seconds. A *site* is a source line and the function around it; a
*traceback* is a list of sites, innermost first. Both have numbers, by which later events name them.
"""

from __future__ import annotations

from msgspec import Struct


class BurstUse(Struct, frozen=True, array_like=True):
    """What was allocated at one traceback in one window: estimates, because only some of the blocks
    are looked at. ``*_variance`` is that of the estimate, from this alone. ``kept_*`` is the part
    that was still alive when the window ended: that is seen in some of the windows only, and taken
    for the others."""

    traceback: int
    blocks: float
    size: float
    blocks_variance: float
    size_variance: float
    kept_blocks: float
    kept_size: float


class LineUse(Struct, frozen=True, kw_only=True, array_like=True):
    """Live blocks that were allocated at a site."""

    site: int
    size: int
    count: int


class FileUse(Struct, frozen=True, kw_only=True, array_like=True):
    """Live blocks that were allocated in a file."""

    file: str
    size: int
    count: int


class TracebackUse(Struct, frozen=True, kw_only=True, array_like=True):
    """Live blocks that were allocated at a traceback."""

    traceback: int
    size: int
    count: int


class MemorySplit(Struct, frozen=True, kw_only=True):
    """Where the resident memory of a process is. The parts add up to ``rss``; None is what cannot
    be known here."""

    rss: int
    python_used: int | None
    """In blocks of Python's small-object allocator (pymalloc)."""
    python_free: int | None
    """In its arenas, but free: it comes back only when a whole arena is empty."""
    c_used: int | None
    """In blocks of the C heap (malloc), large Python objects among them."""
    c_free: int | None
    """Free in the C heap and not given back: fragmentation."""
    files: int
    """Mapped files: the interpreter, libraries."""
    other: int
    """Stacks, other anonymous mappings, shared memory."""
    arenas: int | None = None
    """Number of pymalloc's arenas."""
