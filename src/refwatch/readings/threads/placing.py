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
LEAST_NS = 5_000_000  # on-CPU time after waits at a line from which on the samples say anything
RECENT_NS = 2_000_000_000  # on-CPU time after which what was seen counts half
MOST_NS = 100_000_000  # on-CPU time without a line, at most


class AfterWaits:
    """What was seen of the runs that began with a wait at one line, in all threads, nanoseconds."""

    __slots__ = ("elsewhere", "ran", "woken")

    def __init__(self) -> None:
        self.ran = 0
        """On-CPU time by the kernel's count."""
        self.elsewhere = 0
        """The same by the samples that found a thread elsewhere."""
        self.woken = 0
        """What was to be given to where they had waited."""

    def forget(self) -> None:
        """Have what was seen so far count half."""
        self.ran //= 2
        self.elsewhere //= 2
        self.woken //= 2

    @property
    def part(self) -> float:
        """Of the on-CPU time that was to be given to the line: what was spent there."""
        if self.ran < LEAST_NS:
            return 0.0
        return min(1.0, max(0, self.ran - self.elsewhere) / max(1, self.woken))


class Placing:
    """Hands on a thread's time to its account, and decides about the lines. ``by_line`` is shared
    by all threads of a process: many live too shortly to tell much."""

    __slots__ = ("_account", "_after", "_by_line", "_from", "_runs_at", "_unplaced", "sure")

    def __init__(self, account: TimeAccount, by_line: dict[int, AfterWaits]) -> None:
        self._account = account
        self._by_line = by_line
        self._from = NO_LINE
        """Where it waited before the run under way; NO_LINE if it waited only for the GIL."""
        self._after = AfterWaits()
        self._runs_at = NO_LINE
        """Where it was last seen to run."""
        self._unplaced: dict[ThreadState, int] = {}
        self.sure = False
        """The run under way is long enough for the kernel's count to tell that it ran there."""

    def waits(self, state: ThreadState, line: int) -> None:
        """It is blocked there; the run before is over and assigned."""
        if line == self._from:
            return
        self._from = line if state is not ThreadState.GIL_WAIT else NO_LINE
        if self._from > NO_LINE:
            self._after = self._by_line.setdefault(line, AfterWaits())
        else:
            self._after = AfterWaits()

    def ran(self, ns: int) -> None:
        """The kernel has counted so much on-CPU time more."""
        self._after.ran += ns
        if self._after.ran > RECENT_NS:
            self._after.forget()

    def seen(self, weight: int, line: int) -> None:
        """A sample has found it runnable at a line."""
        if line != self._from and line not in self._by_line:
            self._after.elsewhere += weight

    def assign(self, state: ThreadState, weight: int, line: int, *, holding: bool = False) -> None:
        """Nanoseconds in a state at a line, as ``TimeAccount.assign`` takes them."""
        if state in RUNNING:
            after = self._woken_from(state, line)
            if after is None:
                self._place(line)
            elif self.sure:
                after.elsewhere += weight  # as well explained
            else:
                after.woken += weight
                here = int(weight * after.part)
                self._leave_out(state, weight - here, holding=holding)
                weight = here
        self._account.assign(state, weight, line, holding=holding)

    def _woken_from(self, state: ThreadState, line: int) -> AfterWaits | None:
        """What is known of the line, where the thread may only be woken there: it was last seen to
        wait there; or others have waited there, it has no GIL, and its own wait was not seen."""
        if line <= NO_LINE:
            return None
        if line == self._from:
            return self._after
        return self._by_line.get(line) if state is ThreadState.NATIVE else None

    def unseen(self, state: ThreadState, weight: int) -> None:
        """It has run between two looks at a program at rest, which stand for no time themselves."""
        self._after.ran -= weight
        self._leave_out(state, weight, holding=state is ThreadState.GIL_HELD)

    def _leave_out(self, state: ThreadState, weight: int, *, holding: bool) -> None:
        self._unplaced[state] = self._unplaced.get(state, 0) + weight
        self._account.assign(state, weight, NO_LINE, holding=holding)
        if sum(self._unplaced.values()) > MOST_NS:
            self.end()

    def _place(self, line: int) -> None:
        if line <= NO_LINE:
            return
        if line != self._from:
            self._runs_at = line
        if self._unplaced:
            for state, weight in self._unplaced.items():
                self._account.place(state, weight, line)
            self._unplaced = {}

    def end(self) -> None:
        """Tell what has no line yet where the thread last ran, or else waited."""
        self._place(self._runs_at if self._runs_at > NO_LINE else self._from)
