"""Events about allocations, and where memory is."""

from __future__ import annotations

from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.wire.commands import Mode
from refwatch.wire.event import TimedEvent
from refwatch.wire.heap_values import (
    Site,
)


class AllocationsSwitched(TimedEvent, frozen=True, kw_only=True, tag="allocations_switched"):
    """Allocations are seen this way from now on. ``frames``: how deep tracebacks go. ``note`` says,
    if anything, why it is not what was asked for, or what limits it."""

    mode: Mode
    frames: int
    note: str = ""


class SitesSeen(TimedEvent, frozen=True, kw_only=True, tag="sites_seen"):
    """Sites got numbers: ``first``, ``first + 1``, and so on."""

    first: int
    sites: list[Site]


class TracebacksSeen(TimedEvent, frozen=True, kw_only=True, tag="tracebacks_seen"):
    """Tracebacks got numbers: ``first``, ``first + 1``, and so on. Each is the numbers of its
    sites, innermost first."""

    first: int
    tracebacks: list[list[int]]


class BurstMeasured(TimedEvent, frozen=True, kw_only=True, tag="burst_measured"):
    """A window of burst mode has ended. ``window_s`` is its length, ``span_s`` the time since the
    window before ended (or burst mode began): together they say what share of the time was seen."""

    window_s: float
    span_s: float
    uses: list[BurstUse]
    samples: int = 0
    """Blocks that were looked at."""


class TracesTaken(TimedEvent, frozen=True, kw_only=True, tag="traces_taken"):
    """What tracemalloc's traces add up to, as counted in a copy made at ``at``. The groups are the
    largest ones only; ``traced`` bytes in ``blocks`` blocks are all of them, refwatch's own left
    out. ``peak`` is tracemalloc's."""

    number: int
    frames: int
    traced: int
    peak: int
    blocks: int
    pause_s: float
    took_s: float
    lines: list[LineUse]
    files: list[FileUse]
    tracebacks: list[TracebackUse]


class TracesFailed(TimedEvent, frozen=True, kw_only=True, tag="traces_failed"):
    """No copy could be made to count the traces. ``retry_s``: seconds until it is tried again."""

    reason: str
    retry_s: float | None


class MemoryMeasured(TimedEvent, frozen=True, kw_only=True, tag="memory_measured"):
    """Where the resident memory is, as found out in a copy."""

    split: MemorySplit
