"""Everything that can happen in a session, as typed structs. The state is a fold over these.

``at`` is in seconds since the target was started (or since it was attached to). On a wire and in a
recording an event is one line of JSON whose ``event`` field names it. Fields may be added with a
default; a name or a unit never changes.
"""

from __future__ import annotations

from msgspec import Struct

from refwatch.model.states import ThreadState


class _Event(Struct, frozen=True, tag_field="event", tag=True, omit_defaults=True):
    at: float


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


class ProcessMeasured(_Event, frozen=True, tag="process_measured"):
    """Memory in bytes, CPU time in seconds since the process began."""

    pid: int
    rss: int
    peak_rss: int
    user_s: float
    system_s: float
    uss: int | None = None


class GcGeneration(Struct, frozen=True):
    collections: int
    collected: int
    uncollectable: int


class GcMeasured(_Event, frozen=True, tag="gc_measured"):
    """``gc.get_stats()``, youngest generation first."""

    pid: int
    generations: list[GcGeneration]


class CostMeasured(_Event, frozen=True, tag="cost_measured"):
    """What refwatch itself has used so far, seconds."""

    probe_cpu_s: float
    probe_gil_held_s: float
    daemon_cpu_s: float


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
    | CostMeasured
    | RateChanged
    | OutputWritten
    | Noted
    | Marked
    | SnapshotWritten
    | TargetExited
    | WatchEnded
)
