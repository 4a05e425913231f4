"""Reports of the probe and its copies. One line of JSON each; the ``message`` field names it.

The probe builds them without these structs, because it imports nothing of ours; a test compares the
two.
"""

from __future__ import annotations

from msgspec import Struct

from refwatch.target.layout import Layout
from refwatch.wire.heap_values import ChainLink, Garbage, Referenced, Referrer, Site


class _Report(Struct, frozen=True, kw_only=True, tag_field="message", tag=True):
    pass


class BlocksPlace(Struct, frozen=True, kw_only=True):
    """The ring of sampled blocks. ``count`` is the address of the number of blocks ever sampled,
    ``records`` that of the first of ``room`` records of ``size`` bytes; the oldest are overwritten.
    The frames start ``head`` bytes into a record. A block is sampled by its size plus ``extra``
    bytes."""

    count: int
    records: int
    room: int
    size: int
    head: int
    extra: int


class Opened(Struct, frozen=True, kw_only=True):
    """A window of burst mode was opened at ``monotonic_s`` (CLOCK_MONOTONIC), after ``count``
    blocks. Costs in seconds, measured in the target: ``pass_s`` for a block that is not sampled,
    ``look_s`` for one that is, ``cpu_s`` for opening. ``lost``: a window was open, but its
    allocator hooks had been replaced."""

    place: BlocksPlace
    pass_s: float
    look_s: float
    cpu_s: float
    lost: bool
    count: int
    monotonic_s: float


class EarlyBurst(Struct, frozen=True, kw_only=True):
    """Burst mode since before the target's first line, one sample in ``mean`` bytes."""

    opened: Opened
    mean: int


class Hello(_Report, frozen=True, kw_only=True, tag="hello"):
    """The probe has started and calibrated."""

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
    """Native id of the probe's thread."""
    burst: EarlyBurst | None = None


class Stranger(_Report, frozen=True, kw_only=True, tag="stranger"):
    """Another Python with the target's environment, which the launcher has not started."""


class ProbeThread(_Report, frozen=True, kw_only=True, tag="thread"):
    """The probe's thread has started, perhaps again after a fork."""

    tid: int


class Answer(_Report, frozen=True, kw_only=True, tag="answer"):
    """Answer to the daemon's regular question. ``threads``: (ident, native id, name, daemon) of
    each thread known to ``threading``. ``gc``: (collections, collected, uncollectable), youngest
    generation first."""

    threads: list[tuple[int, int | None, str, bool]]
    gc: list[tuple[int, int, int]]
    cpu_s: float
    gc_pauses: list[tuple[int, float, float]] | None = None
    """(collections, total s, longest s) of each generation; None while they are not timed."""
    alone: bool = True
    """Whether the process has no other interpreter."""


class InsideThread(Struct, frozen=True, kw_only=True):
    """A thread in a sample from inside. ``call`` is its line of /proc/self/task/TID/syscall."""

    ident: int
    tid: int | None
    file: str
    line: int
    function: str
    moved: bool
    """Whether it has run Python code since the last sample."""
    call: str = ""
    sched: str = ""
    """Its line of /proc/self/task/TID/schedstat."""


class InsideSample(_Report, frozen=True, kw_only=True, tag="inside_sample"):
    """All threads, sampled by the probe where the daemon may not read the target."""

    threads: list[InsideThread]


class FoundObject(Struct, frozen=True, kw_only=True):
    """An object that is watched from now on. ``weak`` is the address of a weak reference to it, 0
    where its type supports none."""

    watch: int
    name: str
    type: str
    address: int
    weak: int
    held: bool
    immortal: bool
    source: str


class Namespace(Struct, frozen=True, kw_only=True):
    """The dict of ``__main__``: ``keys_at`` is the address of the pointer to its key table,
    ``keys`` the pointer's value, ``entries`` the address of the first of ``count`` (name, value)
    pairs."""

    keys_at: int
    keys: int
    entries: int
    count: int


class Scanned(_Report, frozen=True, kw_only=True, tag="scanned"):
    """``__main__`` was scanned for objects to watch. ``left_out``: names beyond the limit;
    ``full``: no further object can be watched."""

    namespace: Namespace | None
    found: list[FoundObject]
    cpu_s: float
    left_out: int = 0
    full: bool = False


class Watching(_Report, frozen=True, kw_only=True, tag="watching"):
    """Objects that the script or a viewer asked to watch; empty if none was found."""

    found: list[FoundObject]


class Raw(_Report, frozen=True, kw_only=True, tag="raw"):
    """Raw reference counts: (watch, by ctypes, by sys.getrefcount)."""

    readings: list[tuple[int, int, int]]


class LetGo(_Report, frozen=True, kw_only=True, tag="let_go"):
    """Watched objects that only the probe still held, and that it has released."""

    dead: list[int]


class Trouble(_Report, frozen=True, kw_only=True, tag="trouble"):
    """A command failed because of a bug in the probe, which goes on."""

    reason: str


class Ending(_Report, frozen=True, kw_only=True, tag="ending"):
    """The interpreter is about to end and waits a moment for the last readings. ``found`` are newly
    watched objects, ``readings`` their raw reference counts."""

    found: list[FoundObject]
    readings: list[tuple[int, int, int]]
    failure: str = ""
    """Why no line of the program was run; empty if one was."""
    missing: str = ""
    """The module that was not found, if that ended the program or kept it from starting."""


class MarkSet(_Report, frozen=True, kw_only=True, tag="mark"):
    """``refwatch.mark`` was called. ``monotonic_s`` is CLOCK_MONOTONIC."""

    name: str
    monotonic_s: float


class BurstOpened(_Report, frozen=True, kw_only=True, tag="burst_opened"):
    """A window of burst mode was opened."""

    opened: Opened


