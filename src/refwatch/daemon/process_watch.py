"""The reading of one target: what the probe says, the sampler, memory and CPU, each at its pace."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection

from msgspec.structs import replace

from refwatch.daemon.heap_watch import HeapOptions, HeapWatch
from refwatch.daemon.limits import CAME_BACK, GONE, NO_PROBE, other_interpreters, silent
from refwatch.readings.memory.collector import UsageCollector
from refwatch.readings.memory.inherited import InheritedCollector
from refwatch.readings.objects.state import References
from refwatch.readings.threads.budget import SamplingBudget
from refwatch.readings.threads.collector import ThreadCollector
from refwatch.readings.threads.rate_controller import RESTING_NS
from refwatch.session import events as ev
from refwatch.target.context import Context
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.target.probe_commands import Ask, End
from refwatch.target.probe_link import ProbeConnections
from refwatch.target.probe_messages import (
    Answer,
    Back,
    CommandFailed,
    Ending,
    Hello,
    InsideSample,
    MarkSet,
    ProbeThread,
    Report,
)
from refwatch.target.proc import FOREIGN_PROC, proc_is_own_namespace
from refwatch.wire.commands import Command
from refwatch.wire.connections import Connection
from refwatch.wire.event import TimedEvent

LATE_NS = 3_000_000  # that a job may wait for the next sample, for one wake-up less
ASK_NS = 1_000_000_000
IDLE_NS = 100_000_000  # the longest sleep
COST_NS = 500_000_000
HELLO_LIMIT_NS = 2_000_000_000
NO_ANSWER = "nothing can be asked of the target now"


class ProcessMonitor:
    """Watches one process. ``process`` is its number in the session, ``zero_ns`` CLOCK_MONOTONIC at
    the session's start."""

    def __init__(
        self,
        *,
        process: int,
        pid: int,
        launcher: int,
        zero_ns: int,
        rate_hz: float,
        options: HeapOptions,
        emit: Callable[[TimedEvent], None],
        fold: Callable[[], References | None],
        mark: Callable[[str, float], None],
        watched: Collection[int],
        found: Callable[[int], None],
        budget: SamplingBudget,
        forked_from: int | None = None,
    ) -> None:
        self.number = process
        self.pid = pid
        self.launcher = launcher
        self.over: str | None = None
        """Why the watch has ended; None while it goes on."""
        self._zero_ns = zero_ns
        self.peers = ProbeConnections(pid, self._take_report)
        self._context = Context(
            process=process,
            pid=pid,
            launcher=launcher,
            memory=None,
            emit=emit,
            send=self.peers.send,
            clock=self.now_ns,
            forked_from=forked_from,
            watched=watched,
            found=found,
            stretch=lambda: budget.stretch,
            copying=lambda: budget.copying,
        )
        self._scheduler = self._context.scheduler
        self._threads = ThreadCollector(
            self._context, rate_hz, budget, self.target_ended, self.replaced, self.peers.read
        )
        self._usage = UsageCollector(self._context, self._may_be_copied)
        self._inherited: InheritedCollector | None = None
        self._options = options
        self._fold = fold
        self._mark = mark
        self._heap: HeapWatch | None = None
        self._hello: Hello | None = None
        self._probe_cpu_s = 0.0
        self._probe_away = False
        """The last time that it was to be asked."""
        self._waiting: list[Command] = []
        """Viewers' commands that came before the probe."""

    def now_ns(self) -> int:
        """Nanoseconds since the session's start."""
        return time.monotonic_ns() - self._zero_ns

    def start(self) -> None:
        """Begin with what needs no probe."""
        now = self.now_ns()
        if proc_is_own_namespace():
            self._usage.begin()
            if self._context.forked_from is not None:
                self._inherited = InheritedCollector(
                    self._context, self._context.forked_from, self._may_be_copied
                )
        else:
            for reading in ("memory", "memory.uss"):
                self._context.limit(reading, FOREIGN_PROC)
        self._scheduler.at(self._check_hello, now + HELLO_LIMIT_NS)
        self._scheduler.at(self._report_cost, now + COST_NS)

    # The probe

    def _take_report(self, report: Report, peer: Connection[Report]) -> None:
        match report:
            case Hello():
                self.begin(report)
            case ProbeThread():
                self._threads.sampler.threads.mark_probe(report.tid)
            case Back():
                self._context.limit("probe", CAME_BACK)
            case Answer():
                self._take_answer(report)
            case InsideSample() if not self.over:
                self._threads.take_inside(report)
            case CommandFailed():
                text = f"it could not obey, which is a bug of refwatch's: {report.reason}"
                self._context.limit("probe", text)
            case Ending():
                self._read_last(report)
            case MarkSet():
                self._mark(report.name, report.monotonic_s - self._zero_ns / 1e9)
            case _ if self._heap is not None:
                self._heap.take(report, peer)

    def _read_last(self, ending: Ending) -> None:
        """What comes after is the interpreter taking everything down."""
        self._usage.read_last()
        if self._inherited is not None:
            self._inherited.read_last()
        if self._heap is not None:
            self._heap.read_last(ending)
        self.peers.send(End())
        import refwatch.export.summary  # noqa: F401 - needed soon, and now the target ends

        self._say_why(ending)
        self._threads.sampler.skip_wait(self.now_ns())

    def _say_why(self, ending: Ending) -> None:
        """Where the program has not begun, or has ended for want of a module."""
        reasons = [f"{ev.NOT_BEGUN}: {ending.failure}"] if ending.failure else []
        if ending.missing and self._hello is not None:
            from refwatch.daemon.environments import who_has

            reasons.append(who_has(ending.missing, self._hello.executable))
        reason = "; ".join(filter(None, reasons))
        if reason:
            self._context.limit("program", reason)

    def marking(self) -> contextlib.AbstractContextManager[None]:
        """A mark of the session is set within this; a census follows."""
        return contextlib.nullcontext() if self._heap is None or self.over else self._heap.marking()

    def limit(self, reading: str, reason: str) -> None:
        """Report that a reading is missing or less exact, once for each reason."""
        self._context.limit(reading, reason)

    @property
    def hello(self) -> Hello | None:
        """What the probe has told of the interpreter; for the child of a fork its parent's has."""
        return self._hello

    def obey(self, command: Command) -> None:
        """A viewer's command about the heap. It waits for the probe while that may come."""
        self._scheduler.wake()  # whoever asks is not to wait because the process rests
        if self._hello is None and self._check_hello in self._scheduler:
            self._waiting.append(command)
        elif self._heap is None or self.over or not self._heap.obey(command):
            self._context.emit(ev.Noted(at=self.now_ns() / 1e9, level="warning", text=NO_ANSWER))

    def _obey_waiting(self) -> None:
        """There is a probe, or there will be none."""
        self._scheduler.drop(self._check_hello)
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            self.obey(command)

    def _take_answer(self, answer: Answer) -> None:
        now = self.now_ns()
        self._threads.take_names(answer)
        if not answer.alone:
            others = self._threads.sampler.others
            self._context.limit("interpreters", other_interpreters(others))
        self._probe_cpu_s = answer.cpu_s
        generations = [
            ev.GcGeneration(collections=done, collected=freed, uncollectable=kept)
            for done, freed, kept in answer.gc
        ]
        self._context.emit(
            ev.GcMeasured(at=now / 1e9, process=self._context.process, generations=generations)
        )

    def begin_outside(self, hello: Hello) -> None:
        """The interpreter is known by a twin; nobody inside can be asked."""
        for reading in ("census", "references", "allocations", "memory split", "thread names"):
            self._context.limit(reading, NO_PROBE)
        self.begin(hello, inside=False)

    def begin(self, hello: Hello, *, inside: bool = True) -> None:
        """The interpreter is known, by its probe or, for the child of a fork, by its parent's."""
        self._hello = hello
        now = self.now_ns()
        self._context.emit(
            ev.InterpreterFound(
                at=now / 1e9,
                process=self._context.process,
                python=hello.python,
                free_threaded=hello.free_threaded,
                gil=hello.gil_enabled,
                switch_interval_s=hello.switch_interval_s,
            )
        )
        for reading, reason in hello.limits:
            self._context.limit(reading, reason)
        self._threads.begin(hello)
        if inside:
            self._watch_heap(hello)
            self._scheduler.at(self._ask, now)
        self._obey_waiting()

    def _watch_heap(self, hello: Hello) -> None:
        try:
            memory = RemoteMemory(self.pid) if self._threads.sampling else None
        except (ReadingDenied, MemoryGone, OSError):
            memory = None
        self._heap = HeapWatch(
            replace(self._context, memory=memory), self._options, hello, self._fold
        )
        if self._options.references.census == "off":
            self._context.limit("census", "switched off (--census off)")

    def _check_hello(self, _: int) -> None:
        """The probe has not answered: read what needs no interpreter."""
        if self._hello is None and not self.over:
            self._context.limit("interpreter", silent(self.pid, self.peers.stranger))
            self._threads.begin(None)
            self._obey_waiting()

    # The loop

    def step(self) -> float:
        """Do what is due; return the seconds until the next thing is."""
        now = self.now_ns()
        if not self._threads.sample(now):
            return 0.0
        if not self.over:
            self._scheduler.resting = self.rests
            self._run_jobs(now)
        following = now + IDLE_NS if self._scheduler.next is None else self._scheduler.next
        late = RESTING_NS if self.rests else LATE_NS
        if self._threads.sampling and self._threads.next_sample_ns < following + late:
            following = self._threads.next_sample_ns
        return max(0.0, (following - self.now_ns()) / 1e9)

    @property
    def sampling(self) -> bool:
        """Samples are taken from outside, one by one."""
        return self._threads.sampling

    @property
    def rests(self) -> bool:
        """Nothing that is read from time to time can have changed."""
        return self._threads.resting and not self.working

    def _run_jobs(self, now: int) -> None:
        try:
            self._scheduler.run(now)
        except ReadingDenied as error:
            self._threads.fall_back(f"no longer permitted ({error})")
        except (MemoryGone, OSError):
            pass  # the sampler, or the launcher, tells of the end

    def _may_be_copied(self) -> bool:
        return self._heap is not None and self._heap.copied

    def _ask(self, now: int) -> None:
        self._scheduler.at(self._ask, now + self._context.stretched(ASK_NS))
        if self._hello is not None and not self.peers.has_probe:
            if self._probe_away and self._heap is not None:
                self._context.limit("probe", GONE)
                self._heap.probe_gone(GONE)
            self._probe_away = True
            return
        self._probe_away = False
        self.peers.send(Ask())

    def _report_cost(self, now: int) -> int:
        if self.peers.trouble:
            self._context.limit("probe", f"it, or a copy, was let go: {self.peers.trouble}")
        if self._heap is not None:
            self._heap.ran(self._threads.ran_ns)
        self._emit_cost(now)
        return now + self._context.stretched(COST_NS)

    def replaced(self) -> None:
        """The process goes on with another program, which is not read."""
        reason = "the target has replaced itself by another program (exec)"
        self._context.limit("interpreter", reason)
        self.end(reason)

    def _emit_cost(self, now: int) -> None:
        calibration = self._hello.cpu_s if self._hello else 0.0
        self._context.emit(
            ev.CostMeasured(
                at=now / 1e9,
                process=self._context.process,
                probe_cpu_s=calibration + self._probe_cpu_s,
                probe_gil_held_s=calibration + self._threads.sampler.probe_held_ns / 1e9,
                daemon_cpu_s=time.process_time(),
                tracing_s=self._heap.tracing_s if self._heap else 0.0,
            )
        )

    def target_ended(self) -> None:
        """No reading after this; what is worked on in copies goes on until :meth:`end`."""
        if self.over:
            return
        self._threads.end()
        if self._hello is None and self.peers.stranger is not None:
            self._context.limit("interpreter", silent(self.pid, self.peers.stranger))
        self._usage.end()
        self._scheduler.drop(self._ask)
        self._obey_waiting()
        if self._heap is not None:
            self._heap.target_ended()

    @property
    def answering(self) -> bool:
        """A copy is at work whose last words are worth more than those of others."""
        return self._heap is not None and self._heap.answering

    @property
    def working(self) -> bool:
        """Something is being worked on in a copy."""
        return not self.over and self._heap is not None and self._heap.working

    def end(self, reason: str) -> None:
        """Send what is left; no reading after this."""
        if self.over:
            return
        self.over = reason
        self._obey_waiting()
        if self._heap is not None:
            self._heap.end()
        if self._inherited is not None:
            self._inherited.end()
        self._threads.end()
        self._emit_cost(self.now_ns())
        self._scheduler.clear()
