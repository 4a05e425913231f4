"""State of a process's threads and of its GIL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, convert, field

from refwatch.readings.threads.events import GilSlice, ThreadCounters, ThreadSlice
from refwatch.readings.threads.gc_record import GcRecord
from refwatch.readings.threads.path_history import kind_of_name
from refwatch.readings.threads.state_timeline import StateTimeline
from refwatch.readings.threads.states import ThreadState
from refwatch.series.log_histogram import LogHistogram
from refwatch.series.mean_series import MeanSeries
from refwatch.series.stack_tree import StackTree

KEEP_HOT = 400  # lines and states of one thread
KEEP_PATHS = 2_000  # paths of calls and states of one thread
RECENT_S = 2.0  # how far back "now" reaches


Hot = dict[tuple[int, ThreadState], float]
"""(line, state) -> seconds"""


def add_hot(
    known: Hot, more: Iterable[tuple[int, ThreadState, float]], keep: int = KEEP_HOT
) -> Hot:
    """With so many seconds more, the hottest of them."""
    for line, state, seconds in more:
        key = (line, state)
        known[key] = known.get(key, 0.0) + seconds
    return dict(Counter(known).most_common(keep)) if len(known) > 2 * keep else known


def computing_s(states: Mapping[ThreadState, float]) -> float:
    """Seconds of these in which a thread ran or waited for a CPU to run on. One that mostly waits
    for something else wants a CPU for a moment whenever it wakes: that is no computing."""
    ran = states.get(ThreadState.GIL_HELD, 0.0) + states.get(ThreadState.NATIVE, 0.0)
    wanted = ran + states.get(ThreadState.CPU_WAIT, 0.0)
    return wanted if wanted >= sum(states.values()) / 4 else ran


class Holds(Struct, kw_only=True):
    """A thread's time with the GIL, seconds: on a CPU, waiting for one, and blocked in a system
    call."""

    running_s: float = 0.0
    cpu_wait_s: float = 0.0
    blocked_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.running_s + self.cpu_wait_s + self.blocked_s


class GilHold(Struct, frozen=True, kw_only=True):
    """One uninterrupted hold of the GIL for which others waited; ``serial`` is its thread."""

    seconds: float
    serial: int
    line: int


class ThreadRecord(Struct, kw_only=True):
    """What is known of one thread; ``serial`` is its name, because a tid is used again."""

    serial: int
    tid: int
    ident: int | None
    started_s: float
    name: str = ""
    named: bool = False
    daemon: bool | None = None
    ended_s: float | None = None
    samples: int = 0
    states: dict[ThreadState, float] = field(default_factory=dict)
    """Seconds in each state."""
    recent: dict[ThreadState, float] = field(default_factory=dict)
    """The same for about the last two seconds, fading."""
    state: ThreadState | None = None
    """At the newest sample."""
    hot: Hot = field(default_factory=dict)
    paths: Hot = field(default_factory=dict)
    """(path of calls, state) -> seconds"""
    stack: list[int] = field(default_factory=list)
    """Lines, innermost first."""
    left_out: int = 0
    """Number of frames that would come after the first END of them."""
    strip: StateTimeline = field(default_factory=StateTimeline)
    counters: ThreadCounters = field(default_factory=ThreadCounters)
    unread_cpu_s: float = 0.0
    """Of its CPU time that after it was last read, by what the kernel keeps of threads that are
    gone."""
    cpu_now: float = 0.0
    """Share of one CPU in about the last second, 0 to 1."""
    holds: Holds = field(default_factory=Holds)
    unmoved_s: float = 0.0
    """The longest time in ``lock_wait`` without a break, seconds."""
    loop_blocked: Hot = field(default_factory=dict)
    """The part of ``hot`` in which a callback kept the thread's event loop."""

    @property
    def alive(self) -> bool:
        return self.ended_s is None

    @property
    def watched_s(self) -> float:
        """Time under watch, seconds."""
        return sum(self.states.values())

    def share(self, state: ThreadState) -> float:
        """Share of its life under watch in this state, 0 to 1."""
        total = self.watched_s
        return self.states.get(state, 0.0) / total if total else 0.0

    def sampled(self, at: float, piece: ThreadSlice, tree: StackTree) -> None:
        """Take in what it did in one slice that ended at ``at``; ``tree`` has its paths."""
        self.strip.add(at, piece.runs)
        if self.alive:  # else it is the part of its last slice that it lived through
            self._show(piece)
        self.samples += piece.samples
        for state, seconds in piece.states.items():
            self.states[state] = self.states.get(state, 0.0) + seconds
        at_paths = [(tree.line(path), state, seconds) for path, state, seconds in piece.paths]
        self.hot = add_hot(self.hot, [*piece.hot, *at_paths])
        self.paths = add_hot(self.paths, piece.paths, KEEP_PATHS)
        self.loop_blocked = add_hot(self.loop_blocked, piece.loop_blocked)
        self.unmoved_s = max(self.unmoved_s, piece.unmoved_s)
        if piece.stack is not None:
            self.stack, self.left_out = piece.stack, piece.left_out
        self.unread_cpu_s = piece.unread_cpu_s
        self.counters = convert(piece, ThreadCounters, from_attributes=True)
        self.holds.running_s += piece.holds_running_s
        self.holds.cpu_wait_s += piece.holds_cpu_wait_s
        self.holds.blocked_s += piece.holds_blocked_s

    def _show(self, piece: ThreadSlice) -> None:
        """What it does now: its state, and the fading means."""
        span = sum(piece.states.values())
        self.state = self.strip.last() or self.state
        if span <= 0:
            return
        fade = max(0.0, 1.0 - span / RECENT_S)
        part = min(1.0, RECENT_S / span)
        self.recent = {s: t * fade for s, t in self.recent.items() if t * fade > 1e-4}
        for state, seconds in piece.states.items():
            self.recent[state] = self.recent.get(state, 0.0) + seconds * part
        used = max(0.0, piece.cpu_s - self.counters.cpu_s) / span
        self.cpu_now += min(1.0, span) * (min(used, 1.0) - self.cpu_now)


