"""Reports of the probe and of hidden copies: one line of JSON each, named by ``message``.

The probe has the same messages as a table (probe/messages.py), because it imports nothing of ours:
a test holds the two together.
"""

from __future__ import annotations

from msgspec import Struct

from refwatch.target.layout import Layout
from refwatch.wire.heap_values import ChainLink, Garbage, Referenced, Referrer, Site
from refwatch.wire.task_row import TaskRow


class _Report(Struct, frozen=True, kw_only=True, tag_field="message", tag=True):
    pass


class SampleRing(Struct, frozen=True, kw_only=True):
    """Where sampled blocks are recorded: ``count`` is the address of the number of blocks so far,
    ``records`` of the first of ``room`` records of ``size`` bytes, a ring. The frames begin
    ``head`` bytes into a record. ``extra`` bytes are added to a block's size before chance
    decides."""

    count: int
    records: int
    room: int
    size: int
    head: int
    extra: int


class BurstStart(Struct, frozen=True, kw_only=True):
    """Burst mode is on. Costs as measured in the target: ``pass_s`` of a block that is not sampled,
    ``look_s`` of one that is, ``cpu_s`` of opening. ``lost``: it was on already, but its functions
    had been removed. ``count`` blocks had been sampled by ``monotonic_s`` (CLOCK_MONOTONIC)."""

    place: SampleRing
    pass_s: float
    look_s: float
    cpu_s: float
    lost: bool
    count: int
    monotonic_s: float


class EarlyBurst(Struct, frozen=True, kw_only=True):
    """Burst mode is on since before the target's first line, one block in ``mean`` bytes."""

    opened: BurstStart
    mean: int


class Hello(_Report, frozen=True, kw_only=True, tag="hello"):
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
    burst: EarlyBurst | None = None
    parent: int = 0
    """Pid of the process that has prepared this one's environment: its parent, or itself before an
    exec; 0 where it does not say."""


class Forked(_Report, frozen=True, kw_only=True, tag="forked"):
    """A child by os.fork, whose interpreter is where its parent's is. ``main`` is the address of
    its only thread's state, ``called_s`` when its parent called os.fork, ``monotonic_s`` when it
    itself began (CLOCK_MONOTONIC)."""

    pid: int
    parent: int
    main: int
    called_s: float
    monotonic_s: float


class ForeignPython(_Report, frozen=True, kw_only=True, tag="stranger"):
    """A Python that has the target's environment, but was not started by the launcher."""


class ProbeThread(_Report, frozen=True, kw_only=True, tag="thread"):
    """The probe's thread has started again after a fork."""

    tid: int


class Back(_Report, frozen=True, kw_only=True, tag="back"):
    """The target has closed what was the probe's, which has connected again. It had heard so many
    lines of the daemon's."""

    heard: int


class Answer(_Report, frozen=True, kw_only=True, tag="answer"):
    """``threads``: (ident, native id, name, daemon) of every thread that threading knows.
    ``gc``: (collections, collected, uncollectable), youngest generation first."""

    threads: list[tuple[int, int | None, str, bool]]
    gc: list[tuple[int, int, int]]
    cpu_s: float
    alone: bool = True
    """Whether there is no other interpreter in the process."""


class InsideThread(Struct, frozen=True, kw_only=True):
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


class InsideSample(_Report, frozen=True, kw_only=True, tag="inside_sample"):
    """All threads, sampled by the probe because the daemon may not read from outside."""

    threads: list[InsideThread]


class FoundObject(Struct, frozen=True, kw_only=True):
    """An object that the probe now watches. ``weak`` is the address of a weak reference to it, 0 if
    its type allows none."""

    watch: int
    name: str
    type: str
    address: int
    weak: int
    held: bool
    immortal: bool
    source: str


class Namespace(Struct, frozen=True, kw_only=True):
    """Where the names of ``__main__`` are: ``keys_at`` is the address of the pointer to the table,
    ``keys`` its value, ``entries`` the first of ``count`` pairs of a name and a value."""

    keys_at: int
    keys: int
    entries: int
    count: int


