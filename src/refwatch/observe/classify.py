"""Which state a thread was in, told from the order of its readings.

A blocked thread and the GIL's holder say it themselves. A thread that is merely *running* does
not: it may run native code, wait for a CPU, or be on its way to the GIL, woken and not yet holder.
So its samples are kept back until what follows decides: /proc/PID/task/TID/schedstat has its on-CPU
and run-queue time, exact whenever it is blocked, and up to one scheduler tick late while it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from refwatch.model.states import ThreadState

HELD = ThreadState.GIL_HELD
WAIT = ThreadState.GIL_WAIT
NATIVE = ThreadState.NATIVE
CPU_WAIT = ThreadState.CPU_WAIT

TICK_NS = 4_500_000  # how late on-CPU time can be: a tick of 250 Hz and some
DECIDE_NS = 1_000_000  # on-CPU time that can't be a wake-up on the way to the GIL
COARSE_NS = 2_500_000  # half of the usual switch interval
STARVED_NS = 12_000_000  # a run without on-CPU time: it isn't running, only ready to


class Sched(NamedTuple):
    """The first two numbers of schedstat, nanoseconds."""

    cpu: int
    queue: int


class Kept(NamedTuple):
    """A running sample that waits for its state."""

    weight: int
    line: int


Assign = Callable[[ThreadState, int, int], None]
"""(state, nanoseconds, line)"""


class Classifier:
    """One thread's samples; every sample ends up in one state, in order, through ``assign``."""

    __slots__ = (
        "_assign",
        "_before",
        "_first",
        "_kept",
        "_late",
        "_mode",
        "_owed",
        "_seen",
        "_span",
    )

    def __init__(self, assign: Assign) -> None:
        self._assign = assign
        self._before: ThreadState | None = None  # the state before the run of running samples
        self._first = Sched(0, 0)  # at the last exact reading, or at the run's first sample
        self._late = 0  # nanoseconds of its on-CPU time that may be from before the run
        self._seen = Sched(0, 0)
        self._kept: list[Kept] = []
        self._span = 0  # nanoseconds kept back for which on-CPU time is known
        self._mode: ThreadState | None = None  # what a long run was found to be
        self._owed = 0  # run-queue time not yet assigned

    @property
    def undecided(self) -> bool:
        """Whether a run of running samples is under way."""
        return bool(self._kept) or self._mode is not None

    def known(self, state: ThreadState, weight: int, line: int, sched: Sched | None) -> None:
        """A sample whose state is plain: the holder, or blocked. ``sched`` was read now, and is
        needed only when running samples came before."""
        if self.undecided:
            self._close(state, sched)
        self._assign(state, weight, line)
        self._before = state
        if sched is not None:
            self._first = sched

    def running(self, weight: int, line: int, sched: Sched, *, exact_before: bool) -> None:
        """A sample of a thread that is on a CPU or ready for one, and not the holder.

        ``exact_before``: the last reading of schedstat was made while it was blocked.
        """
        if self._mode is not None:
            self._go_on(weight, line, sched)
            return
        if not self._kept:
            self._late = 0 if exact_before else TICK_NS
            if not exact_before:
                self._first = sched
        # Without an exact reading before it, the first sample is where on-CPU time counts from.
        if self._kept or exact_before:
            self._span += weight
        self._kept.append(Kept(weight, line))
        self._seen = sched
        used = sched.cpu - self._first.cpu - self._late
        if used >= DECIDE_NS and used * 2 >= self._span - TICK_NS and self._span > TICK_NS:
            self._decide(NATIVE, sched)
        elif self._span > STARVED_NS and used < DECIDE_NS:
            self._decide(WAIT if self._before is WAIT else CPU_WAIT, sched)

    def flush(self) -> None:
        """The thread is gone: assign what is kept as the last reading has it."""
        if self._kept:
            self._close(None, self._seen)

    def _decide(self, mode: ThreadState, sched: Sched) -> None:
        """A run has lasted long enough to tell what it is."""
        self._owed = sched.queue - self._first.queue
        self._seen = sched
        kept, self._kept, self._span = self._kept, [], 0
        self._mode = mode
        for weight, line in kept:
            self._assign(self._by_queue(weight), weight, line)

    def _go_on(self, weight: int, line: int, sched: Sched) -> None:
        self._owed += sched.queue - self._seen.queue
        if self._mode is not NATIVE and sched.cpu - self._first.cpu >= DECIDE_NS:
            self._mode = NATIVE
        self._seen = sched
        self._assign(self._by_queue(weight), weight, line)

    def _by_queue(self, weight: int) -> ThreadState:
        """A run's samples go to ``cpu_wait`` as far as its time on the run queue reaches."""
        assert self._mode is not None
        if self._mode is NATIVE and self._owed * 2 < weight:
            return NATIVE
        self._owed -= weight  # below 0 while it is starved: what it waits is counted when it ends
        return CPU_WAIT if self._mode is NATIVE else self._mode

    def _close(self, after: ThreadState | None, sched: Sched | None) -> None:
        """The run is over: say what it was."""
        kept, self._kept = self._kept, []
        span, self._span = self._span, 0
        mode, self._mode, self._owed = self._mode, None, 0
        if mode is not None or not kept:
            return
        state = self._of_short_run(after, span, max(k.weight for k in kept), sched or self._seen)
        for weight, line in kept:
            self._assign(state, weight, line)

    def _of_short_run(
        self, after: ThreadState | None, span: int, coarsest: int, sched: Sched
    ) -> ThreadState:
        """``span``: its length; ``coarsest``: the longest time between two of its samples."""
        # A holder's on-CPU time says nothing of the run before it.
        at_end = self._seen if after is HELD else sched
        used = at_end.cpu - self._first.cpu - self._late
        queued = sched.queue - self._first.queue
        if self._before is HELD and after is not WAIT:
            native = queued * 2 < span
        elif self._before is WAIT and after is WAIT:
            # Between two rare samples it may have had the GIL, and lost it.
            native = used * 2 >= span and coarsest < COARSE_NS
        else:
            native = used * 2 >= span
        if native:
            return NATIVE
        if WAIT in (self._before, after):
            return WAIT
        return CPU_WAIT if queued >= used else NATIVE
