"""All events of a session, as typed structs. The state is a fold over them.

``at`` is in seconds since the target was started or attached to. On the wire and in a recording an
event is one line of JSON, whose ``event`` field names it. Fields may be added with a default; a
name or a unit never changes.
"""

from __future__ import annotations

from functools import cache

import msgspec

from refwatch.readings.allocations.events import AllocationsSwitched as AllocationsSwitched
from refwatch.readings.allocations.events import BurstMeasured as BurstMeasured
from refwatch.readings.allocations.events import MemoryMeasured as MemoryMeasured
from refwatch.readings.allocations.events import SitesSeen as SitesSeen
from refwatch.readings.allocations.events import TracebacksSeen as TracebacksSeen
from refwatch.readings.allocations.events import TracesFailed as TracesFailed
from refwatch.readings.allocations.events import TracesTaken as TracesTaken
from refwatch.readings.memory.events import GcGeneration as GcGeneration
from refwatch.readings.memory.events import GcMeasured as GcMeasured
from refwatch.readings.memory.events import GcPaused as GcPaused
from refwatch.readings.memory.events import InheritedMeasured as InheritedMeasured
from refwatch.readings.memory.events import ProcessMeasured as ProcessMeasured
from refwatch.readings.objects.events import CensusBegun as CensusBegun
from refwatch.readings.objects.events import CensusFailed as CensusFailed
from refwatch.readings.objects.events import CensusTaken as CensusTaken
from refwatch.readings.objects.events import ChainsFound as ChainsFound
from refwatch.readings.objects.events import ClassEnded as ClassEnded
from refwatch.readings.objects.events import ClassesCounted as ClassesCounted
from refwatch.readings.objects.events import ClassFound as ClassFound
from refwatch.readings.objects.events import GraphWritten as GraphWritten
from refwatch.readings.objects.events import InspectionEnded as InspectionEnded
from refwatch.readings.objects.events import RawReading as RawReading
from refwatch.readings.objects.events import ReferrersFound as ReferrersFound
from refwatch.readings.objects.events import WatchedCounted as WatchedCounted
from refwatch.readings.objects.events import WatchedEnded as WatchedEnded
from refwatch.readings.objects.events import WatchedFound as WatchedFound
from refwatch.readings.objects.events import WatchedRead as WatchedRead
from refwatch.readings.threads.events import CollectorSlice as CollectorSlice
from refwatch.readings.threads.events import GilSlice as GilSlice
from refwatch.readings.threads.events import InterpreterSlice as InterpreterSlice
from refwatch.readings.threads.events import LineSeen as LineSeen
from refwatch.readings.threads.events import PathsSeen as PathsSeen
from refwatch.readings.threads.events import RateChanged as RateChanged
from refwatch.readings.threads.events import Sampled as Sampled
from refwatch.readings.threads.events import ThreadEnded as ThreadEnded
from refwatch.readings.threads.events import ThreadNamed as ThreadNamed
from refwatch.readings.threads.events import ThreadSlice as ThreadSlice
from refwatch.readings.threads.events import ThreadStarted as ThreadStarted
from refwatch.readings.threads.lock_events import LocksSeen as LocksSeen
from refwatch.readings.threads.lock_events import LockWait as LockWait
from refwatch.readings.threads.loop_events import LoopBlocked as LoopBlocked
from refwatch.readings.threads.loop_events import LoopFound as LoopFound
from refwatch.readings.threads.loop_events import TasksFailed as TasksFailed
from refwatch.readings.threads.loop_events import TasksListed as TasksListed
from refwatch.target.events import NOT_BEGUN as NOT_BEGUN
from refwatch.target.events import Noted as Noted
from refwatch.target.events import ReadingLimited as ReadingLimited
from refwatch.target.events import TargetPaused as TargetPaused
from refwatch.target.events import WorkProgressed as WorkProgressed
from refwatch.wire.event import SessionEvent, TimedEvent


class TargetStarted(TimedEvent, frozen=True, kw_only=True, tag="target_started"):
    """A process was started, or goes on with another program. ``started_at`` is RFC 3339 in UTC,
    and empty for a child."""

    pid: int
    argv: list[str]
    executable: str
    cwd: str
    started_at: str
    refwatch: str
    terminal: bool = False
    """Whether it writes to a pseudo-terminal of refwatch, so that its output arrives as events."""
    ppid: int | None = None
    start_method: str | None = None
    """``fork``, ``forkserver``, ``spawn`` (both of multiprocessing), ``subprocess`` or ``exec``;
    None for the program itself."""
    began_s: float | None = None
    """When it began, seconds since the session did; None where that is ``at``."""
    startup_s: float | None = None
    """From the call of os.fork to the child's first line, seconds; None for other starts."""


class InterpreterFound(TimedEvent, frozen=True, kw_only=True, tag="interpreter_found"):
    """The probe has connected from the target's interpreter."""

    python: str
    free_threaded: bool
    gil: bool
    switch_interval_s: float


class CostMeasured(TimedEvent, frozen=True, kw_only=True, tag="cost_measured"):
    """What refwatch itself has used so far, in seconds."""

    probe_cpu_s: float
    probe_gil_held_s: float
    daemon_cpu_s: float
    tracing_s: float = 0.0
    """Cost of burst mode in the target, as measured there. The cost of exact mode cannot be told
    apart from the target's own time."""


class OutputWritten(SessionEvent, frozen=True, kw_only=True, tag="output_written"):
    """The target wrote to its terminal; bytes that are not UTF-8 are replaced."""

    data: str


class TerminalSized(SessionEvent, frozen=True, kw_only=True, tag="terminal_sized"):
    """The target's terminal has this size from now on."""

    rows: int
    columns: int


class Marked(SessionEvent, frozen=True, kw_only=True, tag="marked"):
    name: str


class SnapshotWritten(SessionEvent, frozen=True, kw_only=True, tag="snapshot_written"):
    path: str


class TargetExited(TimedEvent, frozen=True, kw_only=True, tag="target_exited"):
    """The target ended. ``exit_code`` as a shell reports it: 128+N for signal N; None if
    unknown."""

    exit_code: int | None


class SessionEnded(SessionEvent, frozen=True, kw_only=True, tag="watch_ended"):
    """Nothing more will be read. ``reason`` is a sentence."""

    reason: str


class ViewerRefused(SessionEvent, frozen=True, kw_only=True, tag="viewer_refused"):
    """The daemon takes no more from this viewer, and closes; it is no part of the session.
    ``reason`` is a sentence."""

    reason: str


class Checkpoint(SessionEvent, frozen=True, kw_only=True, tag="checkpoint"):
    """The whole state of the session at ``at``, encoded by refwatch.session.codec: the first event
    of a late viewer, and a starting point in a recording. A state of another ``shape`` cannot be
    decoded."""

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
    | PathsSeen
    | Sampled
    | LocksSeen
    | LoopFound
    | LoopBlocked
    | TasksListed
    | TasksFailed
    | ProcessMeasured
    | InheritedMeasured
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
    | TerminalSized
    | Noted
    | Marked
    | SnapshotWritten
    | TargetExited
    | SessionEnded
    | ViewerRefused
    | Checkpoint
)


@cache
def event_decoder() -> msgspec.json.Decoder[Event]:
    """Made when it is first asked for: it takes longer than all else here, and the daemon has no
    need of it."""
    return msgspec.json.Decoder(Event)