class Scanned(_Report, frozen=True, kw_only=True, tag="scanned"):
    """Result of a scan of ``__main__``. ``left_out``: number of names beyond the limit; ``full``:
    there is no room for another object."""

    namespace: Namespace | None
    found: list[FoundObject]
    cpu_s: float
    left_out: int = 0
    full: bool = False


class WatchAdded(_Report, frozen=True, kw_only=True, tag="watching"):
    """Objects that a script or a viewer has asked for; empty if none was found."""

    found: list[FoundObject]


class RawCounts(_Report, frozen=True, kw_only=True, tag="raw"):
    """(watch, ctypes, sys.getrefcount)"""

    readings: list[tuple[int, int, int]]


class Released(_Report, frozen=True, kw_only=True, tag="let_go"):
    """Objects that died because the probe held the last reference and dropped it."""

    dead: list[int]


class CommandFailed(_Report, frozen=True, kw_only=True, tag="trouble"):
    """A command failed, which is a bug of the probe; it goes on."""

    reason: str


class Ending(_Report, frozen=True, kw_only=True, tag="ending"):
    """The interpreter is about to end, and waits a moment for the last reading. ``found`` are new
    objects, ``readings`` their raw counts."""

    found: list[FoundObject]
    readings: list[tuple[int, int, int]]
    failure: str = ""
    """Why no line of the program has run; empty if one has."""
    missing: str = ""
    """The module whose absence was the reason; empty if there was another."""


class MarkSet(_Report, frozen=True, kw_only=True, tag="mark"):
    """``refwatch.mark`` was called. ``monotonic_s`` is CLOCK_MONOTONIC."""

    name: str
    monotonic_s: float


class BurstOpened(_Report, frozen=True, kw_only=True, tag="burst_opened"):
    """Burst mode is on."""

    opened: BurstStart


class BurstClosed(_Report, frozen=True, kw_only=True, tag="burst_closed"):
    """Burst mode is off. ``seen`` is false if somebody had removed its functions, so that blocks
    are missing."""

    seen: bool
    cpu_s: float


class BurstUnavailable(_Report, frozen=True, kw_only=True, tag="no_burst"):
    """Burst mode is not possible."""

    reason: str


class TracingStatus(_Report, frozen=True, kw_only=True, tag="tracing"):
    """tracemalloc status in the target."""

    on: bool
    frames: int
    """Frames that it keeps of a traceback; 0 if it is off."""
    ours: bool
    """Whether refwatch has started it."""
    early: bool
    """Whether that was before the target's first line."""
    lost: int
    """How often the target has stopped it and refwatch started it again."""
    used: bool
    """Whether the target has loaded tracemalloc itself."""
    missing: str
    """Why there is none; empty if there is."""


class _Work(_Report, frozen=True, kw_only=True):
    work: str
    """The name that the daemon gave the work."""


class Copied(_Work, frozen=True, kw_only=True, tag="copied"):
    """A copy was made, which stopped the target for ``pause_s``; 0 for the target itself."""

    pid: int
    pause_s: float


class CopyRefused(_Work, frozen=True, kw_only=True, tag="no_copy"):
    """``passing``: try again in a moment."""

    reason: str
    passing: bool = False


class CopyConnected(_Work, frozen=True, kw_only=True, tag="copy"):
    """The copy's first report, on a connection of its own. ``of`` is the pid of the process that
    was copied."""

    pid: int
    of: int = 0


class Progress(_Work, frozen=True, kw_only=True, tag="progress"):
    text: str
    share: float | None


class LargestRow(Struct, frozen=True, kw_only=True):
    """As Largest; ``chain`` is None if it was not looked for, because it is known from before."""

    type: str
    address: str
    size: int
    filled: float | None
    chain: list[ChainLink] | None = None


