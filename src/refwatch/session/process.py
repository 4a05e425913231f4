"""State of one process: its threads, GIL, memory, references and allocations."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from refwatch.readings.allocations.state import Allocations
from refwatch.readings.objects.state import References
from refwatch.readings.threads.interpreter_records import Interpreters
from refwatch.readings.threads.lock_state import LockWaits
from refwatch.readings.threads.loop_state import LoopsState
from refwatch.readings.threads.path_history import PathHistory, Times, add_times, kind_of_name
from refwatch.readings.threads.state import (
    GilRecord,
    Line,
    ThreadGroup,
    ThreadRecord,
    computing_s,
    kind_of,
)
from refwatch.readings.threads.states import ThreadState as S
from refwatch.series.mean_series import MeanSeries
from refwatch.series.stack_tree import StackTree
from refwatch.session import events as ev

AT_ITS_END_S = 0.05  # before the end of a process: a reading of it is its last
KEEP_ENDED = 500  # ended threads that are kept in full
KEEP_CROWDS = 100  # groups of threads that ended before those
NEAR = 0.1  # change of the resident size up to which an older reading of private memory holds


def span_of_lives(processes: Iterable[ProcessState], now: float) -> float:
    """Seconds in which at least one of them lived, up to ``now``."""
    span = reached = 0.0
    for process in sorted(processes, key=lambda one: one.began_s):
        ended = now if process.ended_s is None else process.ended_s
        span += max(0.0, ended - max(process.began_s, reached))
        reached = max(reached, ended)
    return span


class ProcessState(Struct, kw_only=True):
    """Everything known about one process."""

    started: ev.TargetStarted
    interpreter: ev.InterpreterFound | None = None
    exited: ev.TargetExited | None = None
    limits: dict[str, str] = field(default_factory=dict)
    """Reading -> why it is missing or less exact."""
    lines: dict[int, Line] = field(default_factory=dict)
    tree: StackTree = field(default_factory=StackTree)
    """The paths of calls that threads name."""
    path_history: PathHistory = field(default_factory=PathHistory)
    cost: ev.CostMeasured | None = None
    rate_hz: float = 0.0
    rate_changes: list[str] = field(default_factory=list)
    work: dict[str, ev.WorkProgressed] = field(default_factory=dict)
    """Work in copies, under way or lately ended, by the name that its viewer gave it."""
    gil: GilRecord = field(default_factory=GilRecord)
    """That of the main interpreter."""
    interpreters: Interpreters = field(default_factory=Interpreters)
    references: References = field(default_factory=References)
    allocations: Allocations = field(default_factory=Allocations)
    threads: dict[int, ThreadRecord] = field(default_factory=dict)
    """Serial -> thread, in the order in which they were seen."""
    event_loops: LoopsState = field(default_factory=LoopsState)
    crowds: dict[tuple[str, int], ThreadGroup] = field(default_factory=dict)
    """(name, line) -> sums over the threads of a kind that are no longer kept in full."""
    unseen: ThreadGroup = field(default_factory=lambda: ThreadGroup(name=""))
    """Threads that began and ended between two samples: their number, and what the kernel counted
    of them."""
    samples: int = 0
    torn: int = 0
    sampled_s: float = 0.0
    unmoved_s: float = 0.0
    """Longest time in seconds during which all threads were in ``lock_wait`` without a break."""
    locks: LockWaits = field(default_factory=LockWaits)
    memory: ev.ProcessMeasured | None = None
    private: tuple[int, int] | None = None
    """(resident, private) bytes when both were last read together; private ones are shared with no
    other process."""
    first_private: tuple[float, int] | None = None
    """(time, private bytes) when they were first read: what has become private since a fork has
    been copied, or is new."""
    inherited: ev.InheritedMeasured | None = None
    """The newest reading; None where it is no child of a fork."""
    rss_series: MeanSeries = field(default_factory=lambda: MeanSeries(1, span=0.25))
    cpu_series: MeanSeries = field(default_factory=lambda: MeanSeries(1, span=0.25))
    """(time, CPUs in use); 2.0 is two CPUs fully used."""
    work_series: MeanSeries = field(default_factory=lambda: MeanSeries(1, span=0.25))
    """(time, threads that compute or want a CPU for it)"""
    gc: list[ev.GcGeneration] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Process number in the session."""
        return self.started.process

    @property
    def pid(self) -> int:
        return self.started.pid

    @property
    def began_s(self) -> float:
        """When it began, seconds since the session did."""
        return self.started.at if self.started.began_s is None else self.started.began_s

    @property
    def startup_s(self) -> float | None:
        """Seconds from the call that started it to the first line of its program; None where it is
        not known, as after an exec."""
        if self.started.start_method in ("fork", "forkserver", "exec"):
            return self.started.startup_s
        return max(0.0, self.interpreter.at - self.began_s) if self.interpreter else None

    @property
    def cpu_s(self) -> float:
        """CPU time at the last reading, seconds; 0 before the first. Of a process that was not read
        as it ended, what its threads were seen to use until then, if that is more."""
        read = self.memory.user_s + self.memory.system_s if self.memory is not None else 0.0
        read_s = self.memory.at if self.memory is not None else 0.0
        if self.exited is None or self.exited.at - read_s < AT_ITS_END_S:
            return read
        return max(read, self.on_cpu_s)

    @property
    def known_cpu_s(self) -> float | None:
        """The same; None where nothing is known of it: it lived for a moment."""
        return self.cpu_s if self.memory is not None or self.cpu_s else None

    @property
    def on_cpu_s(self) -> float:
        """How long its threads were seen to run on a CPU, seconds."""
        states = [thread.states for thread in self.threads.values()]
        states += [crowd.states for crowd in (*self.crowds.values(), self.unseen)]
        return sum(each.get(S.GIL_HELD, 0.0) + each.get(S.NATIVE, 0.0) for each in states)

    @property
    def between_samples_s(self) -> float | None:
        """Seconds between two samples, on average; None before the first."""
        return self.sampled_s / self.samples if self.samples else None

    @property
    def unread_cpu_s(self) -> float:
        """CPU time of threads after they were last read, by what the kernel keeps of those that are
        gone."""
        groups = [*self.crowds.values(), self.unseen]
        kept = sum(thread.unread_cpu_s for thread in self.threads.values())
        return kept + sum(group.unread_cpu_s for group in groups)

    @property
    def ended_s(self) -> float | None:
        """When it ended, in seconds; None while it runs."""
        return self.exited.at if self.exited is not None else None

    def path_times(self) -> Times:
        """Seconds by kind of thread, path and state, since the watch began."""
        times: Times = {}
        crowds = [(crowd.name, crowd.paths) for crowd in self.crowds.values()]
        kept = [(kind_of_name(thread.name), thread.paths) for thread in self.threads.values()]
        for kind, paths in crowds + kept:
            add_times(times, kind, ((*key, seconds) for key, seconds in paths.items()))
        return times

    def mark(self, at: float, name: str) -> None:
        """A mark was set."""
        self.references.mark(at, name)
        self.allocations.mark(at, name)
        self.path_history.mark(at, self.path_times())

    @property
    def failed(self) -> bool:
        """Whether it ended by a signal, or with a status that is not 0."""
        return self.exited is not None and bool(self.exited.exit_code)

    @property
    def copied(self) -> bool:
        """Whether there was a hidden copy of it to count its heap."""
        return bool(self.references.pauses)

    def add_thread(self, thread: ThreadRecord) -> None:
        self.threads[thread.serial] = thread
        ended = [t for t in self.threads.values() if not t.alive]
        for old in ended[: max(0, len(ended) - KEEP_ENDED)]:
            del self.threads[old.serial]
            self._forget(old)
        for old in ended:  # a thread without new slices would keep its timeline for ever
            old.strip.drop_before(thread.started_s - old.strip.keep_s)

    @property
    def forgotten_threads(self) -> int:
        """Number of ended threads that are no longer kept in full."""
        return sum(crowd.threads for crowd in self.crowds.values())

    def _forget(self, thread: ThreadRecord) -> None:
        key = kind_of(thread, self.lines)
        if key not in self.crowds and len(self.crowds) >= KEEP_CROWDS:
            key = ("", 0)
        self.crowds.setdefault(key, ThreadGroup(name=key[0])).add(thread)

    def ended_thread(self, event: ev.ThreadEnded) -> None:
        thread = self.threads.get(event.serial)
        if thread is not None:
            self._end_thread(thread, event.at)
            self.locks.ended(event.serial, event.at)

    def _end_thread(self, thread: ThreadRecord, at: float) -> None:
        thread.ended_s = at
        thread.state = None
        thread.cpu_now = 0.0
        thread.recent = {}

    def end(self, event: ev.TargetExited) -> None:
        self.exited = event
        self.references.over = True
        self.locks.end(event.at)
        for thread in self.threads.values():
            if thread.alive:
                self._end_thread(thread, event.at)

    def saw_line(self, event: ev.LineSeen) -> None:
        self.lines[event.line] = Line(file=event.file, number=event.number, function=event.function)

    def saw_paths(self, event: ev.PathsSeen) -> None:
        self.tree.add(event.nodes)

    def measured_gc(self, event: ev.GcMeasured) -> None:
        self.gc = list(event.generations)

    def measured_cost(self, event: ev.CostMeasured) -> None:
        self.cost = event

    def sampled(self, event: ev.Sampled) -> None:
        if event.rate_hz > 0:  # 0 in the rest that is sent when sampling stops
            self.rate_hz = event.rate_hz
        self.samples += event.samples
        self.torn += event.torn
        self.sampled_s += event.span_s
        self.unseen.saw(event.unseen, event.unseen_threads)
        told = {piece.serial for piece in event.threads}
        if all(thread.serial in told for thread in self.threads.values() if thread.alive):
            # one that is not told has run: what it did is not decided yet
            self.unmoved_s = max(self.unmoved_s, event.unmoved_s)
        if event.gil is not None:
            self.gil.sampled(event.at, event.span_s, event.gil)
        if event.collector is not None:
            self.gil.collector.sampled(event.collector)
        self.interpreters.sampled(event.at, event.interpreters)
        for piece in event.threads:
            thread = self.threads.get(piece.serial)
            if thread is not None:
                thread.sampled(event.at, piece, self.tree)
                self.path_history.add(event.at, kind_of_name(thread.name), piece.paths)
        if event.span_s > 0:
            work = sum(computing_s(piece.states) for piece in event.threads) / event.span_s
            self.work_series.add(event.at, work, weight=event.span_s)

    def saw_locks(self, event: ev.LocksSeen) -> None:
        self.locks.saw(event)

    def measured(self, event: ev.ProcessMeasured) -> None:
        before, self.memory = self.memory, replace(event, uss=None, uss_rss=None)
        if event.uss is not None:  # read less often than the rest
            self.private = event.uss_rss or event.rss, event.uss
            self.first_private = self.first_private or (event.at, event.uss)
        self.rss_series.add(event.at, event.rss)
        if before is not None and event.at > before.at:
            used = event.user_s + event.system_s - before.user_s - before.system_s
            span = event.at - before.at
            self.cpu_series.add(event.at, max(0.0, used) / span, weight=span)

    def measured_inherited(self, event: ev.InheritedMeasured) -> None:
        self.inherited = event

    @property
    def resident(self) -> tuple[int, int | None]:
        """The newest (resident, private) bytes that were read together; private is None if the
        resident size has changed much since."""
        now = self.memory.rss if self.memory else 0
        if self.private is not None and abs(self.private[0] - now) <= NEAR * now:
            return self.private
        return now, None
