"""Samples the threads of a process: from outside, or by the probe where that is not permitted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from refwatch.readings.threads.budget import SamplingBudget
from refwatch.readings.threads.events import RateChanged
from refwatch.readings.threads.in_process import InsideSampler
from refwatch.readings.threads.kernel_look import UNKEPT
from refwatch.readings.threads.lock_collector import LockCollector
from refwatch.readings.threads.rate_controller import RateController
from refwatch.readings.threads.sampler import Sampler
from refwatch.readings.threads.thread_list import read_image
from refwatch.target.context import Context
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.target.probe_commands import Ask, SampleInside
from refwatch.target.probe_messages import Answer, Hello, InsideSample
from refwatch.target.proc import FOREIGN_PROC, proc_is_own_namespace

MEASURE_EVERY = 17  # samples, of which one is timed; no divisor of ten, after which stacks are read
MANY_THREADS = 64
SLICE_NS = 100_000_000
REVIEW_NS = 500_000_000
NAMES_NS = 100_000_000  # between two askings for the names of new threads
SHORT_THREADS = (
    "threads that begin and end between two samples are told together, by what the kernel counts"
)
INSIDE_HZ = 50  # as the probe has it


class ThreadCollector:
    """``gone`` is called when the process has ended, ``replaced`` when it has called exec;
    ``read_probe`` takes in what the probe has said."""

    def __init__(
        self,
        context: Context,
        rate_hz: float,
        budget: SamplingBudget,
        gone: Callable[[], None],
        replaced: Callable[[], None],
        read_probe: Callable[[], None],
    ) -> None:
        self.sampling = False
        """Samples are taken from outside."""
        self.next_sample_ns = 0
        self.sampler = Sampler(context)
        self._locks = LockCollector(context, self.sampler.threads)
        self._context = context
        self._gone = gone
        self._replaced = replaced
        self._read_probe = read_probe
        self._pace = RateController(rate_hz, budget)
        self._inside: InsideSampler | None = None
        self._hello: Hello | None = None
        self._image = b""
        self._named_ns = 0

    def begin(self, hello: Hello | None) -> None:
        """Sample from now on; without the probe's word only what the kernel knows."""
        self._hello = hello
        self._image = self._image_at_start()
        now = self._context.clock()
        if not proc_is_own_namespace():
            self.fall_back(FOREIGN_PROC)
            return
        if hello is not None:
            self.sampler.threads.mark_probe(hello.probe_tid)
            denied = dict(hello.limits).get("outside reading")
            if denied is not None:
                self.fall_back(denied)
                return
        try:
            if hello is not None:
                memory = RemoteMemory(self._context.pid)
                memory.words(hello.layout.threads.main, 1) if hello.layout.threads else None
                self.sampler.attach(hello.layout, memory)
                self._locks.attach(hello.layout, memory)
            self.sampler.begin(now)
        except ReadingDenied as error:
            self.fall_back(f"not permitted here ({error})")
            return
        except (MemoryGone, OSError):
            if self._has_called_exec():
                self._replaced()
            return  # else it has ended already; the launcher says so
        self.sampling = True
        self.next_sample_ns = now
        self._context.scheduler.at(self._slice, now + SLICE_NS)
        self._context.scheduler.at(self._review, now + REVIEW_NS)

    def fall_back(self, reason: str) -> None:
        """Outside reading is not permitted: the probe is asked to sample from inside."""
        self.sampling = False
        text = f"{reason}; the probe samples from inside, {INSIDE_HZ} times a second"
        self._context.limit("outside reading", text)
        if self._hello is None:
            return
        self._context.limit("GIL", "from inside, who holds it and who waits are estimates")
        gil = self._hello.layout.gil
        self._inside = InsideSampler(self._context, gil.gil if gil else None, INSIDE_HZ)
        self._inside.begin(self._context.clock())
        self._context.send(SampleInside())
        self._context.scheduler.at(self._slice, self._context.clock() + SLICE_NS)
        self._context.scheduler.drop(self._review)

    @property
    def resting(self) -> bool:
        """No thread has run for so long that nothing that is read can have changed."""
        return self.sampling and self._pace.resting

    @property
    def ran_ns(self) -> int:
        """When a thread of the target's was last seen to run."""
        return self.sampler.ran_ns if self.sampling else self._context.clock()

    def sample(self, now: int) -> bool:
        """Take a sample if it is time, or see that none is needed; False when there can be none any
        more."""
        if not self.sampling or now < self.next_sample_ns:
            return True
        if self.sampler.rests(now):
            self.next_sample_ns = now + self._pace.rest()
            return True
        measured = self.sampler.samples % MEASURE_EVERY == 0
        began = time.thread_time_ns() if measured else 0
        if not self._can(lambda: self.sampler.sample(now)):
            return False
        self._pace.sampled(time.thread_time_ns() - began if measured else None)
        if self.sampler.still:  # it was only the probe that has run
            self.next_sample_ns = now + self._pace.rest()
            return True
        self._context.scheduler.wake()
        self._pace.wake()
        self.next_sample_ns = max(self.next_sample_ns + self._pace.period_ns, now)
        return True

    def _can(self, read: Callable[[], None]) -> bool:
        """Read; False when there can be no reading any more."""
        try:
            read()
        except ReadingDenied as error:
            self.fall_back(f"no longer permitted ({error})")
        except (MemoryGone, OSError):
            self._gone()
        else:
            return True
        return False

    def take_names(self, answer: Answer) -> None:
        self._named_ns = self._context.clock()
        if self._inside is None:
            self.sampler.threads.take_names(answer, self._named_ns)
        else:
            self._inside.take_names(answer)

    def take_inside(self, sample: InsideSample) -> None:
        """A sample that the probe has taken."""
        if self._inside is not None:
            self._inside.sample(sample, self._context.clock())

    def _slice(self, now: int) -> int | None:
        if self._inside is not None:
            self._inside.slice()
        elif self._still_the_same():
            self._read_probe()  # which thread is its own it has said before it was seen
            if self._can(self.sampler.read_stacks):
                self.sampler.slice(self._pace.rate_hz)
                self._can(lambda: self._locks.look(now))
                if self.sampler.threads.names_wanted and now - self._named_ns > NAMES_NS:
                    self.sampler.threads.names_wanted = False
                    self._context.send(Ask())
        return now + self._slice_ns() if self.sampling or self._inside is not None else None

    def _slice_ns(self) -> int:
        """A slice says something of every thread: with hundreds they are longer."""
        more = max(1, min(10, len(self.sampler.threads.by_tid) // MANY_THREADS))
        return int(SLICE_NS * max(more, self._context.stretch()))

    def _review(self, now: int) -> int:
        reason = self._pace.review()
        if reason:
            self._context.emit(
                RateChanged(
                    at=now / 1e9,
                    process=self._context.process,
                    rate_hz=self._pace.rate_hz,
                    reason=reason,
                )
            )
        with contextlib.suppress(MemoryGone, ReadingDenied):  # the next sample says so
            self.sampler.check_code()
        self.sampler.threads.read_counters()
        threads = self.sampler.threads
        if threads.missed:
            self._context.limit("short threads", SHORT_THREADS)
        if len(threads.by_tid) > threads.most_kept:
            self._context.limit("threads", _short_of_files(threads.most_kept))
        return now + self._context.stretched(REVIEW_NS)

    def _still_the_same(self) -> bool:
        """Whether the interpreter is where it was. If not it has ended, and its process soon does;
        or the target has called exec, and what was read since is nothing: it is thrown away."""
        interpreter = self.sampler.interpreter
        alive = [interpreter is None]
        if interpreter is not None and not self._can(
            lambda: alive.append(interpreter.states.alive())
        ):
            return False
        if alive[-1]:
            return True
        if self._has_called_exec():
            self.sampler.discard()
            self._replaced()
        else:
            self.sampler.slice(self._pace.rate_hz)
            self.sampler.leave_interpreter()
            self._locks.leave()
        return False

    def _image_at_start(self) -> bytes:
        """That of the process when it began. The child of a fork has its parent's, and may have
        called exec before anything was read of it."""
        parent = self._context.forked_from
        inherited = read_image(parent) if parent is not None else b""
        return inherited or read_image(self._context.pid)

    def _has_called_exec(self) -> bool:
        return read_image(self._context.pid) not in (self._image, b"")

    def end(self) -> None:
        """The process has ended, or the watch: tell what is left."""
        self._pace.leave()
        if self.sampling:
            self.sampling = False
            self.sampler.end()
        if self._inside is not None:
            self._inside.slice()
            self._inside = None
        for job in (self._slice, self._review):
            self._context.scheduler.drop(job)


def _short_of_files(most: int) -> str:
    """Why threads beyond so many are looked at less often."""
    return (
        f"the limit on open files (ulimit -n) leaves room for those of {most} threads: the others "
        f"are looked at up to {UNKEPT} times less often while they wait"
    )