class CensusReport(_Work, frozen=True, kw_only=True, tag="census"):
    """``classes``: (address, tp_name, metaclass, references, references that are no instance's or
    -1, instances that the collector tracks or -1, module, name). ``types``: (module, name, count,
    size)."""

    objects: int
    classes: list[tuple[int, int, int, int, int, int, str, str]]
    types: list[tuple[str, str, int, int]]
    most_referenced: list[Referenced]
    untracked: bool
    took_s: float
    garbage: list[int] = []
    """Addresses of watched objects that only the probe's references keep alive."""
    unreachable: Garbage | None = None
    """None if it was not looked for: inside the target, or because the heap is too large."""
    largest: list[LargestRow] = []
    """The largest single objects, the largest first."""


class MemoryReport(_Work, frozen=True, kw_only=True, tag="memory"):
    """Statistics of the allocators when the copy was made; None if unknown, with the reason among
    ``reasons``."""

    python: tuple[int, int, int] | None
    """Python's small-object allocator: (bytes in blocks, other bytes in its arenas, arenas)"""
    c: tuple[int, int] | None
    """malloc: (bytes in blocks, free bytes)"""
    reasons: list[str]


class ChainsReport(_Work, frozen=True, kw_only=True, tag="chains"):
    """As ChainsFound; ``spread`` is for a second look, where growth needs two."""

    module: str
    name: str
    looked: int
    chains: list[list[ChainLink]]
    allocated_at: list[Site]
    missing: str = ""
    garbage: int = 0
    spread: list[tuple[int, int]] | None = None


class ReferrersReport(_Work, frozen=True, kw_only=True, tag="referrers"):
    """As the ReferrersFound event has it."""

    node: int
    type: str
    label: str
    address: str
    references: int | None
    seen: int | None
    referrers: list[Referrer]
    left_out: int


class ObjectPath(Struct, frozen=True, kw_only=True):
    """How the probe finds an object in the target: ("module", name), then further steps."""

    address: int
    steps: list[tuple[str, str | int]]


class PathReport(_Work, frozen=True, kw_only=True, tag="path"):
    """``path`` is None where names, keys and indices do not lead to the object."""

    node: int
    path: ObjectPath | None


class GraphReport(_Work, frozen=True, kw_only=True, tag="graph"):
    dot: str


class TracesReport(_Work, frozen=True, kw_only=True, tag="traces"):
    """Sums of tracemalloc's traces, without refwatch's own. ``sites`` are the places to which the
    groups refer by index, ``lines`` (site, size, count), ``files`` (file, size,
    count), ``tracebacks`` (sites, innermost first, size, count): the largest ones of each."""

    frames: int
    traced: int
    peak: int
    blocks: int
    sites: list[tuple[str, int, str]]
    lines: list[tuple[int, int, int]]
    files: list[tuple[str, int, int]]
    tracebacks: list[tuple[list[int], int, int]]
    took_s: float


class TasksReport(_Work, frozen=True, kw_only=True, tag="tasks"):
    """``left_out``: further tasks, which were only counted."""

    tasks: list[TaskRow]
    left_out: int


class Done(_Work, frozen=True, kw_only=True, tag="done"):
    """The copy ends."""


class Failed(_Work, frozen=True, kw_only=True, tag="failed"):
    reason: str


WorkReport = (
    CopyConnected
    | Progress
    | CensusReport
    | MemoryReport
    | ChainsReport
    | ReferrersReport
    | PathReport
    | GraphReport
    | TracesReport
    | TasksReport
    | Done
    | Failed
)
"""Reports of a copy on its own connection."""

Report = (
    Hello
    | Forked
    | ForeignPython
    | ProbeThread
    | Back
    | Answer
    | InsideSample
    | Scanned
    | WatchAdded
    | RawCounts
    | Released
    | CommandFailed
    | Ending
    | MarkSet
    | BurstOpened
    | BurstClosed
    | BurstUnavailable
    | TracingStatus
    | Copied
    | CopyRefused
    | WorkReport
)
