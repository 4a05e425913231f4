"""Event loops: which threads run one, and when a loop did not come back to its selector.

A thread that waits in ``select`` is at its loop's selector; anywhere else it is in a turn of the
loop. Of asyncio's own loop the turns themselves are read (:mod:`.loop_turns`): one callback of 150
ms is one turn, a thousand of 0.15 ms are many, whatever lines the samples hit. Of other loops, as
of uvloop's and trio's, only single waits are told: a thread that runs all the time may be in one
callback or in many.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from refwatch.readings.threads.call_paths import SET_OFF
from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.interpreter import Interpreter
from refwatch.readings.threads.loop_events import LoopBlocked, LoopFound
from refwatch.readings.threads.loop_turns import AWAY, FoundFrame, TurnReader
from refwatch.readings.threads.states import COMPUTING, ThreadState
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.context import Context
from refwatch.target.locations import LineTable, NewLine

RUN_ONCE = ("asyncio/base_events.py", "_run_once")
SELECT = ("selectors.py", "select")
OWN_LINES = (RUN_ONCE, SELECT, ("asyncio/base_events.py", "run_forever"))
RUNNERS = (("asyncio/runners.py", "run"), ("uvloop/__init__.py", "run"))
TRIO = (("trio/_core/_run.py", "unrolled_run"),)
TRIO_WAITS = (("trio/_core/_io_epoll.py", "get_events"),)
BLOCKED = frozenset(
    {ThreadState.SLEEP, ThreadState.LOCK_WAIT, ThreadState.CHILD_WAIT, ThreadState.IO_WAIT}
)
LONG_NS = 100_000_000
"""From here on the loop is blocked."""
SLACK_NS = 2_000_000  # by which clocks and samples may differ
LOOK_EVERY = 4  # samples between two readings of a turn
LOOK_NS = 4_000_000  # or so long
MOST_TRIES = 5_000  # to find where the turns are
MOST_LINES = 5  # of one time that is told
MOST_AWAY = 8  # looks in a row that find no turn where they were
GONE = 20  # looks at its stack that find a thread without its loop, after which it has none
NO_TURNS = (
    "the turns of a loop cannot be read here: it is told to be blocked where a callback waits, but "
    "not where it computes, since one long callback looks like many short ones"
)

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


class LoopLines:
    """Numbers of the lines of event loops themselves."""

    def __init__(self) -> None:
        self.newest = 0
        """The highest number so far."""
        self.known = 0
        """How many are a loop's."""
        self.run_once: set[int] = set()
        self.own: set[int] = set()
        self.runners: set[int] = set()
        self.trio: set[int] = set()
        self.trio_own: set[int] = set()

    def learn(self, seen: Iterable[NewLine]) -> None:
        """Take in lines that have got their numbers."""
        for line in seen:
            if line.id <= self.newest:
                continue
            self.newest = line.id
            function = line.function.rpartition(".")[2]  # qualified by its class
            for known, places in (
                (self.run_once, (RUN_ONCE,)),
                (self.own, OWN_LINES),
                (self.runners, RUNNERS),
                (self.trio, TRIO),
                (self.trio_own, TRIO + TRIO_WAITS),
            ):
                if any(function == name and line.file.endswith(file) for file, name in places):
                    known.add(line.id)
                    self.known += 1

    def kind(self, stack: Sequence[int], waits: ThreadState | None) -> str:
        """What loop a thread with this stack runs; empty for none. Of a loop that is written in C
        only the runner is seen, which itself never waits."""
        if not self.run_once.isdisjoint(stack):
            return "asyncio"
        if not self.trio.isdisjoint(stack):
            return "trio"
        runs = stack and stack[0] in self.runners
        return "uvloop" if runs and waits is ThreadState.IO_WAIT else ""

    def anchors_of(self, kind: str) -> set[int]:
        """The lines of the function that is always on the stack of a loop's thread."""
        return {"asyncio": self.run_once, "trio": self.trio}.get(kind, self.runners)

    def own_of(self, kind: str) -> set[int]:
        """The lines of the loop itself, at which it is at its selector or about to be."""
        return {"asyncio": self.own, "trio": self.trio_own}.get(kind, self.runners)


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
        self._began_ns = self._seen_ns = 0
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
        if self._seen_ns < last_ns:
            self.spend(last_ns)
        thread = self.thread
        waits = thread.blocked
        self._before = self._state
        self._state = (thread.line if waits is None else thread.blocked_line, waits)
        return self._state

    def spend(self, at_ns: int) -> None:
        """It has done so up to now."""
        if self.home:
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
            end = began_ns if self._began_ns < began_ns <= at_ns else at_ns
            self._end_turn(end)
            self._begin(end)
        self.home, self._turn = False, turn if turn is not None else self._turn

    def _begin(self, at_ns: int) -> None:
        self._began_ns = self._seen_ns = at_ns
        self._queued_ns = self.thread.sched.queue

    def start_over(self, at_ns: int) -> None:
        """What has been seen of this turn is not told."""
        self.home, self._turn = True, None
        self._home_ns = self._seen_ns = at_ns
        self._spent.clear()
        self._told.clear()

    def _end_turn(self, at_ns: int) -> None:
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
        if not self.home and self._seen_ns - self._began_ns >= LONG_NS:
            self._tell(self._seen_ns, under_way=True)

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


