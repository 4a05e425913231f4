"""Structs of the snapshot, schema ``refwatch.snapshot/1``.

Times in seconds, sizes in bytes, fractions 0 to 1, addresses as ``"0x..."`` strings. Fields may be
added; a name or a unit never changes within a schema version. What could not be measured is null,
with its reason in ``limits``. The JSON Schema is generated from these structs.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from refwatch.export.schema_loops import EventLoop as EventLoop
from refwatch.export.schema_threads import AfterIo as AfterIo
from refwatch.export.schema_threads import Collector as Collector
from refwatch.export.schema_threads import CollectorLine as CollectorLine
from refwatch.export.schema_threads import Gil as Gil
from refwatch.export.schema_threads import HoldLine as HoldLine
from refwatch.export.schema_threads import Holds as Holds
from refwatch.export.schema_threads import HotLine as HotLine
from refwatch.export.schema_threads import Interpreter as Interpreter
from refwatch.export.schema_threads import Line as Line
from refwatch.export.schema_threads import Lock as Lock
from refwatch.export.schema_threads import StackNode as StackNode
from refwatch.export.schema_threads import Stacks as Stacks
from refwatch.export.schema_threads import Thread as Thread
from refwatch.export.schema_threads import ThreadGroup as ThreadGroup
from refwatch.export.schema_threads import Waits as Waits
from refwatch.findings.crossing import Crossing
from refwatch.findings.types import Verdict
from refwatch.readings.allocations.types import MemorySplit
from refwatch.wire.heap_values import (
    ChainLink,
    Garbage,
    Largest,
    Referenced,
    Site,
    TypeCount,
    TypeDelta,
)

SCHEMA = "refwatch.snapshot/1"


class Target(Struct, frozen=True, kw_only=True):
    argv: list[str]
    executable: str
    python: str | None
    free_threaded: bool | None
    cwd: str
    started_at: str
    exit_code: int | None


class Limit(Struct, frozen=True, kw_only=True):
    """A reading that is missing or less exact here, and why."""

    reading: str
    reason: str
    process: int | None
    """Number of the process that it is about; null for the session."""


class Cost(Struct, frozen=True, kw_only=True):
    """What refwatch has cost. ``probe_*`` was spent in the target, ``daemon_cpu_s`` beside it."""

    probe_cpu_s: float | None
    probe_gil_held_s: float | None
    census_pauses_s: list[float]
    tracing_s: float
    daemon_cpu_s: float | None


class MarkAt(Struct, frozen=True, kw_only=True):
    name: str
    at_s: float


class Memory(Struct, frozen=True, kw_only=True):
    rss: int | None
    uss: int | None
    peak_rss: int | None
    series: list[tuple[float, int]]
    first_uss: int | None = None
    """Private bytes at the first reading, at ``first_uss_s``: of the child of a fork, what has
    become private since has been copied, or is new."""
    first_uss_s: float | None = None
    inherited: int | None = None
    """Bytes that the child of a fork has from its parent; ``copied``: of these, what is no longer
    shared, because one of the two has written there; ``copied_by_counts``: of that, where nothing
    differs but reference counts, or nothing at all. None where it is no child of a fork."""
    copied: int | None = None
    copied_by_counts: int | None = None


class Cpu(Struct, frozen=True, kw_only=True):
    """``short_threads_s``: of this, what threads had used when they ended and that could not be
    read of them any more. It is shared among the groups of those that ended: their
    ``unattributed_s``."""

    user_s: float | None
    system_s: float | None
    short_threads_s: float = 0.0


class GcStats(Struct, frozen=True, kw_only=True):
    """One generation of ``gc.get_stats()``."""

    generation: int
    collections: int
    collected: int
    uncollectable: int


class GcPause(Struct, frozen=True, kw_only=True):
    """The timed collections of one generation, in seconds, which only recordings of an older form
    have."""

    generation: int
    count: int
    total_s: float
    longest_s: float


class ClassCount(Struct, frozen=True, kw_only=True):
    """Live instances of a class. ``exact``: they are derived from the class's reference count, and
    two censuses agree on how many of its references are not from instances, or the count has not
    changed since the only census. Otherwise the number may be off, or is the census's. Of classes
    without any instance so far only the first few hundred have a row. ``delta`` is the change since
    the newest mark, or since the class was first counted; ``per_second`` is the mean over the last
    seconds. ``series``: [time, instances]."""

    module: str
    name: str
    instances: int
    delta: int
    per_second: float
    exact: bool
    series: list[tuple[float, int]]


class Watched(Struct, frozen=True, kw_only=True):
    """A watched object. ``references`` is its true count; ``ctypes`` and ``getrefcount`` are raw,
    the latter higher by ``getrefcount_offset``. ``held``: its type supports no weak reference, so
    refwatch holds a reference, included in the raw counts and not in ``references``. ``series``:
    [time, references]."""

    name: str
    type: str
    address: str
    references: int | None
    ctypes: int | None
    getrefcount: int | None
    getrefcount_offset: int | None
    immortal: bool
    alive: bool
    died_s: float | None
    series: list[tuple[float, int]]
    held: bool


class Suspect(Struct, frozen=True, kw_only=True):
    """A class that keeps growing. ``per_second`` is the slope of a line fitted to its live counts,
    or to the censuses, since ``since_s``; ``r2`` is how well it fits, 0 to 1."""

    module: str
    name: str
    per_second: float
    r2: float
    since_s: float
    chains: list[list[ChainLink]]
    allocated_at: list[Site]
    complete: bool
    """Whether ``chains`` tell who holds the instances. False if the search was not made, was cut
    short, or could not tell which instances are new. True without a chain: nothing holds them."""
    garbage: int | None
    """Unreachable instances at the newest census; null where unknown."""


class Census(Struct, frozen=True, kw_only=True):
    """The heap at the newest census. ``growth`` is the change since the newest mark, or since the
    first census, largest first, without types that did not change."""

    taken_s: float
    pause_s: float
    objects: int
    types: list[TypeCount]
    growth: list[TypeDelta]
    suspects: list[Suspect]
    most_referenced: list[Referenced]
    method: Literal["copy", "inside"]
    took_s: float
    garbage: Garbage | None
    """Unreachable objects that the collector would free; null where unknown."""
    largest: list[Largest] = []
    """The largest single objects of at least 1 MiB each, largest first."""


class Judged(Struct, frozen=True, kw_only=True):
    """Up to when growth was judged; null if nothing was. ``by``: classes defined in Python by live
    counts, other types by censuses. ``reason``: why not all could be judged, or what grows ever
    slower and is no suspect."""

    until_s: float | None
    by: list[Literal["live", "census"]]
    reason: str | None


class AllocationGroup(Struct, frozen=True, kw_only=True):
    """Allocations of one traceback, innermost first.

    In exact mode ``size`` and ``count`` are live bytes and blocks, ``delta_*`` their growth since
    the newest mark (or the start). In burst mode they are what was allocated during the windows,
    ``window_s`` in all, and ``delta_*`` the part since the newest mark; the rates are estimates
    with standard errors, and ``kept_*`` is what outlived its window. Null where the mode does not
    tell.
    """

    size: int
    count: int
    delta_size: int
    delta_count: int
    traceback: list[Line]
    bytes_per_s: float | None = None
    bytes_per_s_error: float | None = None
    blocks_per_s: float | None = None
    blocks_per_s_error: float | None = None
    kept_size: int | None = None
    kept_count: int | None = None


class LineAllocations(Struct, frozen=True, kw_only=True):
    """As AllocationGroup, for one line and all its callers."""

    file: str
    line: int
    function: str
    size: int
    count: int
    delta_size: int
    delta_count: int
    bytes_per_s: float | None = None
    bytes_per_s_error: float | None = None
    blocks_per_s: float | None = None
    blocks_per_s_error: float | None = None
    kept_size: int | None = None
    kept_count: int | None = None


class Allocations(Struct, frozen=True, kw_only=True):
    """``traced`` and ``peak`` are tracemalloc's, the former without refwatch's own blocks; 0 in
    burst mode. ``window_s``: seconds of burst mode's windows, out of ``span_s``; 0 in exact mode,
    which sees everything. ``blocks`` are live and traced in exact mode, sampled in burst mode. In
    mode ``off`` the figures are those of the last mode. ``note`` says what limits them, if
    anything. ``top`` and ``lines`` have most bytes first."""

    mode: Literal["exact", "burst", "off"]
    frames: int
    traced: int
    peak: int
    window_s: float
    top: list[AllocationGroup]
    span_s: float
    blocks: int
    lines: list[LineAllocations]
    note: str


class Process(Struct, frozen=True, kw_only=True):
    number: int
    """Its id in the session, where pids may be reused; 1 is the program itself."""
    pid: int
    ppid: int | None
    argv: list[str]
    start_method: str | None
    started_s: float
    ended_s: float | None
    exit_code: int | None
    memory: Memory
    cpu: Cpu
    gil: Gil
    threads: list[Thread]
    gc: list[GcStats]
    gc_pauses: list[GcPause]
    classes: list[ClassCount]
    watched: list[Watched]
    census: Census | None
    allocations: Allocations | None
    memory_split: MemorySplit | None
    holds: Holds | None = None
    """Null where no GIL was read."""
    waits: Waits | None = None
    """Null where no GIL was read."""
    startup_s: float | None = None
    """Seconds from its start until its interpreter was ready for its first line, refwatch's own
    start among them: from the call of os.fork for the child of one; null where that is not known,
    as after an exec."""
    crossing: Crossing | None = None
    """Time with what crosses to other processes; null where nothing does."""
    collecting_s: float | None = None
    """Seconds in which the cyclic garbage collector ran; null where that cannot be read."""
    collector: Collector | None = None
    """Null where that cannot be read."""
    groups: list[ThreadGroup] = []
    stacks: Stacks | None = None
    """Null where no stack was read."""
    locks: list[Lock] | None = None
    """Null where it cannot be read which lock a thread waits for."""
    deadlocks: list[list[int]] = []
    """Tids of threads that wait for one another for ever: each for the next, the last for the
    first."""
    loops: list[EventLoop] = []
    judged: Judged = field(default_factory=lambda: Judged(until_s=None, by=[], reason=None))
    interpreters: list[Interpreter] = []
    """The main one, then the others; the 100 whose GIL was held most of those that have ended.
    Empty where there is no word from inside the process."""


class Sampling(Struct, frozen=True, kw_only=True):
    """How threads were sampled. ``rate_hz`` is the last target rate, ``mean_hz`` the mean
    achieved."""

    method: Literal["outside", "inside", "none"]
    rate_hz: float | None
    mean_hz: float | None
    samples: int
    torn_frames: int
    rate_changes: list[str]


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over all processes that were watched. ``rss`` and ``uss`` are of those that ran at the
    last reading of any, ``peak_*`` the most that those at one time had; null where nothing was
    read or, of ``uss``, not of each. Pages that processes share count in the ``rss`` of each."""

    processes: int
    cpu_s: float
    rss: int | None
    uss: int | None
    peak_rss: int | None
    peak_uss: int | None
    gil_held_s: float
    threads: int


class Snapshot(Struct, frozen=True, kw_only=True):
    refwatch: str
    taken_at: str
    duration_s: float
    target: Target
    limits: list[Limit]
    cost: Cost
    verdict: Verdict
    marks: list[MarkAt]
    processes: list[Process]
    sampling: Sampling
    totals: Totals
    schema: Literal["refwatch.snapshot/1"] = field(default="refwatch.snapshot/1")
