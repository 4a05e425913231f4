"""Everything that can happen in a session, as typed structs. The state is a fold over these.

``at`` is in seconds since the target was started (or since it was attached to). On a wire and in a
recording an event is one line of JSON whose ``event`` field names it. Fields may be added with a
default; a name or a unit never changes.
"""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.model.allocation_events import AllocationsSwitched as AllocationsSwitched
from refwatch.model.allocation_events import BurstMeasured as BurstMeasured
from refwatch.model.allocation_events import MemoryMeasured as MemoryMeasured
from refwatch.model.allocation_events import SitesSeen as SitesSeen
from refwatch.model.allocation_events import TracebacksSeen as TracebacksSeen
from refwatch.model.allocation_events import TracesFailed as TracesFailed
from refwatch.model.allocation_events import TracesTaken as TracesTaken
from refwatch.model.chain_events import ChainsFound as ChainsFound
from refwatch.model.event import TimedEvent as _Event
from refwatch.model.process_events import GcGeneration as GcGeneration
from refwatch.model.process_events import GcMeasured as GcMeasured
from refwatch.model.process_events import GcPaused as GcPaused
from refwatch.model.process_events import ProcessMeasured as ProcessMeasured
from refwatch.model.references import Garbage, Largest, Referenced, Referrer, TypeCount
from refwatch.model.states import ThreadState
from refwatch.model.viewer_events import ViewerRefused as ViewerRefused


class TargetStarted(_Event, frozen=True, tag="target_started"):
    """The target process exists. ``started_at`` is RFC 3339 in UTC."""

    pid: int
    argv: list[str]
    executable: str
    cwd: str
    started_at: str
    refwatch: str
    terminal: bool = False
    """The target writes to a pseudo-terminal of ours, so its output arrives as events."""
    ppid: int | None = None


class InterpreterFound(_Event, frozen=True, tag="interpreter_found"):
    """The probe has answered from inside the target's interpreter."""

    pid: int
    python: str
    free_threaded: bool
    gil: bool
    switch_interval_s: float


NOT_BEGUN = "it did not begin"
"""How the reason of the limit ``program`` begins where Python has refused to run the program."""


class ReadingLimited(_Event, frozen=True, tag="reading_limited"):
    """A reading that this machine or interpreter does not allow, and why."""

    reading: str
    reason: str


class ThreadStarted(_Event, frozen=True, tag="thread_started"):
    """A thread was seen for the first time. ``serial`` is its name in all later events, because
    the kernel uses a ``tid`` again."""

    serial: int
    pid: int
    tid: int
    ident: int | None = None
    """``threading.get_ident()`` of it; None for a thread that Python does not know."""
    name: str = ""
    """What the kernel calls it; Python's own name comes as ThreadNamed."""


class ThreadNamed(_Event, frozen=True, tag="thread_named"):
    """A thread's name was learnt, or has changed."""

    serial: int
    name: str
    daemon: bool | None = None


class ThreadEnded(_Event, frozen=True, tag="thread_ended"):
    serial: int


class LineSeen(_Event, frozen=True, tag="line_seen"):
    """A source line got a number, by which samples name it."""

    line: int
    file: str
    number: int
    function: str


class GilSlice(Struct, frozen=True):
    """What the GIL did in one slice of time."""

    held_s: float
    """Time locked, seconds."""
    wait_s: float
    """Sum over the threads of their time in ``gil_wait``, seconds."""
    handoffs: int
    """By how much the GIL's own switch_number grew."""
    interval_s: float
    """sys.getswitchinterval(), as the GIL has it."""
    longest_hold_s: float = 0.0
    """The longest time so far for which one thread kept the GIL while others waited for it, of the
    holds that were under way in this slice; 0 where nobody waited."""
    longest_serial: int = 0
    """The thread of that hold."""
    longest_line: int = 0
    """The line number of LineSeen at which most of that hold was spent; 0 where not known."""
    collecting_s: float | None = None
    """Time in which the cyclic garbage collector ran, seconds; None where that can't be read."""


