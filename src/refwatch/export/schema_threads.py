"""Structs of the snapshot about threads, the GIL, and where the time goes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from refwatch.readings.threads.states import ThreadState


class Gil(Struct, frozen=True, kw_only=True):
    """The main interpreter's. ``held_fraction``: share of the time with the GIL locked.
    ``contention``: mean number of threads in ``gil_wait``. ``handoffs``: growth of the GIL's own
    switch_number under watch. ``series``: [time, held fraction, threads waiting]."""

    present: bool | None
    held_fraction: float | None
    contention: float | None
    handoffs: int | None
    switch_interval_s: float | None
    series: list[tuple[float, float, float]]


class Interpreter(Struct, frozen=True, kw_only=True):
    """An interpreter of the process; ``id`` 0 is the main one. ``gil_own``: whether its GIL is its
    own (PEP 684); null where there is none, or that was not seen. ``held_fraction``, ``contention``
    and ``handoffs`` are of the GIL that it takes, as in ``gil``, while it was there. ``threads``:
    those that were seen to run in it, of those that are told."""

    id: int
    gil_own: bool | None
    held_fraction: float | None
    threads: list[int]
    contention: float | None = None
    handoffs: int | None = None
    started_s: float = 0.0
    ended_s: float | None = None


class Line(Struct, frozen=True, kw_only=True):
    file: str
    line: int
    function: str


class HotLine(Struct, frozen=True, kw_only=True):
    """A line at which the thread spent ``seconds`` in ``state``."""

    file: str
    line: int
    function: str
    state: ThreadState
    seconds: float


class Thread(Struct, frozen=True, kw_only=True):
    """``states`` has the seconds in each state, which add up to the thread's time under watch.
    ``stack`` was read last, innermost first. ``hot`` has the lines with most seconds, most
    first."""

    tid: int
    ident: int | None
    name: str
    daemon: bool | None
    alive: bool
    samples: int
    states: dict[ThreadState, float]
    cpu_s: float | None
    cpu_wait_s: float | None
    voluntary_switches: int | None
    involuntary_switches: int | None
    minor_faults: int | None
    """Page faults that read nothing from disk."""
    major_faults: int | None
    """Page faults for which a page was read from disk."""
    stack: list[Line]
    hot: list[HotLine]
    started_s: float
    ended_s: float | None
    holds_s: float | None = None
    """Seconds with the GIL, running or not; null where that was not sampled."""
    frames_left_out: int = 0
    """Of a stack of more than 200 frames, those that are not in ``stack``, after the hundredth."""
    group: str | None = None
    """Name of its group; null where it is the only one of its kind."""


class ThreadGroup(Struct, frozen=True, kw_only=True):
    """Two threads or more that do the same: of one name but for its numbers, ``worker-*``, or
    without a name of one function, ``in crunch``. Sums over all that ever lived; those that began
    and ended between two samples are the group ``too short to be seen``. ``unattributed_s`` is the
    part of ``cpu_s`` that the threads had after they were last read: what the kernel has counted of
    threads that are gone, shared among them. ``comes_and_goes``: panels and summary tell the group
    in place of its threads."""

    name: str
    threads: int
    alive: int
    states: dict[ThreadState, float]
    cpu_s: float
    hot: list[HotLine]
    unattributed_s: float = 0.0
    comes_and_goes: bool = False


class HoldLine(Struct, frozen=True, kw_only=True):
    """Seconds for which threads ran at this line with the GIL, and the longest hold that was seen
    to end there with a handoff; null where none was."""

    file: str
    line: int
    function: str
    seconds: float
    longest_s: float | None


class Holds(Struct, frozen=True, kw_only=True):
    """Seconds for which the GIL was held by threads that ran, waited for a CPU, or were blocked in
    a system call. ``longest_s``: the longest hold while another thread waited, at ``longest_at``;
    null if none ever waited. ``p50_s`` and ``p99_s``: half and 99 of 100 of the holds that ended
    with a handoff were at most so long, within 5 %; null without any."""

    running_s: float
    cpu_wait_s: float
    blocked_s: float
    longest_s: float | None
    longest_at: Line | None
    p50_s: float | None = None
    p99_s: float | None = None
    by_line: list[HoldLine] = []


class AfterIo(Struct, frozen=True, kw_only=True):
    """How long it took a thread from the end of a wait for I/O until it ran Python code again, in
    seconds: its waits for a CPU and for the GIL. ``exact_s``: each is exact to about so much, the
    time between two samples. Null where there was none."""

    count: int
    p50_s: float | None
    p99_s: float | None
    longest_s: float | None
    exact_s: float | None


class Waits(Struct, frozen=True, kw_only=True):
    """How long a thread waited for the GIL at a time, from wanting to having it, in seconds. Null
    where none has waited."""

    p50_s: float | None
    p99_s: float | None
    longest_s: float | None
    after_io: AfterIo | None = None


class CollectorLine(Struct, frozen=True, kw_only=True):
    """The collections that a line has set off, of those that were seen, in seconds."""

    file: str
    line: int
    function: str
    pauses: int
    seconds: float
    longest_s: float | None


class Collector(Struct, frozen=True, kw_only=True):
    """Time of the cyclic garbage collector, by samples. ``seconds`` is all of it; ``pauses`` counts
    the collections that a sample has met: of those that are shorter than the time between two, by
    chance, some. Those of which it is not known what has set them off are in no line of
    ``by_line``. What is said of single pauses is null where none was seen, or where those that
    follow one another could not be told apart."""

    seconds: float
    pauses: int
    p50_s: float | None
    p99_s: float | None
    longest_s: float | None
    longest_at: Line | None
    by_line: list[CollectorLine]


class StackNode(Struct, frozen=True, kw_only=True):
    """A line, and the path of callers above it. ``self`` has the seconds that threads spent at the
    line itself, by their state; ``left_out`` those in what it calls and is not among ``children``,
    because only the 1,000 paths with most time are told. ``frames_left_out``: of a path of more
    than 75 calls, about how many there are between this one and the one above it."""

    file: str
    line: int
    function: str
    own: dict[ThreadState, float] = field(name="self")
    children: list[StackNode]
    left_out: dict[ThreadState, float] = {}
    frames_left_out: int = 0


class Stacks(Struct, frozen=True, kw_only=True):
    """All paths of calls of a process, outermost callers first, those with most time first."""

    children: list[StackNode]
    left_out: dict[ThreadState, float] = {}


class Lock(Struct, frozen=True, kw_only=True):
    """What threads have waited for, for some tenths of a second or longer, when the snapshot was
    taken or the process ended. ``kind``: ``Lock``, ``RLock``; ``Condition``, a notification (also
    of Event, Queue and others that stand on one); ``Thread``, the end of a thread, which is its
    ``owner``. ``for_s``: how long the first of the waiters has waited. ``evidence``: ``recorded``,
    the lock or the interpreter names the owner; ``with``, that thread is inside ``with lock``; null
    where the owner is not known: CPython does not record who has a Lock. ``timed``: the waiters
    whose waits end by themselves after some time. ``orphaned``: its owner is no thread of the
    process any more."""

    kind: Literal["Lock", "RLock", "Condition", "Thread"]
    address: str
    owner: int | None
    waiters: list[int]
    for_s: float
    evidence: Literal["recorded", "with"] | None = None
    timed: list[int] = []
    orphaned: bool = False
