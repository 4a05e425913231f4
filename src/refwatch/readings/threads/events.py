"""Events about threads, their states and the GIL."""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.readings.threads.states import ThreadState
from refwatch.wire.event import TimedEvent

END = 100  # frames at each end of a deep stack that are told
COLLECTOR = "<garbage collector>"  # file and function of the line that stands for it
LEFT_OUT = "<frames left out>"  # the same of the frames between the ends; its number is theirs


class ThreadStarted(TimedEvent, frozen=True, kw_only=True, tag="thread_started"):
    """A thread was seen for the first time. ``serial`` is its name in all later events, because
    the kernel uses a ``tid`` again."""

    serial: int
    tid: int
    ident: int | None = None
    """``threading.get_ident()`` of it; None for a thread that Python does not know."""
    name: str = ""
    """What the kernel calls it; Python's own name comes as ThreadNamed."""


class ThreadNamed(TimedEvent, frozen=True, kw_only=True, tag="thread_named"):
    """A thread's name was learnt, or has changed."""

    serial: int
    name: str
    daemon: bool | None = None


class ThreadEnded(TimedEvent, frozen=True, kw_only=True, tag="thread_ended"):
    serial: int


class LineSeen(TimedEvent, frozen=True, kw_only=True, tag="line_seen"):
    """A source line got a number, by which samples name it."""

    line: int
    file: str
    number: int
    function: str


class PathsSeen(TimedEvent, frozen=True, kw_only=True, tag="paths_seen"):
    """Paths of calls got numbers, by which samples name them."""

    nodes: list[tuple[int, int, int]]
    """(number, number of the callers' path, line number of LineSeen); 0 is the path without a call.
    The numbers of a process follow one another."""


class GilSlice(Struct, frozen=True, kw_only=True):
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
    holds: dict[int, int] = {}
    """Holds that ended with a handoff: bucket of LogHistogram -> how many."""
    longest_held_s: float = 0.0
    """The longest of these."""
    hold_lines: list[tuple[int, float]] = []
    """(line number of LineSeen, seconds of the longest of these at it)"""
    waits: dict[int, int] = {}
    """Waits of a thread for the GIL, from wanting to having it, in the same form."""
    longest_wait_s: float = 0.0
    after_io: dict[int, int] = {}
    """Times from the end of a thread's wait for I/O until it had the GIL, in the same form."""
    longest_after_io_s: float = 0.0


class ThreadCounters(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The kernel's counters of one thread, since it began: schedstat, status and stat of
    proc_pid_task(5)."""

    cpu_s: float = 0.0
    """Time on a CPU, seconds."""
    cpu_wait_s: float = 0.0
    """Time on a run queue, seconds."""
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    minor_faults: int = 0
    """Page faults that read nothing from disk."""
    major_faults: int = 0
    """Page faults for which a page was read from disk."""


class ThreadSlice(ThreadCounters, frozen=True, kw_only=True, omit_defaults=True):
    """What one thread did in one slice of time."""

    serial: int
    samples: int
    states: dict[ThreadState, float]
    """Seconds in each state; their sum is the part of the slice that the thread lived through."""
    runs: str = ""
    """The states in order, as :func:`refwatch.readings.threads.states.encode_runs` writes them."""
    paths: list[tuple[int, ThreadState, float]] = []
    """(path number of PathsSeen, state, seconds): the time at the last line of the path itself."""
    hot: list[tuple[int, ThreadState, float]] = []
    """(line number of LineSeen, state, seconds): the rest, at lines without a path."""
    stack: list[int] | None = None
    """Line numbers of LineSeen, innermost first; None when it is what it was. Of a deep stack it
    has the innermost and the outermost END."""
    left_out: int = 0
    """Number of frames between these."""
    holds_running_s: float = 0.0
    """Time with the GIL in this slice while on a CPU, seconds: ``gil_held``."""
    holds_cpu_wait_s: float = 0.0
    """Time with the GIL kept while waiting for a CPU, seconds."""
    holds_blocked_s: float = 0.0
    """Time with the GIL kept while blocked in a system call, seconds."""
    unmoved_s: float = 0.0
    """For how long it has been in ``lock_wait`` without a break, at the end of this slice."""
    unread_cpu_s: float = 0.0
    """The part of ``cpu_s`` that it had after it was last read: its share of what the kernel has
    counted of threads that are gone."""
    loop_blocked: list[tuple[int, ThreadState, float]] = []
    """(line, state, seconds): the part of all that in which a callback kept the thread's asyncio
    event loop."""


class CollectorSlice(Struct, frozen=True, kw_only=True):
    """Collections of the cyclic garbage collector that were seen and have ended in one slice of
    time, each as long as the samples that found it under way."""

    pauses: dict[int, int]
    """Bucket of LogHistogram -> how many."""
    longest_s: float
    longest_line: int = 0
    """Line number of LineSeen at which the longest was set off; 0 where not known."""
    lines: list[tuple[int, int, float, float]] = []
    """(line at which they were set off or 0, how many, seconds, those of the longest)"""


class InterpreterSlice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one interpreter did in one slice of time, told while there is more than the main one."""

    number: int
    """Its id (interpreters.Interpreter.id); 0 is the main one, whose GIL is told in ``Sampled``."""
    span_s: float = 0.0
    """The part of the slice in which it was there, seconds."""
    gil_own: bool | None = None
    """Whether its GIL is its own (PEP 684); None where that is not known yet."""
    gil: GilSlice | None = None
    """What its own GIL did."""
    threads: list[int] | None = None
    """Serials of the threads that were seen to run in it and have not ended; None when these are
    what they were."""
    ended: bool = False


class Sampled(TimedEvent, frozen=True, kw_only=True, tag="sampled"):
    """What the samples of one slice of time, some tenth of a second, add up to."""

    span_s: float
    samples: int
    gil: GilSlice | None
    threads: list[ThreadSlice]
    rate_hz: float
    """Samples per second that were asked for in this slice."""
    torn: int = 0
    """Frames dropped because they changed while being read."""
    unseen: dict[ThreadState, float] = field(default_factory=dict)
    """CPU time in this slice of threads that began and ended between two samples, seconds."""
    unseen_threads: int = 0
    """How many of these began in this slice."""
    unmoved_s: float = 0.0
    """For how long all threads have been in ``lock_wait`` without a break, at its end."""
    collector: CollectorSlice | None = None
    """None where no collection has ended."""
    interpreters: list[InterpreterSlice] = field(default_factory=list)


class RateChanged(TimedEvent, frozen=True, kw_only=True, tag="rate_changed"):
    rate_hz: float
    reason: str
