"""Event loops: which threads run one, and when a loop did not come back to its selector.

A thread that waits in ``select`` is at its loop's selector; anywhere else it is in a turn of the
loop. Of asyncio's own loop the turns themselves are read (:mod:`.loop_turns`): one callback of 150
ms is one turn, a thousand of 0.15 ms are many, whatever lines the samples hit. Of other loops, as
of uvloop's and trio's, only single waits are told: a thread that runs all the time may be in one
callback or in many.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from refwatch.readings.threads.event_loop import EventLoop, Hot
from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.interpreter import Interpreter
from refwatch.readings.threads.loop_events import LoopBlocked, LoopFound
from refwatch.readings.threads.loop_lines import LoopLines
from refwatch.readings.threads.loop_turns import AWAY, TurnReader
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.context import Context
from refwatch.target.locations import LineTable

LOOK_EVERY = 4  # samples between two readings of a turn
LOOK_NS = 4_000_000  # or so long
MOST_TRIES = 5_000  # to find where the turns are
MOST_AWAY = 8  # looks in a row that find no turn where they were
GONE = 20  # looks at its stack that find a thread without its loop, after which it has none
NO_TURNS = (
    "the turns of a loop cannot be read here: it is told to be blocked where a callback waits, but "
    "not where it computes, since one long callback looks like many short ones"
)


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
