"""The reading of one target: what the probe says, the sampler, memory and CPU, each at its pace."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

from refwatch.daemon.heap_watch import HeapOptions, HeapWatch
from refwatch.readings.memory.collector import UsageCollector
from refwatch.readings.objects.state import References
from refwatch.readings.threads.in_process import InsideSampler
from refwatch.readings.threads.rate_controller import Pace
from refwatch.readings.threads.sampler import Sampler
from refwatch.readings.threads.thread_list import read_image
from refwatch.session import events as ev
from refwatch.target.context import Context
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.target.probe_commands import Ask, End, SampleInside
from refwatch.target.probe_link import Peers
from refwatch.target.probe_messages import (
    Answer,
    Ending,
    Hello,
    InsideSample,
    MarkSet,
    ProbeThread,
    Report,
    Trouble,
)
from refwatch.target.proc import FOREIGN_PROC, proc_is_ours
from refwatch.wire.commands import Command
from refwatch.wire.connections import Connection
from refwatch.wire.event import TimedEvent

MEASURE_EVERY = 16  # samples, of which one is timed
MANY_THREADS = 64
SLICE_NS = 100_000_000
REVIEW_NS = 500_000_000
ASK_NS = 1_000_000_000
NAMES_NS = 100_000_000  # between two askings for the names of new threads
HELLO_LIMIT_NS = 2_000_000_000
INSIDE_HZ = 50  # as the probe has it
OTHER_INTERPRETERS = (
    "there are others in this process: of a thread in one with a GIL of its own only what the "
    "kernel says is told; that GIL and the code that runs there are not watched"
)


class Watch:
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
    ) -> None:
        self.pid = pid
        self.sampling = False
        self.over: str | None = None
        """Why the watch has ended; None while it goes on."""
        self._zero_ns = zero_ns
        self._pace = Pace(rate_hz)
        self.peers = Peers(pid, self._take_report)
        self._context = Context(
            process=process,
            pid=pid,
            launcher=launcher,
            memory=None,
            emit=emit,
            send=self.peers.send,
            clock=self.now_ns,
        )
        self._scheduler = self._context.scheduler
        self._sampler = Sampler(self._context)
        self._usage = UsageCollector(self._context, self._may_be_copied)
        self._options = options
        self._fold = fold
        self._heap: HeapWatch | None = None
        self._hello: Hello | None = None
        self._image = b""
        self._inside: InsideSampler | None = None
        self._probe_cpu_s = 0.0
        self._answer_at_ns = 0
        self._next_sample_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since the session's start."""
        return time.monotonic_ns() - self._zero_ns

    def start(self) -> None:
        """Begin with what needs no probe."""
        now = self.now_ns()
        if proc_is_ours():
            self._usage.begin()
        else:
            for reading in ("memory", "memory.uss"):
                self._context.limit(reading, FOREIGN_PROC)
        self._scheduler.at(self._check_hello, now + HELLO_LIMIT_NS)

    # The probe

    def _take_report(self, report: Report, peer: Connection[Report]) -> None:
        if isinstance(report, Hello):
            self._begin(report)
        elif isinstance(report, ProbeThread):
            self._sampler.threads.mark_probe(report.tid)
        elif isinstance(report, Answer):
            self._take_answer(report)
        elif isinstance(report, InsideSample):
            self._take_inside(report)
        elif isinstance(report, Trouble):
            self._context.limit(
                "probe", f"it could not obey, which is a bug of refwatch's: {report.reason}"
            )
        elif isinstance(report, Ending):
            self._read_last(report)
        elif isinstance(report, MarkSet):
            self.mark(report.name, report.monotonic_s - self._zero_ns / 1e9)
        elif self._heap is not None:
            self._heap.take(report, peer)

    def _read_last(self, ending: Ending) -> None:
        """What comes after is the interpreter taking everything down."""
        self._usage.read_last()
        if self._heap is not None:
            self._heap.read_last(ending)
        self.peers.send(End())
        self._say_why(ending)
        self._sampler.skip_wait(self.now_ns())

    def _say_why(self, ending: Ending) -> None:
        """Where the program has not begun, or has ended for want of a module."""
        reasons = [f"{ev.NOT_BEGUN}: {ending.failure}"] if ending.failure else []
        if ending.missing and self._hello is not None:
            from refwatch.daemon.environments import who_has

            reasons.append(who_has(ending.missing, self._hello.executable))
        reason = "; ".join(filter(None, reasons))
        if reason:
            self._context.limit("program", reason)

    def mark(self, name: str, at: float) -> None:
        """Set a mark; a census follows."""
        with contextlib.nullcontext() if self._heap is None or self.over else self._heap.marking():
            self._context.emit(ev.Marked(at=max(0.0, at), name=name))

    def obey(self, command: Command) -> bool:
        """A viewer's command about the heap; False if it is none, or if it cannot be done."""
        return self._heap is not None and not self.over and self._heap.obey(command)

    def _take_answer(self, answer: Answer) -> None:
        now = self.now_ns()
        self._answer_at_ns = now
        if self._inside is None:
            self._sampler.threads.take_names(answer, now)
        else:
            self._inside.take_names(answer)
        if not answer.alone:
            self._context.limit("interpreters", OTHER_INTERPRETERS)
        self._probe_cpu_s = answer.cpu_s
        generations = [
            ev.GcGeneration(collections=done, collected=freed, uncollectable=kept)
            for done, freed, kept in answer.gc
        ]
        self._context.emit(
            ev.GcMeasured(at=now / 1e9, process=self._context.process, generations=generations)
        )
        if answer.gc_pauses is not None:
            self._context.emit(
                ev.GcPaused(
                    at=now / 1e9, process=self._context.process, generations=answer.gc_pauses
                )
            )

    def _take_inside(self, sample: InsideSample) -> None:
        if self._inside is not None and not self.over:
            self._inside.sample(sample, self.now_ns())

    def _fall_back(self, reason: str) -> None:
        """Outside reading is not permitted: the probe is asked to sample from inside."""
        self.sampling = False
        text = f"{reason}; the probe samples from inside, {INSIDE_HZ} times a second"
        self._context.limit("outside reading", text)
        if self._hello is None or not self.peers.has_probe:
            return
        self._context.limit("GIL", "from inside, who holds it and who waits are estimates")
        gil = self._hello.layout.gil
        self._inside = InsideSampler(self._context, gil.gil if gil else None, INSIDE_HZ)
        self._inside.begin(self.now_ns())
        self.peers.send(SampleInside())
        self._scheduler.at(self._slice, self.now_ns() + SLICE_NS)
        self._scheduler.at(self._ask, self.now_ns() + ASK_NS)
        self._scheduler.drop(self._review)

    def _begin(self, hello: Hello) -> None:
        self._hello = hello
        self._sampler.threads.mark_probe(hello.probe_tid)
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
        self._start_sampling(hello)
        self._watch_heap(hello)

    def _watch_heap(self, hello: Hello) -> None:
        try:
            memory = RemoteMemory(self.pid) if self.sampling else None
        except (ReadingDenied, MemoryGone, OSError):
            memory = None
        self._heap = HeapWatch(
            replace(self._context, memory=memory), self._options, hello, self._fold
        )
        if self._options.references.census == "off":
            self._context.limit("census", "switched off (--census off)")

    def _check_hello(self, now: int) -> None:
        """The probe has not answered: read what needs no interpreter."""
        if self._hello is None and not self.over:
            self._say_silent()
            self._start_sampling(None)
        del now

    def _say_silent(self) -> None:
        reason = "the probe did not answer from inside the target"
        if self.peers.stranger is not None:
            reason = (
                f"the process that was started ({self.pid}) did not load the probe, but a Python "
                f"that it has started did ({self.peers.stranger}), which is not watched: --python "
                "may name a wrapper that does not exec the interpreter, or that passes -I or -E"
            )
        self._context.limit("interpreter", reason)

    # The sampler

    def _start_sampling(self, hello: Hello | None) -> None:
        now = self.now_ns()
        if not proc_is_ours():
            self._fall_back(FOREIGN_PROC)
            return
        if hello is not None and "outside reading" in dict(hello.limits):
            self._fall_back(dict(hello.limits)["outside reading"])
            return
        try:
            if hello is not None:
                memory = RemoteMemory(self.pid)
                memory.words(hello.layout.threads.main, 1) if hello.layout.threads else None
                self._sampler.attach(hello.layout, memory)
            self._sampler.begin(now)
        except ReadingDenied as error:
            self._fall_back(f"not permitted here ({error})")
            return
        except (MemoryGone, OSError):
            return  # it has ended already; the launcher says so
        self.sampling = True
        self._image = read_image(self.pid)
        self._next_sample_ns = now
        self._scheduler.at(self._slice, now + SLICE_NS)
        self._scheduler.at(self._review, now + REVIEW_NS)
        self._scheduler.at(self._ask, now)
        self._scheduler.drop(self._check_hello)

    def step(self) -> float:
        """Do what is due; return the seconds until the next thing is."""
        now = self.now_ns()
        if self.sampling and now >= self._next_sample_ns:
            measured = self._sampler.samples % MEASURE_EVERY == 0
            began = time.thread_time_ns() if measured else 0
            try:
                self._sampler.sample(now)
            except ReadingDenied as error:
                self._fall_back(f"no longer permitted ({error})")
                return 0.0
            except (MemoryGone, OSError):
                self.target_ended()
                return 0.0
            if measured:
                self._pace.sampled(time.thread_time_ns() - began)
            period = int(1e9 / self._pace.rate_hz)
            self._next_sample_ns = max(self._next_sample_ns + period, now)
        if not self.over:
            self._run_jobs(now)
        following = now + SLICE_NS if self._scheduler.next is None else self._scheduler.next
        if self.sampling and self._next_sample_ns < following:
            following = self._next_sample_ns
        return max(0.0, (following - self.now_ns()) / 1e9)

    def _run_jobs(self, now: int) -> None:
        try:
            self._scheduler.run(now)
        except ReadingDenied as error:
            self._fall_back(f"no longer permitted ({error})")
        except (MemoryGone, OSError):
            pass  # the sampler, or the launcher, tells of the end

    def _may_be_copied(self) -> bool:
        return self._heap is not None and self._heap.copied

    def _slice(self, now: int) -> None:
        self._scheduler.at(self._slice, now + self._slice_ns())
        if self._inside is not None:
            self._inside.slice()
            return
        if not self._still_the_same():
            return
        self.peers.read()  # which thread is its own it has said before we saw it
        try:
            self._sampler.read_stacks()
        except ReadingDenied as error:
            self._fall_back(f"no longer permitted ({error})")
            return
        except MemoryGone:
            self.target_ended()
            return
        self._sampler.slice(self._pace.rate_hz)
        if self._sampler.threads.names_wanted and now - self._answer_at_ns > NAMES_NS:
            self._sampler.threads.names_wanted = False
            self.peers.send(Ask())

    def _review(self, now: int) -> None:
        self._scheduler.at(self._review, now + REVIEW_NS)
        reason = self._pace.review()
        if reason:
            self._context.emit(
                ev.RateChanged(
                    at=now / 1e9,
                    process=self._context.process,
                    rate_hz=self._pace.rate_hz,
                    reason=reason,
                )
            )
        with contextlib.suppress(MemoryGone, ReadingDenied):  # the next sample says so
            self._sampler.check_code()
        self._sampler.read_switches()
        missed = self._sampler.threads.missed
        if missed:
            self._context.limit(
                "short threads", f"{missed} threads began and ended between two samples"
            )
        self._emit_cost(now)

    def _ask(self, now: int) -> None:
        self._scheduler.at(self._ask, now + ASK_NS)
        self.peers.send(Ask())

    def _slice_ns(self) -> int:
        """A slice says something of every thread: with hundreds they are longer."""
        return SLICE_NS * max(1, min(10, len(self._sampler.threads.by_tid) // MANY_THREADS))

    def _still_the_same(self) -> bool:
        """Whether the interpreter is where it was. If not it has ended, and its process soon does;
        or the target has called exec, and what was read since is nothing: it is thrown away."""
        interpreter = self._sampler.interpreter
        try:
            if interpreter is None or interpreter.alive():
                return True
        except ReadingDenied as error:
            self._fall_back(f"no longer permitted ({error})")
            return False
        except MemoryGone:
            self.target_ended()
            return False
        if read_image(self.pid) in (self._image, b""):
            self._sampler.slice(self._pace.rate_hz)
            self._sampler.leave_interpreter()
            return False
        self._sampler.discard()
        self._context.limit(
            "interpreter", "the target has replaced itself by another program (exec)"
        )
        self.end("the target has replaced itself by another program (exec)")
        return False

    def _emit_cost(self, now: int) -> None:
        calibration = self._hello.cpu_s if self._hello else 0.0
        self._context.emit(
            ev.CostMeasured(
                at=now / 1e9,
                process=self._context.process,
                probe_cpu_s=calibration + self._probe_cpu_s,
                probe_gil_held_s=calibration + self._sampler.probe_held_ns / 1e9,
                daemon_cpu_s=time.process_time(),
                tracing_s=self._heap.tracing_s if self._heap else 0.0,
            )
        )

    def target_ended(self) -> None:
        """No reading after this; what is worked on in copies goes on until :meth:`end`."""
        if self.over:
            return
        if self.sampling:
            self.sampling = False
            self._sampler.end()
        if self._hello is None and self.peers.stranger is not None:
            self._say_silent()
        self._usage.end()
        for job in (self._slice, self._review, self._ask, self._check_hello):
            self._scheduler.drop(job)
        if self._heap is not None:
            self._heap.target_ended()

    @property
    def counting_traces(self) -> bool:
        """The traces of exact mode are being counted in a copy."""
        return self._heap is not None and self._heap.counting_traces

    @property
    def working(self) -> bool:
        """Something is being worked on in a copy."""
        return not self.over and self._heap is not None and self._heap.working

    def end(self, reason: str) -> None:
        """Send what is left; no reading after this."""
        if self.over:
            return
        self.over = reason
        if self._heap is not None:
            self._heap.end()
        if self.sampling:
            self.sampling = False
            self._sampler.end()
        if self._inside is not None:
            self._inside.slice()
        self._emit_cost(self.now_ns())
        self._scheduler.clear()
