"""At which lines a thread has run, where its runs are shorter than the time between two samples.

Most such runs are not seen at all, and of what is seen much is a thread that was woken and is still
where it waited: it has no CPU yet, or is on its way to the GIL. To give the on-CPU time that the
kernel has counted to the line of such a sample would show waits as work. But a call may also wait
and work at one line.

How much is worked there can be told from many samples: as each stands for the time since the one
before, those that found the thread running elsewhere must add up to its on-CPU time, but for what
it spends where it waits. That part of the time is left there; the rest is given to the line at
which the thread is next seen to run. Such samples come by chance, as often as it runs there, so
that in sum each line gets what was spent at it. Where threads wait for a CPU much of their time,
samples elsewhere stand for that as well: then too little is left where a thread waits.
"""

from __future__ import annotations

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.states import ThreadState
from refwatch.target.locations import NO_LINE

RUNNING = (ThreadState.GIL_HELD, ThreadState.NATIVE)
LEAST_NS = 20_000_000  # on-CPU time from which on the samples say anything
RECENT_NS = 2_000_000_000  # on-CPU time after which what was seen counts half
MOST_NS = 100_000_000  # on-CPU time without a line, at most


class Placing:
    """Hands on a thread's time to its account, and decides about the lines."""

    __slots__ = ("_account", "_elsewhere", "_from", "_ran", "_unplaced", "_woken", "sure")

    def __init__(self, account: TimeAccount) -> None:
        self._account = account
        self._from = NO_LINE
        """Where it waited before the run under way; NO_LINE if it waited only for the GIL."""
        self._ran = 0
        """On-CPU time by the kernel's count, nanoseconds, of late."""
        self._elsewhere = 0
        """The same by the samples that found it elsewhere than where it had waited."""
        self._woken = 0
        """What was to be given to where it had waited."""
        self._unplaced: dict[ThreadState, int] = {}
        self.sure = False
        """The run under way is long enough for the kernel's count to tell that it ran there."""

    def waits(self, state: ThreadState, line: int) -> None:
        """It is blocked there; the run before is over and assigned."""
        if state is not ThreadState.GIL_WAIT:
            self._from = line
        elif line != self._from:
            self._from = NO_LINE

    def ran(self, ns: int) -> None:
        """The kernel has counted so much on-CPU time more."""
        self._ran += ns
        if self._ran > RECENT_NS:
            self._ran //= 2
            self._elsewhere //= 2
            self._woken //= 2

    def seen(self, weight: int, line: int) -> None:
        """A sample has found it runnable at a line."""
        if line != self._from:
            self._elsewhere += weight

    def assign(self, state: ThreadState, weight: int, line: int, *, holding: bool = False) -> None:
        """Nanoseconds in a state at a line, as ``TimeAccount.assign`` takes them."""
        if state in RUNNING:
            if line != self._from or line <= NO_LINE:
                self._place(line)
            elif self.sure:
                self._elsewhere += weight  # as well explained
            elif self._ran > LEAST_NS:
                self._woken += weight
                here = int(weight * self._part)
                self._unplaced[state] = self._unplaced.get(state, 0) + weight - here
                self._account.assign(state, weight - here, NO_LINE, holding=holding)
                weight = here
                if sum(self._unplaced.values()) > MOST_NS:
                    self._place(line)
        self._account.assign(state, weight, line, holding=holding)

    @property
    def _part(self) -> float:
        """Of the on-CPU time that was to be given to where it had waited: what was spent there."""
        return min(1.0, max(0, self._ran - self._elsewhere) / max(1, self._woken))

    def _place(self, line: int) -> None:
        if self._unplaced and line > NO_LINE:
            for state, weight in self._unplaced.items():
                self._account.place(state, weight, line)
            self._unplaced = {}

    def end(self) -> None:
        """The thread is gone: what has no line yet belongs to where it was last seen to wait."""
        self._place(self._from)