class EventLoops:
    """The loops of one process."""

    def __init__(self, context: Context) -> None:
        self.lines = LoopLines()
        self._context = context
        self._loops: dict[int, EventLoop] = {}
        self._turns: TurnReader | None = None
        self._table: LineTable | None = None
        self._tries = 0
        self._samples = 0
        self._zero_s: float | None = None
        """CLOCK_MONOTONIC when the watch began."""
        self._has_uvloop: bool | None = None
        self._none: dict[int, tuple[list[int], int]] = {}
        """Serials of threads without a loop -> their stack, and the lines known then."""
        self._news: list[LoopFound | LoopBlocked] = []
        self._exact: dict[int, bool | None] = {}
        """Serials of threads whose loops were told -> whether their turns are read."""

    def sample(self, at_ns: int, last_ns: int) -> None:
        """After a sample of all threads; ``last_ns``: when the one before was."""
        self._samples += 1
        for loop in self._loops.values():
            line, _ = loop.saw(last_ns)
            self._learn(line)
            if loop.frame is not None and self._is_due(loop, at_ns):
                self._look(loop, at_ns)
            if not self._reads_turns(loop):
                self._judge_without(loop, line, at_ns)
            loop.spend(at_ns)

    def _judge_without(self, loop: EventLoop, line: int, at_ns: int) -> None:
        """Where turns cannot be read, or not yet, a thread that runs may be in one callback or in
        many. One that waits, and has not run since it began to, is in one."""
        changed_at = loop.thread.changed_at
        if loop.thread.blocked is None:
            loop.start_over(at_ns)
        elif line in self.lines.own_of(loop.kind):
            loop.at_home(at_ns)
        else:
            if loop.waits_since != changed_at:
                loop.start_over(at_ns)
            loop.in_turn(None, 0, at_ns)
        loop.waits_since = changed_at

    def _is_due(self, loop: EventLoop, at_ns: int) -> bool:
        """Whether it is time to look at the turn: now and then while the thread runs, and when it
        has just begun to wait."""
        if loop.thread.blocked is not None:
            return loop.changed_at != loop.thread.changed_at
        late = at_ns - loop.looked_ns > LOOK_NS
        return late or (self._samples + loop.thread.serial) % LOOK_EVERY == 0

    def _learn(self, line: int) -> None:
        """See that it is known what this line is."""
        if line > self.lines.newest and self._table is not None:
            self.lines.learn(self._table.pending())

    def _look(self, loop: EventLoop, at_ns: int) -> None:
        loop.looked_ns, loop.changed_at = at_ns, loop.thread.changed_at
        if loop.frame is None or self._turns is None:
            return
        if not self._turns.known:
            self._tries += 1
            if self._tries >= MOST_TRIES:
                self._context.limit("event loops", NO_TURNS)
                self._turns = None
                return
        turn = self._turns.read(loop.frame)
        if turn is None:
            return
        loop.away = loop.away + 1 if turn is AWAY else 0
        if loop.away > MOST_AWAY:
            loop.frame = None  # to be found again
        if turn.began is None:
            loop.at_home(at_ns)
            return
        if self._zero_s is None:
            self._zero_s = time.monotonic() - self._context.now()
        loop.in_turn(turn.began, int((turn.began - self._zero_s) * 1e9), at_ns)

    def saw_stack(self, thread: TrackedThread, interpreter: Interpreter, at_ns: int) -> None:
        """The thread's whole stack was read."""
        loop = self._loops.get(thread.serial) or self._find(thread, interpreter)
        if loop is None:
            return
        anchors = self.lines.anchors_of(loop.kind)
        if anchors.isdisjoint(thread.stack):
            loop.absent += 1
            loop.start_over(at_ns)  # what lies in its memory may still look like the last turn
            if loop.absent > GONE:
                del self._loops[thread.serial]
            return
        loop.absent = 0
        if loop.kind == "asyncio" and thread.frames_at:
            self._find_frame(loop, interpreter, anchors)

    def _find(self, thread: TrackedThread, interpreter: Interpreter) -> EventLoop | None:
        """The thread's loop, if its stack is that of one."""
        judged = (thread.stack, self.lines.known + (thread.blocked is ThreadState.IO_WAIT))
        if self._none.get(thread.serial) == judged:
            return None
        self._none[thread.serial] = judged
        self._table = interpreter.lines
        self._learn(max(thread.stack, default=0))
        kind = self.lines.kind(thread.stack, thread.blocked)
        if not kind or (kind == "uvloop" and not self._uvloop_mapped()):
            return None
        del self._none[thread.serial]
        self._context.loops.add(thread.serial)
        if kind != "asyncio":
            self._context.limit("event loops", NO_TURNS)
        loop = self._loops[thread.serial] = EventLoop(thread, kind)
        return loop

    def _find_frame(self, loop: EventLoop, interpreter: Interpreter, anchors: set[int]) -> None:
        """See that it is known where the loop's own frame lies."""
        stack = loop.thread.stack
        last = max(index for index, line in enumerate(stack) if line in anchors)
        outer = stack[last + 1 :]
        if loop.frame is not None and outer == loop.outer:
            return
        loop.outer, loop.frame = outer, None
        found = interpreter.find_frame(loop.thread, anchors)
        if found is None:
            return
        if self._turns is None and not self._tries:
            self._turns = interpreter.turn_reader()
        if self._turns is not None and self._turns.has(found.code):
            loop.frame = found

    def _uvloop_mapped(self) -> bool:
        if self._has_uvloop is None:
            try:
                with open(f"/proc/{self._context.pid}/maps", "rb") as file:
                    self._has_uvloop = b"/uvloop/loop." in file.read()
            except OSError:
                self._has_uvloop = False
        return self._has_uvloop

    def advance(self, at_ns: int) -> None:
        """A slice of time is over."""
        for loop in self._loops.values():
            loop.advance(at_ns)

    def blocked(self, piece: ThreadSlice, at_ns: int) -> Hot:
        """The part of a thread's slice in which its loop was blocked. What has become known of that
        is told by :meth:`tell`."""
        loop = self._loops.get(piece.serial)
        if loop is None:
            return []
        at, process = at_ns / 1e9, self._context.process
        hot, stretches = loop.take(piece)
        exact = True if self._reads_turns(loop) else None if self._may_read(loop) else False
        known = self._exact.get(piece.serial)
        if piece.serial not in self._exact or (exact is not None and exact is not known):
            self._exact[piece.serial] = exact
            self._news.append(
                LoopFound(at=at, process=process, serial=piece.serial, kind=loop.kind, exact=exact)
            )
        for stretch, lines in stretches:
            self._news.append(
                LoopBlocked(
                    at=at,
                    process=process,
                    serial=piece.serial,
                    began_s=stretch.began_ns / 1e9,
                    seconds=stretch.took_ns / 1e9,
                    cpu_wait_s=stretch.queued_ns / 1e9,
                    under_way=stretch.under_way,
                    lines=lines,
                )
            )
        return hot

    def _reads_turns(self, loop: EventLoop) -> bool:
        return loop.frame is not None and self._turns is not None and self._turns.known

    def _may_read(self, loop: EventLoop) -> bool:
        """Whether its turns may be read yet, or again."""
        return loop.kind == "asyncio" and (self._turns is not None or not self._tries)

    def tell(self) -> None:
        """Emit what is new, after the lines that it names."""
        news, self._news = self._news, []
        for event in news:
            self._context.emit(event)

    def ended(self, serials: Iterable[int]) -> None:
        """These threads are no more."""
        for serial in serials:
            self._loops.pop(serial, None)
            self._exact.pop(serial, None)
            self._none.pop(serial, None)