class BurstClosed(_Report, frozen=True, kw_only=True, tag="burst_closed"):
    """A window of burst mode was closed. ``seen`` is false if the allocator hooks had been
    replaced, so that samples are missing."""

    seen: bool
    cpu_s: float


class NoBurst(_Report, frozen=True, kw_only=True, tag="no_burst"):
    """Burst mode is not possible."""

    reason: str


class Tracing(_Report, frozen=True, kw_only=True, tag="tracing"):
    """Status of tracemalloc in the target."""

    on: bool
    frames: int
    """Frames of a traceback that it keeps; 0 while it is off."""
    ours: bool
    """Whether refwatch started it."""
    early: bool
    """Whether that was before the target's first line."""
    lost: int
    """How often the target stopped it and refwatch started it again."""
    used: bool
    """Whether the target has imported tracemalloc itself."""
    missing: str
    """Why it is not available; empty if it is."""


class _Work(_Report, frozen=True, kw_only=True):
    work: str
    """The name that the daemon gave the work."""


class Copied(_Work, frozen=True, kw_only=True, tag="copied"):
    """A copy was made (``pid`` 0: the target does the work itself), and paused the target for
    ``pause_s``."""

    pid: int
    pause_s: float


class NoCopy(_Work, frozen=True, kw_only=True, tag="no_copy"):
    """No copy was made. ``passing``: the request may succeed in a moment."""

    reason: str
    passing: bool = False


class CopyHere(_Work, frozen=True, kw_only=True, tag="copy"):
    """A copy's first report, on a connection of its own."""

    pid: int


class Progress(_Work, frozen=True, kw_only=True, tag="progress"):
    """``share`` is 0 to 1; None where unknown."""

    text: str
    share: float | None


class LargestRow(Struct, frozen=True, kw_only=True):
    """As Largest. ``chain`` is None where it was not searched: the object was known before."""

    type: str
    address: str
    size: int
    filled: float | None
    chain: list[ChainLink] | None = None


class CensusReport(_Work, frozen=True, kw_only=True, tag="census"):
    """A census. ``classes``: (address, tp_name, metaclass, references, references not from
    instances or -1, instances tracked by the collector or -1, module, name). ``types``: (module,
    name, count, size)."""

    objects: int
    classes: list[tuple[int, int, int, int, int, int, str, str]]
    types: list[tuple[str, str, int, int]]
    most_referenced: list[Referenced]
    untracked: bool
    took_s: float
    garbage: list[int] = []
    """Addresses of watched objects that would be garbage without the probe's references."""
    unreachable: Garbage | None = None
    """None where it was not searched: in the target itself, or in a heap that is too large."""
    largest: list[LargestRow] = []
    """The largest single objects, largest first."""


class MemoryReport(_Work, frozen=True, kw_only=True, tag="memory"):
    """Memory of the allocators at the time of the copy; None where it is unknown, for one of the
    ``reasons``."""

    python: tuple[int, int, int] | None
    """Python's small-object allocator: (bytes in blocks, other bytes in arenas, arenas)."""
    c: tuple[int, int] | None
    """malloc: (bytes in blocks, free bytes)."""
    reasons: list[str]


class ChainsReport(_Work, frozen=True, kw_only=True, tag="chains"):
    """As ChainsFound. ``spread`` is returned for a second search: only two tell what has grown."""

    module: str
    name: str
    looked: int
    chains: list[list[ChainLink]]
    allocated_at: list[Site]
    missing: str = ""
    garbage: int = 0
    spread: list[tuple[int, int]] | None = None


class ReferrersReport(_Work, frozen=True, kw_only=True, tag="referrers"):
    """As ReferrersFound."""

    node: int
    type: str
    label: str
    address: str
    references: int | None
    seen: int | None
    referrers: list[Referrer]
    left_out: int


class Way(Struct, frozen=True, kw_only=True):
    """A path by which the probe finds an object again: ("module", name), then steps."""

    address: int
    steps: list[tuple[str, str | int]]


class WayReport(_Work, frozen=True, kw_only=True, tag="way"):
    node: int
    way: Way | None


class GraphReport(_Work, frozen=True, kw_only=True, tag="graph"):
    dot: str


class TracesReport(_Work, frozen=True, kw_only=True, tag="traces"):
    """Sums of tracemalloc's traces, without refwatch's own. ``sites`` are (file, line, function),
    referred to by index. The largest groups: ``lines`` (site, size, count), ``files`` (file, size,
    count), ``tracebacks`` (sites, innermost first, size, count)."""

    frames: int
    traced: int
    peak: int
    blocks: int
    sites: list[tuple[str, int, str]]
    lines: list[tuple[int, int, int]]
    files: list[tuple[str, int, int]]
    tracebacks: list[tuple[list[int], int, int]]
    took_s: float


class Done(_Work, frozen=True, kw_only=True, tag="done"):
    """The work is done and the copy ends."""


class Failed(_Work, frozen=True, kw_only=True, tag="failed"):
    """The work failed and the copy ends."""

    reason: str


WorkReport = (
    CopyHere
    | Progress
    | CensusReport
    | MemoryReport
    | ChainsReport
    | ReferrersReport
    | WayReport
    | GraphReport
    | TracesReport
    | Done
    | Failed
)
"""Reports that a copy sends on its own connection."""

Report = (
    Hello
    | Stranger
    | ProbeThread
    | Answer
    | InsideSample
    | Scanned
    | Watching
    | Raw
    | LetGo
    | Trouble
    | Ending
    | MarkSet
    | BurstOpened
    | BurstClosed
    | NoBurst
    | Tracing
    | Copied
    | NoCopy
    | WorkReport
)