class ThreadSlice(Struct, frozen=True, omit_defaults=True):
    """What one thread did in one slice of time."""

    serial: int
    samples: int
    states: dict[ThreadState, float]
    """Seconds in each state; their sum is the part of the slice that the thread lived through."""
    runs: str = ""
    """The states in order, as :func:`refwatch.model.states.encode_runs` writes them."""
    hot: list[tuple[int, ThreadState, float]] = []
    """(line number of LineSeen, state, seconds)."""
    stack: list[int] | None = None
    """Line numbers of LineSeen, innermost first; None when it is what it was."""
    cpu_s: float = 0.0
    """On-CPU time of the thread so far, seconds."""
    cpu_wait_s: float = 0.0
    """Time on a run queue so far, seconds."""
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    holds_running_s: float = 0.0
    """Time with the GIL in this slice while on a CPU, seconds: ``gil_held``."""
    holds_cpu_wait_s: float = 0.0
    """Time with the GIL kept while waiting for a CPU, seconds."""
    holds_blocked_s: float = 0.0
    """Time with the GIL kept while blocked in a system call, seconds."""
    unmoved_s: float = 0.0
    """For how long it has been in ``lock_wait`` without a break, at the end of this slice."""
    loop_blocked: list[tuple[int, ThreadState, float]] = []
    """The part of ``hot`` in which a callback kept the thread's asyncio event loop."""


class Sampled(_Event, frozen=True, tag="sampled"):
    """What the samples of one slice of time, some tenth of a second, add up to."""

    pid: int
    span_s: float
    samples: int
    gil: GilSlice | None
    threads: list[ThreadSlice]
    rate_hz: float
    """Samples per second that were asked for in this slice."""
    torn: int = 0
    """Frames dropped because they changed while being read."""
    unmoved_s: float = 0.0
    """For how long all threads have been in ``lock_wait`` without a break, at its end."""


class WatchedFound(_Event, frozen=True, tag="watched_found"):
    """An object is watched from now on. ``watch`` is its name in later events, because an address
    is used again. ``source`` says who asked: ``main`` (bound in ``__main__``), ``option``,
    ``script`` (refwatch.watch) or ``viewer``."""

    pid: int
    watch: int
    name: str
    type: str
    address: str
    source: str
    held: bool = False
    """Its type allows no weak reference, so refwatch holds one reference, which no count has."""
    immortal: bool = False


class RawReading(Struct, frozen=True):
    """What was read of one object in the target itself, refwatch's own references included."""

    watch: int
    ctypes: int
    """``ctypes.c_uint32.from_address(address)``"""
    getrefcount: int
    """``sys.getrefcount(object)``"""


class WatchedRead(_Event, frozen=True, tag="watched_read"):
    """Raw readings. ``offset`` is how much more ``getrefcount`` reads than ctypes on this
    interpreter and call path, measured on an object whose count is known."""

    pid: int
    offset: int
    readings: list[RawReading]


class WatchedCounted(_Event, frozen=True, tag="watched_counted"):
    """(watch, references) of each object whose count has changed."""

    pid: int
    counts: list[tuple[int, int]]


class WatchedEnded(_Event, frozen=True, tag="watched_ended"):
    """No longer watched: it has ``died``, or somebody has asked."""

    pid: int
    watch: int
    died: bool = True


class ClassFound(_Event, frozen=True, tag="class_found"):
    """A class defined in Python, whose instances are counted live from now on. ``serial`` is its
    name in later events."""

    pid: int
    serial: int
    module: str
    name: str


class ClassesCounted(_Event, frozen=True, tag="classes_counted"):
    """(serial, live instances) of each class whose number has changed; it may be none, and then all
    are what they were. ``last``: the interpreter is about to end, and no reading follows."""

    pid: int
    counts: list[tuple[int, int]]
    last: bool = False


class ClassEnded(_Event, frozen=True, tag="class_ended"):
    """The class itself is gone."""

    pid: int
    serial: int


class CensusBegun(_Event, frozen=True, tag="census_begun"):
    """A copy of the target has been made. ``pause_s`` is how long the target stood still for it."""

    pid: int
    number: int
    reason: str
    """``interval``, ``mark``, ``viewer`` or ``end`` (of a target in which there was none yet)"""
    pause_s: float
    method: str = "copy"
    """``copy``, or ``inside`` where the target itself walks its heap."""


class TargetPaused(_Event, frozen=True, tag="target_paused"):
    """The target stood still for ``pause_s`` because a copy of it was made for other work than a
    census."""

    pid: int
    pause_s: float


class CensusTaken(_Event, frozen=True, tag="census_taken"):
    """What the heap holds at ``at``, the moment of the copy."""

    pid: int
    number: int
    took_s: float
    objects: int
    """Objects that the collector tracks."""
    types: list[TypeCount]
    """Those that have changed since the census before; a count of 0 is a type that is gone."""
    most_referenced: list[Referenced] = field(default_factory=list)
    untracked: bool = False
    """Objects that the collector does not track (str, int, bytes ..) were counted too."""
    moved: list[tuple[int, int]] = field(default_factory=list)
    """(serial, by how much) of each class of which other references than those of instances have
    come or gone since the census before: its live count moved along with them."""
    garbage: Garbage | None = None
    """None where it was not looked for."""
    largest: list[Largest] = field(default_factory=list)
    """The largest single objects of at least 1 MiB each, the largest first."""


