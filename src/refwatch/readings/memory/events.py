"""Events about a process as a whole: memory, CPU time, the garbage collector."""

from __future__ import annotations

from msgspec import Struct

from refwatch.wire.event import TimedEvent


class ProcessMeasured(TimedEvent, frozen=True, kw_only=True, tag="process_measured"):
    """Memory in bytes, CPU time in seconds since the process began. ``uss`` is read less often than
    the rest, and then ``rss`` is of the same moment."""

    rss: int
    peak_rss: int
    user_s: float
    system_s: float
    reaped_s: float = 0.0
    """CPU time of the children that it has waited for, and of theirs, seconds; hidden copies may be
    among them (``cutime`` and ``cstime`` of proc_pid_stat(5))."""
    uss: int | None = None
    uss_rss: int | None = None
    """``rss`` at the moment of ``uss``, where that was an older reading than this."""
    children: int = 0
    """Children so far, theirs among them, as many as were seen."""
    children_s: float = 0.0
    """For how long at least one of them has lived, seconds."""
    children_unseen: bool = False
    """Others have ended before they were seen."""
    children_cpu_s: float | None = None
    """CPU time of all of them, also of those that were not seen but waited for, seconds; None
    where it is not read."""


class InheritedMeasured(TimedEvent, frozen=True, kw_only=True, tag="inherited_measured"):
    """Of the memory that the child of a fork has from its parent, in bytes: what it still has,
    and what of it is ``copied`` because one of the two has written there, ``by_counts`` nothing
    that lasted but reference counts."""

    inherited: int
    copied: int
    by_counts: int


class GcGeneration(Struct, frozen=True, kw_only=True):
    collections: int
    collected: int
    uncollectable: int


class GcMeasured(TimedEvent, frozen=True, kw_only=True, tag="gc_measured"):
    """``gc.get_stats()``, youngest generation first."""

    generations: list[GcGeneration]


class GcPaused(TimedEvent, frozen=True, kw_only=True, tag="gc_paused"):
    """Collections timed in the target: (count, sum, longest) in seconds, the youngest generation
    first. Only recordings of an older form have it; CollectorSlice has come in its place."""

    generations: list[tuple[int, float, float]]