class ThreadGroup(Struct, kw_only=True):
    """What threads of one kind add up to. ``name`` has ``*`` for numbers; it is empty where the
    threads had no name."""

    name: str
    threads: int = 0
    states: dict[ThreadState, float] = field(default_factory=dict)
    hot: Hot = field(default_factory=dict)
    paths: Hot = field(default_factory=dict)
    cpu_s: float = 0.0
    """By the kernel's count."""
    unread_cpu_s: float = 0.0
    """Of it, what they had after they were last read: their share of what the kernel has counted of
    threads that are gone."""

    def add(self, thread: ThreadRecord, *, paths: bool = True) -> None:
        """Add a thread; its ``paths`` may be left out."""
        cpu_s, unread_s = thread.counters.cpu_s, thread.unread_cpu_s
        self.join(
            ThreadGroup(
                name="",
                threads=1,
                states=thread.states,
                hot=thread.hot,
                paths=thread.paths,
                cpu_s=cpu_s,
                unread_cpu_s=unread_s,
            ),
            paths=paths,
        )

    def saw(self, states: Mapping[ThreadState, float], threads: int) -> None:
        """Threads that were never read ran for so long."""
        ran_s = sum(states.values())
        self.join(
            ThreadGroup(
                name="",
                threads=threads,
                states=dict(states),
                hot={},
                paths={},
                cpu_s=ran_s,
                unread_cpu_s=ran_s,
            )
        )

    def join(self, other: ThreadGroup, *, paths: bool = True) -> None:
        """Add what others add up to; their ``paths`` may be left out."""
        self.threads += other.threads
        self.cpu_s += other.cpu_s
        self.unread_cpu_s += other.unread_cpu_s
        for state, seconds in other.states.items():
            self.states[state] = self.states.get(state, 0.0) + seconds
        self.hot = add_hot(self.hot, [(*key, seconds) for key, seconds in other.hot.items()])
        if paths:
            more = [(*key, seconds) for key, seconds in other.paths.items()]
            self.paths = add_hot(self.paths, more, KEEP_PATHS)