class CensusFailed(_Event, frozen=True, tag="census_failed"):
    """``retry_s``: seconds until it is tried again; None when it is not."""

    pid: int
    reason: str
    retry_s: float | None


class WorkProgressed(_Event, frozen=True, tag="work_progressed"):
    """How far a piece of long work in a copy has come. ``work`` is the name that the viewer gave
    it; ``share`` is 0 to 1, None when nobody knows. ``done`` with a ``failure`` went wrong."""

    pid: int
    work: str
    text: str
    share: float | None = None
    done: bool = False
    failure: str | None = None


class ReferrersFound(_Event, frozen=True, tag="referrers_found"):
    """Who refers to one node of an inspection. Node 0 is the object that was asked about.

    ``references`` is its true count at the moment of the copy, ``seen`` how many of them were
    found; what is left is unaccounted for: a C extension's, or a value just being computed.
    Both are None for an immortal object.
    """

    pid: int
    inspection: str
    node: int
    type: str
    label: str
    address: str
    references: int | None
    seen: int | None
    referrers: list[Referrer]
    left_out: int = 0
    """Holders beyond those listed."""


class InspectionEnded(_Event, frozen=True, tag="inspection_ended"):
    """The copy behind an inspection is gone: what was not opened cannot be opened any more."""

    pid: int
    inspection: str
    reason: str


class GraphWritten(_Event, frozen=True, tag="graph_written"):
    """The reference graph that was asked for is in these files: DOT, and SVG where graphviz is."""

    paths: list[str]


class CostMeasured(_Event, frozen=True, tag="cost_measured"):
    """What refwatch itself has used so far, seconds."""

    probe_cpu_s: float
    probe_gil_held_s: float
    daemon_cpu_s: float
    tracing_s: float = 0.0
    """Time that burst mode has cost the target, as measured in it; what exact mode costs cannot be
    told from the target's own time."""


class RateChanged(_Event, frozen=True, tag="rate_changed"):
    rate_hz: float
    reason: str


class OutputWritten(_Event, frozen=True, tag="output_written"):
    """The target wrote this to its terminal; bytes that are no UTF-8 are replaced."""

    data: str


class Noted(_Event, frozen=True, tag="noted"):
    """Something the user should read once; ``level`` is ``info``, ``warning`` or ``error``."""

    level: str
    text: str


class Marked(_Event, frozen=True, tag="marked"):
    name: str


class SnapshotWritten(_Event, frozen=True, tag="snapshot_written"):
    path: str


class TargetExited(_Event, frozen=True, tag="target_exited"):
    """The target is gone. ``exit_code`` as a shell has it: 128+N for signal N; None if unknown."""

    pid: int
    exit_code: int | None


class WatchEnded(_Event, frozen=True, tag="watch_ended"):
    """No further reading will come. ``reason`` is a sentence."""

    reason: str


class Checkpoint(_Event, frozen=True, tag="checkpoint"):
    """The whole state of the session at ``at``, as refwatch.session.codec encodes it: the first
    event for a viewer that comes late, and in a recording a place to start from. ``shape`` tells
    which version's state it is; another version's is of no use."""

    shape: str
    data: bytes


Event = (
    TargetStarted
    | InterpreterFound
    | ReadingLimited
    | ThreadStarted
    | ThreadNamed
    | ThreadEnded
    | LineSeen
    | Sampled
    | ProcessMeasured
    | GcMeasured
    | GcPaused
    | AllocationsSwitched
    | SitesSeen
    | TracebacksSeen
    | BurstMeasured
    | TracesTaken
    | TracesFailed
    | MemoryMeasured
    | WatchedFound
    | WatchedRead
    | WatchedCounted
    | WatchedEnded
    | ClassFound
    | ClassesCounted
    | ClassEnded
    | CensusBegun
    | TargetPaused
    | CensusTaken
    | CensusFailed
    | ChainsFound
    | WorkProgressed
    | ReferrersFound
    | InspectionEnded
    | GraphWritten
    | CostMeasured
    | RateChanged
    | OutputWritten
    | Noted
    | Marked
    | SnapshotWritten
    | TargetExited
    | WatchEnded
    | ViewerRefused
    | Checkpoint
)
