"""The states of one thread, decided from the order of its samples and from what the kernel counted.

A blocked thread says what it waits for. One that is runnable does not: the GIL's holder may run or
wait for a CPU; a thread without the GIL may run native code, wait for a CPU, or be on its way to
the GIL, woken and not yet holder. Samples say *where* that time was spent, and
/proc/PID/task/TID/schedstat *how much*: time on a CPU, up to one scheduler tick late while the
thread runs and exact while it is blocked, and time on a run queue, added when the wait is over
(Linux, kernel/sched/stats.h: sched_info_arrive). So runnable samples are held back until what
follows decides, run-queue time always becomes ``cpu_wait``, and what the kernel has counted and no
sample was given yet is carried over: in the end the states agree with the kernel.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from refwatch.readings.threads.placing import Placing
from refwatch.readings.threads.states import ThreadState
from refwatch.target.locations import NO_LINE

HELD = ThreadState.GIL_HELD
WAIT = ThreadState.GIL_WAIT
NATIVE = ThreadState.NATIVE
CPU_WAIT = ThreadState.CPU_WAIT

TICK_NS = 4_500_000  # how late on-CPU time can be: a tick of 250 Hz and some
DECIDE_NS = 1_000_000  # on-CPU time that can't be a wake-up on the way to the GIL
COARSE_NS = 2_500_000  # half of the usual switch interval
STARVED_NS = 12_000_000  # runnable for so long without on-CPU time: it waits for a CPU, be it the
# kernel that has none or the hypervisor, whose part is counted nowhere
LATE_NS = 200_000  # run-queue time below which it is carried over rather than made a stretch


class Sched(NamedTuple):
    """The first two numbers of schedstat, nanoseconds."""

    cpu: int
    queue: int


class Assign(Protocol):
    """Takes nanoseconds in a state at a line; ``holding``: with the GIL kept."""

    def __call__(
        self, state: ThreadState, weight: int, line: int, *, holding: bool = False
    ) -> None: ...


class Classifier:
    """One thread's samples; all of their time ends up in states, in order, through ``assign``."""

    __slots__ = (
        "_assign",
        "_coarsest",
        "_cpu",
        "_first_cpu",
        "_first_ns",
        "_from_wait",
        "_kept",
        "_kept_ns",
        "_label",
        "_last",
        "_line",
        "_placing",
        "_queue",
        "_ran_as",
        "_seen",
        "_starved",
        "_uncounted",
        "_used",
        "_wait",
        "_wait_line",
    )

    def __init__(self, assign: Assign, placing: Placing | None = None) -> None:
        self._assign = assign
        self._placing = placing
        self._seen: Sched | None = None
        self._cpu = 0  # counted by the kernel, given to no sample yet; < 0: given in advance
        self._queue = 0  # the same of run-queue time
        self._kept: list[tuple[int, int]] = []
        """Runnable samples that wait for their state: nanoseconds, and their line."""
        self._kept_ns = 0
        self._coarsest = 0  # the longest time between two of the samples kept back
        self._first_ns = 0  # from the sample before them to the first of them
        self._label: ThreadState | None = None  # what the run under way is while it has a CPU
        self._starved = False  # it was runnable for long without a CPU, and has none yet
        self._first_cpu = 0  # on-CPU time at the start of the run, plus what may be late of it
        self._used = 0  # on-CPU time of the run without the GIL that is under way
        self._line = 0  # of the newest runnable sample
        self._last: ThreadState | None = None  # the newest state that was plain
        self._wait: ThreadState | None = None  # what it was last blocked in, and where
        self._wait_line = 0
        self._from_wait = False  # right before the samples kept back
        self._ran_as = HELD  # what the newest run was
        self._uncounted = False  # it was thought to be starved, and the kernel has not said so

    def held_for(self, less_ns: int) -> bool:
        """Whether it held the GIL at the last sample, and less time than this is held back."""
        return self._label is HELD and self._kept_ns < less_ns

    def begin(self, *, holds: bool) -> None:
        """It has begun under watch: all that the kernel has counted of it is to be told, as time
        with the GIL (``holds``) or without where nothing else is known."""
        self._seen = Sched(0, 0)
        self._ran_as = HELD if holds else NATIVE

    @property
    def runnable(self) -> bool:
        """Whether a run of runnable samples is under way."""
        return bool(self._kept) or self._label is not None or self._starved

    def counted(self, sched: Sched) -> None:
        """The kernel has counted so much by now."""
        seen = self._seen
        if sched is seen:
            return
        if seen is not None:
            self._cpu += sched.cpu - seen.cpu
            if self._placing is not None:
                self._placing.ran(sched.cpu - seen.cpu)
            self._queue += sched.queue - seen.queue
        self._seen = sched

    def take_queue(self, most: int) -> int:
        """Run-queue time that was given to no sample yet, at most so much; it counts as given."""
        queued = min(self._queue, most)
        if queued < LATE_NS:
            return 0
        self._queue -= queued
        return queued

    def blocked(
        self, state: ThreadState, weight: int, line: int, sched: Sched, *, holding: bool = False
    ) -> None:
        """A sample of a thread that is blocked, ``holding`` the GIL or not."""
        self.counted(sched)
        if self.runnable:
            self._used = sched.cpu - self._first_cpu
            weight -= self._close(state, weight)
        if self._placing is not None:
            self._placing.waits(state, line)
        self._assign(state, weight, line, holding=holding)
        self._last = self._wait = state
        self._wait_line = line
        self._from_wait = True

    def unseen(self, sched: Sched, most: int, line: int) -> tuple[ThreadState, int]:
        """It was blocked, is at ``line`` again, and has run between: as what and where it was last
        seen to run, and for as long as the kernel says, at most so long. Return both."""
        self.counted(sched)
        ran = 0 if self.runnable else min(max(self._cpu, 0), most)
        if ran:
            self._cpu -= ran
            if self._placing is not None:
                self._placing.unseen(self._ran_as, ran)
            else:
                self._assign(self._ran_as, ran, line, holding=self._ran_as is HELD)
        return self._ran_as, ran

    def held(self, weight: int, line: int, sched: Sched | None) -> None:
        """A sample of the GIL's holder, not known to be blocked. ``sched`` may be left out."""
        if self._label is not HELD:
            if sched is not None:
                self.counted(sched)
            if self.runnable:
                self._close(HELD, 0)
            self._label = HELD
            self._keep(weight, line)
        else:
            self._keep(weight, line)
            if sched is not None:
                self._look(sched)
        self._last = HELD

    def running(self, weight: int, line: int, sched: Sched, exact_cpu: int | None) -> None:
        """A sample of a thread that is runnable without the GIL. ``exact_cpu``: its on-CPU time at
        the sample before, nanoseconds, if it was blocked then."""
        if self._label is HELD:
            self._look(sched)
            self._close(NATIVE, 0)
        if self._label is NATIVE or self._starved:
            self._keep(weight, line)
            self._look(sched)
            return
        if not self._kept:
            if weight >= COARSE_NS and self._last in (HELD, WAIT):
                exact_cpu = None  # it may have had the GIL since
            self._first_cpu = sched.cpu + TICK_NS if exact_cpu is None else exact_cpu
        self._keep(weight, line)
        self.counted(sched)
        self._used = used = sched.cpu - self._first_cpu
        span = self._kept_ns
        ready = span - max(0, self._queue)  # without its waits for a CPU
        if used >= DECIDE_NS and used * 2 >= ready - TICK_NS and span > TICK_NS:
            self._label = NATIVE
            self._ran(self.take_queue(span))
        elif self._surely_ns > STARVED_NS and used < DECIDE_NS:
            self._starve()

    def flush(self) -> None:
        """The watch is over: assign what is held back as the last reading has it."""
        if self.runnable:
            self._trim_start()
            self._close(NATIVE, 0)
        if self._placing is not None:
            self._placing.end()

    def end(self, unread_ns: int) -> None:
        """The thread has ended, and ran for so long after it was last read: assign what is held
        back and that, no more time on a CPU than is counted."""
        self._cpu += unread_ns
        line = self._line if self.runnable else NO_LINE
        if self.runnable:
            self._trim_start()
            state = self._label or self._of_short_run(NATIVE, self._kept_ns)
            ran = 0
            if state is not WAIT:
                self._ran_as = state
                ran = min(self._kept_ns, max(self._cpu, 0))
                self._cpu -= ran
                waited = CPU_WAIT  # it was ready, and not on a CPU
                if self._label is None and self._from_wait and self._wait is not None:
                    queued = self.take_queue(self._kept_ns - ran)
                    self._give(self._wait, self._kept_ns - ran - queued, line=self._wait_line)
                    self._give(CPU_WAIT, queued)
                state = self._ran_as
            else:
                waited = WAIT
            self._give(state, ran)
            self._give(waited, self._kept_ns)
            self._end_run()
        if self._cpu > 0:
            self._assign(self._ran_as, self._cpu, line, holding=self._ran_as is HELD)
            self._cpu = 0

    @property
    def _woke_between(self) -> bool:
        """Whether the samples kept back begin with a rare one, before which it was still blocked
        for a time that nobody knows."""
        return self._from_wait and self._wait is not None and self._first_ns >= COARSE_NS

    @property
    def _surely_ns(self) -> int:
        """How long it was seen to be runnable."""
        return self._kept_ns - self._first_ns if self._woke_between else self._kept_ns

    def _trim_start(self, waited: int = 0) -> None:
        """Give the wait before a rare first sample what the thread has neither run nor ``waited``
        for a CPU, as far as the kernel has counted; it may be a tick late. Should that be too much,
        the kernel's count brings it back, which it cannot for too little."""
        if self._woke_between and self._wait is not None:
            known = max(self._cpu, 0) + max(self._queue, 0) + waited + TICK_NS
            unknown = min(max(0, self._kept_ns - known), self._first_ns)
            self._give(self._wait, unknown, line=self._wait_line)

    def _keep(self, weight: int, line: int) -> None:
        kept = self._kept
        if self._placing is not None:
            self._placing.seen(weight, line)
        if not kept:
            self._first_ns = weight
        if kept and kept[-1][1] == line:
            kept[-1] = (kept[-1][0] + weight, line)
        else:
            kept.append((weight, line))
        self._line = line
        self._kept_ns += weight
        self._coarsest = max(self._coarsest, weight)

    def _look(self, sched: Sched) -> None:
        """The kernel's count of a run whose label is known, or that is starved."""
        before = self._seen or sched
        self.counted(sched)
        if sched.queue > before.queue:  # it has just come on a CPU
            self._uncounted = False
            if self._starved and self._label is None:
                self._first_cpu = sched.cpu
            self._starved = False
            waited = self.take_queue(self._kept_ns)
            if self._label is not None:
                self._ran(waited)
            elif waited:
                self._give(CPU_WAIT, waited)
        elif sched.cpu > before.cpu:
            self._starved = False
            if self._queue < 0:  # it ran without having waited for a CPU
                self._queue, self._uncounted = 0, True
            if self._label is not None:
                self._ran(0)
        elif self._starved or self._surely_ns > STARVED_NS:
            self._starve()

    def _starve(self) -> None:
        """It has waited for a CPU all the time: the kernel will count that when the wait ends."""
        self._trim_start()
        self._queue -= self._kept_ns
        self._give(CPU_WAIT, self._kept_ns)
        self._starved = True

    def _ran(self, waited: int) -> None:
        """It ran in the first of the samples kept back, and then waited for a CPU. What the kernel
        has counted as neither may be on-CPU time that it adds at the next tick: that is kept."""
        state = self._label or NATIVE
        self._judge_place()
        self._trim_start(waited)
        ran = min(self._kept_ns - waited, max(self._cpu, 0))
        self._cpu -= ran
        self._give(state, ran)
        self._give(CPU_WAIT, waited)
        if self._kept_ns > STARVED_NS:
            # Rare samples may all have missed that it was blocked between them.
            unseen = self._uncounted and self._coarsest >= COARSE_NS
            if unseen and self._wait is not None:
                self._give(self._wait, self._kept_ns, line=self._wait_line)
            else:
                self._starve()

    def _judge_place(self) -> None:
        if self._placing is not None:
            self._placing.sure = self._label is NATIVE and self._coarsest < COARSE_NS

    def _pay(self, ran: int) -> None:
        # What nobody counts must not be held against what the thread does next.
        self._cpu = max(self._cpu - ran, -TICK_NS)

    def _give(self, state: ThreadState, weight: int, line: int | None = None) -> None:
        """Assign the first ``weight`` nanoseconds of the samples kept back, at their own lines
        unless one is given."""
        self._from_wait = False
        if not weight:
            return
        holding = line is None and (self._label is HELD or state is HELD)
        self._kept_ns -= weight
        kept = self._kept
        used = 0
        while weight > 0 and used < len(kept):
            spent, at = kept[used]
            part = min(spent, weight)
            self._assign(state, part, at if line is None else line, holding=holding)
            weight -= part
            if part < spent:
                kept[used] = (spent - part, at)
            else:
                used += 1
        del kept[:used]
        if not kept:
            self._coarsest = 0

    def _close(self, after: ThreadState, following: int) -> int:
        """The run is over; ``following`` is the weight of the sample after it. Return how much of
        that belongs to the run; less than 0 where the run's end belongs to what came after."""
        exact = after is not HELD and after is not NATIVE
        self._judge_place()
        waited = self.take_queue(self._kept_ns)
        ran, moved = self._kept_ns - waited, 0
        state = self._label or self._of_short_run(after, ran)
        if state is HELD or state is NATIVE:
            self._ran_as = state
            if exact:
                moved = self._move_ends(ran, following)
            elif self._label is None and self._last in (HELD, WAIT):
                # It has run no longer than was counted, and wanted the GIL for the rest.
                self._give(WAIT, max(0, ran - max(self._cpu, 0)))
            ran = self._kept_ns - waited
            self._pay(ran)
        if exact or self._label is None:
            self._give(CPU_WAIT, waited)  # woken, it waited for a CPU before it ran
            self._give(state, ran)
        else:
            self._give(state, ran)
            self._give(CPU_WAIT, waited)
        if moved > 0:
            self._pay(moved)
            self._assign(state, moved, self._line, holding=state is HELD)
        self._end_run()
        return moved

    def _move_ends(self, ran: int, following: int) -> int:
        """Where the kernel's count is exact a run is as long as it says: what is too much is the
        end of the wait before it, or the start of the one after; what is missing ran since the
        newest sample. Return how far the run's end moves."""
        known = max(self._cpu, 0)
        surplus = ran - known
        if surplus <= 0:
            sure = self._label is not None or self._last not in (HELD, WAIT)
            return min(-surplus, following) if sure else 0
        if self._wait is None or not self._from_wait:
            self._drop_last(surplus)
            return -surplus
        self._give(self._wait, surplus, line=self._wait_line)
        return 0

    def _drop_last(self, weight: int) -> None:
        """Take so many nanoseconds from the end of the samples kept back."""
        self._kept_ns -= weight
        while weight > 0 and self._kept:
            spent, line = self._kept.pop()
            if spent > weight:
                self._kept.append((spent - weight, line))
                return
            weight -= spent

    def _end_run(self) -> None:
        self._kept.clear()
        self._kept_ns = self._coarsest = 0
        self._label = None
        self._starved = self._from_wait = False

    def _of_short_run(self, after: ThreadState, span: int) -> ThreadState:
        """What a run without the GIL was whose samples alone do not tell: ``span`` is its length,
        without its waits for a CPU."""
        last = self._last
        if last in (HELD, WAIT) and self._coarsest >= COARSE_NS:
            return HELD  # what ran between two rare samples of a thread that wants the GIL
        if last is HELD and after is not WAIT:
            return NATIVE
        busy = self._used * 2 >= span
        return WAIT if not busy and WAIT in (last, after) else NATIVE