Kind = tuple[str, int]
"""What threads are told apart by: their name without its numbers; without a name ("") a line."""


def kind_of(thread: ThreadRecord, lines: Mapping[int, Line]) -> Kind:
    """Without a name: its line in the function that it runs; where that is one of threading's, or
    its stack was not read, the line at which it was most."""
    if thread.named:
        return kind_of_name(thread.name), 0
    outermost = thread.stack[-1] if thread.stack else 0
    if outermost in lines and not _is_of_threading(lines[outermost]):
        return "", outermost
    own = {
        key: spent for key, spent in thread.hot.items() if not _is_of_threading(lines.get(key[0]))
    }
    hot = own or thread.hot
    line, _ = max(hot, key=lambda key: hot[key], default=(0, None))
    return "", line


def _is_of_threading(line: Line | None) -> bool:
    return line is not None and line.file.endswith("/threading.py")


class GilRecord(Struct, kw_only=True):
    """The GIL of one interpreter, since the watch began."""

    present: bool | None = None
    held_s: float = 0.0
    wait_s: float = 0.0
    watched_s: float = 0.0
    handoffs: int = 0
    switch_interval_s: float | None = None
    series: MeanSeries = field(default_factory=lambda: MeanSeries(3))
    """(time, held fraction, threads waiting, handoffs per second)"""
    longest_hold: GilHold | None = None
    """None while nobody has waited for the GIL."""
    holds: LogHistogram = field(default_factory=LogHistogram)
    """How long it was held at a time, of the holds that ended with a handoff."""
    waits: LogHistogram = field(default_factory=LogHistogram)
    """How long a thread waited for it at a time."""
    after_io: LogHistogram = field(default_factory=LogHistogram)
    """How long it took from the end of a thread's wait for I/O until it had the GIL."""
    longest_by_line: dict[int, float] = field(default_factory=dict)
    """Line -> seconds of the longest of these holds at it."""
    collecting_s: float | None = None
    """Time in which the cyclic garbage collector ran, seconds; None where that can't be read."""
    collector: GcRecord = field(default_factory=GcRecord)

    @property
    def held_fraction(self) -> float | None:
        return self.held_s / self.watched_s if self.watched_s else None

    @property
    def contention(self) -> float | None:
        """Mean number of threads in ``gil_wait``."""
        return self.wait_s / self.watched_s if self.watched_s else None

    def sampled(self, at: float, span: float, piece: GilSlice) -> None:
        self.held_s += piece.held_s
        self.wait_s += piece.wait_s
        self.watched_s += span
        self.handoffs += piece.handoffs
        self.switch_interval_s = piece.interval_s
        if piece.longest_hold_s > (self.longest_hold.seconds if self.longest_hold else 0.0):
            self.longest_hold = GilHold(
                seconds=piece.longest_hold_s, serial=piece.longest_serial, line=piece.longest_line
            )
        self.holds.add(piece.holds, piece.longest_held_s)
        self.waits.add(piece.waits, piece.longest_wait_s)
        self.after_io.add(piece.after_io, piece.longest_after_io_s)
        for line, seconds in piece.hold_lines:
            self.longest_by_line[line] = max(seconds, self.longest_by_line.get(line, 0.0))
        if len(self.longest_by_line) > 2 * KEEP_HOT:
            self.longest_by_line = dict(Counter(self.longest_by_line).most_common(KEEP_HOT))
        if piece.collecting_s is not None:
            self.collecting_s = (self.collecting_s or 0.0) + piece.collecting_s
        if span > 0:
            self.series.add(
                at,
                piece.held_s / span,
                piece.wait_s / span,
                piece.handoffs / span,
                weight=span,
            )


class Line(Struct, kw_only=True):
    """A source line that a sample has named."""

    file: str
    number: int
    function: str
