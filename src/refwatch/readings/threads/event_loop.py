"""One thread's event loop: the turn that is under way, and the times that it was blocked."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from refwatch.readings.threads.call_paths import SET_OFF
from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.loop_turns import FoundFrame
from refwatch.readings.threads.states import COMPUTING, ThreadState
from refwatch.readings.threads.tracked import TrackedThread

BLOCKED = frozenset(
    {ThreadState.SLEEP, ThreadState.LOCK_WAIT, ThreadState.CHILD_WAIT, ThreadState.IO_WAIT}
)
LONG_NS = 100_000_000
"""From here on the loop is blocked."""
SLACK_NS = 2_000_000  # by which clocks and samples may differ
NEAR_NS = (
    10_000_000  # from the last look at a turn to its end, where that is believed; or a quarter
)
# of what it was seen to last
MOST_LINES = 5  # of one time that is told

Hot = list[tuple[int, ThreadState, float]]
Key = tuple[int, ThreadState | None]
"""(line, what the thread waits for; None: it runs or wants a CPU)"""


class Stretch(NamedTuple):
    """A time for which a loop did not come back to its selector, nanoseconds; ``queued``: of which
    its thread waited for a CPU."""

    began_ns: int
    took_ns: int
    queued_ns: int
    under_way: bool
    spent: dict[Key, int]


class EventLoop:
    """The loop of one thread, and the turn that is under way. Times are nanoseconds since the watch
    began."""

    def __init__(self, thread: TrackedThread, kind: str) -> None:
        self.thread = thread
        self.kind = kind
        self.frame: FoundFrame | None = None
        """Of ``_run_once``, if its turns are read."""
        self.outer: list[int] = []
        """The lines of what called that: with the same callers it lies where it was."""
        self.changed_at = -1
        """The thread's number of that name at the last look at its turn."""
        self.waits_since = -1
        """The same where turns cannot be read."""
        self.looked_ns = 0
        self.away = 0
        """Looks in a row that have not found its function there."""
        self.absent = 0
        """Looks in a row at its stack without the loop."""
        self.home = True
        """It is at its selector, or about to be, as far as is known."""
        self._home_ns = 0
        """When it was last seen there."""
        self._turn: float | None = None
        self._began_ns = self._seen_ns = self._sure_ns = 0
        self._queued_ns = 0
        """The thread's run-queue time when the turn began."""
        self._state: Key = (0, None)
        self._before: Key = self._state
        """That of the sample before."""
        self._spent: defaultdict[Key, int] = defaultdict(int)
        self._told: dict[Key, int] = {}
        self._blocked: defaultdict[Key, int] = defaultdict(int)
        """What is to be told of as blocked with the next slice."""
        self._stretches: list[Stretch] = []
        """To be told with the next slice."""

    def saw(self, last_ns: int) -> Key:
        """A sample of the thread; ``last_ns``: the time of the one before, up to which it did what
        it did then. Return what it does now."""
        if self._seen_ns < last_ns:  # none was needed: it has waited since
            self.spend(last_ns)
            self._sure_ns = max(self._sure_ns, last_ns)
        thread = self.thread
        waits = thread.blocked
        if waits is not None and thread.changed_at == self.changed_at:
            self._sure_ns = max(self._sure_ns, thread.looked_ns)
        self._before = self._state
        line = thread.line if waits is None else thread.blocked_line
        self._state = (line % SET_OFF if line > 0 else line, waits)
        return self._state

    def spend(self, at_ns: int) -> None:
        """It has done so up to now."""
        if self.home:
            if self._state[1] is not None:
                self._home_ns = at_ns
        elif at_ns > self._seen_ns:
            self._spent[self._state] += at_ns - self._seen_ns
        self._seen_ns = at_ns

    def at_home(self, at_ns: int) -> None:
        """It is at its selector now."""
        if not self.home:
            self._end_turn((self._seen_ns + at_ns) // 2)
        self.home, self._turn = True, None
        self._home_ns = self._seen_ns = at_ns

    def in_turn(self, turn: float | None, began_ns: int, at_ns: int) -> None:
        """It is in a turn now: in that which began then by its own clock, if that is read."""
        if self.home:
            known = turn is not None and self._home_ns - SLACK_NS <= began_ns <= at_ns
            self._begin(began_ns if known else at_ns)
        elif turn is not None and self._turn is not None and turn != self._turn:
            next_ns = began_ns if self._began_ns < began_ns <= at_ns else at_ns
            self._end_turn(next_ns)
            self._begin(next_ns)
        self.home, self._turn = False, turn if turn is not None else self._turn
        self._sure_ns = at_ns

    def _begin(self, at_ns: int) -> None:
        self._began_ns = self._seen_ns = self._sure_ns = at_ns
        self._queued_ns = self.thread.sched.queue

    def start_over(self, at_ns: int) -> None:
        """What has been seen of this turn is not told."""
        self.home, self._turn = True, None
        self._home_ns = self._seen_ns = at_ns
        self._spent.clear()
        self._told.clear()

    def _end_turn(self, at_ns: int) -> None:
        """It was over at this time at the latest: then, if it was seen to last until shortly
        before. Where nobody has looked for longer, there may have been any number of others."""
        near_ns = max(NEAR_NS, (self._sure_ns - self._began_ns) // 4)
        if at_ns - self._sure_ns > near_ns:
            at_ns = self._sure_ns
        over_ns = max(0, self._seen_ns - at_ns)
        self._spent[self._before] = max(0, self._spent[self._before] - over_ns)
        self._state, now = self._before, self._state
        self.spend(at_ns)
        self._state = now
        if at_ns - self._began_ns >= LONG_NS:
            self._tell(at_ns, under_way=False)
        else:
            for key, spent in self._spent.items():
                if key[1] in BLOCKED:
                    self._blocked[key] += spent
        self._spent.clear()
        self._told.clear()

    def _tell(self, at_ns: int, *, under_way: bool) -> None:
        for key, spent in self._spent.items():
            self._blocked[key] += spent - self._told.get(key, 0)
            self._told[key] = spent
        queued = max(0, self.thread.sched.queue - self._queued_ns)
        took = at_ns - self._began_ns
        self._stretches.append(
            Stretch(self._began_ns, took, min(queued, took), under_way, dict(self._spent))
        )

    def advance(self, at_ns: int) -> None:
        """Nothing has changed up to now; tell what has been long under way."""
        if self._seen_ns < at_ns:
            self.spend(at_ns)
        if not self.home and self._sure_ns - self._began_ns >= LONG_NS:
            self._tell(self._sure_ns, under_way=True)

    def take(self, piece: ThreadSlice) -> tuple[Hot, list[tuple[Stretch, Hot]]]:
        """(what of a slice's time the loop was blocked, the times it was so for long, and their
        lines) since the last time. What it did on a CPU is as the slice has it."""
        computing = computing_states(piece.hot)
        hot = named(self._blocked, computing)
        told = [
            (stretch, lines[:MOST_LINES])
            for stretch in self._stretches
            if (lines := named(stretch.spent, computing))
        ]
        self._blocked.clear()
        self._stretches.clear()
        return hot, told


def computing_states(hot: Hot) -> dict[int, ThreadState]:
    """Line -> what was most of the time on a CPU, or in want of one, there."""
    most: dict[int, tuple[float, ThreadState]] = {}
    for where, state, seconds in hot:
        line = where % SET_OFF
        if state in COMPUTING and seconds > most.get(line, (0.0, state))[0]:
            most[line] = seconds, state
    return {line: state for line, (_, state) in most.items()}


def named(spent: dict[Key, int], computing: dict[int, ThreadState]) -> Hot:
    """In seconds, and with a state each, most first; without what has no line."""
    hot = [
        (line, waits or computing.get(line, ThreadState.GIL_HELD), weight / 1e9)
        for (line, waits), weight in spent.items()
        if line > 0 and weight > 0
    ]
    return sorted(hot, key=lambda entry: -entry[2])
