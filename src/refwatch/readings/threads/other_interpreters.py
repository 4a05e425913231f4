"""The interpreters beside the main one: their GILs, and which threads run in them.

A thread runs in another interpreter with one more PyThreadState, which is that interpreter's; the
one with which it came there waits below. Where it is, is told by the GIL that it holds, or for
which it waits; else it is where its innermost frames are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from refwatch.readings.threads.account import OtherWaits
from refwatch.readings.threads.events import InterpreterSlice
from refwatch.readings.threads.gil_account import GilAccount
from refwatch.readings.threads.interpreter import GilWords, Interpreter
from refwatch.readings.threads.interpreter_list import ListReader, Row
from refwatch.readings.threads.syscalls import Syscalls
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.layout import Layout
from refwatch.target.memory import RemoteMemory

MOST = 64  # interpreters that are read: the oldest
TRIES = 3  # readings of a list that changes meanwhile


class OtherInterpreter:
    """One of them. ``states`` has the tid of each of its thread states."""

    def __init__(self, row: Row, at_ns: int) -> None:
        self.address, self.number = row.address, row.number
        self.gil_own: bool | None = None
        """None while that is not known."""
        self.ready = False
        """Its own GIL can be read."""
        self.account = GilAccount(row.number)
        self.words = GilWords()
        self.listed = (0, 0)
        """``made`` and ``newest`` when its thread states were listed."""
        self.unlisted = 0
        """A thread state that held its GIL and was not listed then."""
        self.states: dict[int, int] = {}
        self.waited_ns = 0
        self.serials: set[int] = set()
        """Threads that were seen to run in it and have not ended."""
        self._told: list[int] | None = None
        self.began_ns = self._from_ns = at_ns
        """Up to here its time is told."""

    def slice(self, at_ns: int, threads: ThreadList, *, ended: bool = False) -> InterpreterSlice:
        """What it did since the last one."""
        gil = None
        if self.gil_own:
            wait_s = self.waited_ns / 1e9
            gil = self.account.slice(
                self.words, at_ns, threads, wait_s=wait_s, reads_collector=False
            )
        span_s, self._from_ns = max(0, at_ns - self._from_ns) / 1e9, at_ns
        self.waited_ns = 0
        before, self._told = self._told, sorted(self.serials)
        self.serials &= {thread.serial for thread in threads.by_tid.values()}
        return InterpreterSlice(
            number=self.number,
            span_s=span_s,
            gil_own=self.gil_own,
            gil=gil,
            threads=self._told if self._told != before else None,
            ended=ended,
        )


class OtherInterpreters:
    """All of them. Nothing is read while ``present`` is false. Methods may raise MemoryGone."""

    def __init__(self, *, followed: bool = False) -> None:
        self.followed = followed
        """Calibration has found where they are."""
        self.present = False
        self.unread = 0
        """How many there are beyond those that are read."""
        self.strange = False
        """The GIL of one lies where none is known to lie."""
        self._known: dict[int, OtherInterpreter] = {}
        """By number, oldest first."""
        self._own: list[OtherInterpreter] = []
        """Those whose GIL is read."""
        self._ended: list[OtherInterpreter] = []
        self._at: dict[int, OtherInterpreter] = {}
        """Thread state -> its interpreter."""
        self._inside: set[TrackedThread] = set()
        """Threads that run in one of them."""
        self._main_told: list[int] | None = None

    def attach(
        self, memory: RemoteMemory, layout: Layout, interpreter: Interpreter, calls: Syscalls
    ) -> None:
        """Where calibration has found them they are followed from now on."""
        if layout.interpreters is not None and layout.threads is not None:
            self.followed = True
            self._interpreter, self._calls = interpreter, calls
            self._list = ListReader(memory, layout.interpreters, layout.threads, layout.gil)

    def notice(self, newest: int, threads: ThreadList) -> None:
        """The list of interpreters begins with this one, 0 where that is not known."""
        if self.followed and newest not in (0, self._list.main):
            self.present = True
            threads.state_is_thread = False

    def sample(
        self, at_ns: int, last_ns: int, threads: ThreadList, first: TrackedThread | None
    ) -> list[TrackedThread]:
        """Read all GILs; return the threads that hold one. ``first`` holds the main one."""
        if not self.present:
            return []
        read = self._read(at_ns, threads)
        if first is not None:
            self._enter(first, first.frames_at, threads)
        holders: list[TrackedThread] = []
        for one, words in zip(self._own, read, strict=False):
            one.words = words
            holder = None
            if words.locked == 1:
                if words.holder not in one.states and words.holder != one.unlisted:
                    one.unlisted = words.holder  # it had no tid yet when they were listed
                    self._list_states(one, at_ns, threads)
                    self._index(threads)
                tid = one.states.get(words.holder, 0)
                holder = threads.runner(words.holder, tid, self._interpreter)
                if holder is first or holder in holders:  # it has gone on meanwhile
                    holder = None
                if holder is not None:
                    self._enter(holder, words.holder, threads)
                    holders.append(holder)
            one.account.seen(words, holder, at_ns, max(last_ns, one.began_ns), threads)
        return holders

    def _read(self, at_ns: int, threads: ThreadList) -> list[GilWords]:
        """The words of all GILs; none where the list of interpreters changes all the time."""
        for _ in range(TRIES):
            words = self._list.read()
            if words is not None:
                return words
            rows = self._list.walk()
            if rows is not None:
                self._follow(rows, at_ns, threads)
            if not self.present:
                break
        return []

    def _follow(self, rows: list[Row], at_ns: int, threads: ThreadList) -> None:
        """The list is another one now."""
        newest = rows[0].address if rows else self._list.main
        self.unread = max(self.unread, len(rows) - MOST)
        rows = rows[::-1][:MOST]
        there = {(row.number, row.address) for row in rows}
        for one in [*self._known.values()]:
            if (one.number, one.address) not in there:
                self._ended.append(self._known.pop(one.number))
        for row in rows:
            one = self._known.setdefault(row.number, OtherInterpreter(row, at_ns))
            own = self._list.owns_gil(row)
            one.ready = own is True
            one.gil_own = one.gil_own if own is None else own
            self.strange = self.strange or (own is None and row.gil != 0)
            if one.listed != (row.made, row.newest):
                one.listed = row.made, row.newest
                self._list_states(one, at_ns, threads)
        self.present = bool(rows)
        self._own = [one for one in self._known.values() if one.ready]
        self._calls.watch({self._list.gil_of(one.address): one.number for one in self._own})
        self._list.expect(newest, rows, [one.address for one in self._own])
        self._index(threads)

    def _list_states(self, one: OtherInterpreter, at_ns: int, threads: ThreadList) -> None:
        """Read its list of thread states. A thread may have been begun in it."""
        found = self._interpreter.states.new_threads(one.listed[1], {})
        one.states = {each.address: each.tid for each in found if each.tid}
        for each in found:
            if each.tid:
                threads.found_elsewhere(each, at_ns)

    def _index(self, threads: ThreadList) -> None:
        """Who runs with a thread state that is gone has left."""
        self._at = {state: one for one in self._known.values() for state in one.states}
        for thread in [*self._inside]:
            if threads.by_tid.get(thread.tid) is not thread:
                self._inside.discard(thread)
                continue
            if thread.state_address not in (0, thread.frames_at, *thread.outer):
                thread.outer = (*thread.outer, thread.state_address)  # it has come through there
            way = (thread.frames_at, *thread.outer)
            left = [each for each in way if each == thread.state_address or each in self._at]
            if len(left) < len(way):
                thread.frames_at, thread.outer = 0, ()
                for each in reversed(left or [thread.state_address]):
                    self._run_at(thread, each)
                self._take_place(thread)

    def _enter(self, thread: TrackedThread, state: int, threads: ThreadList) -> None:
        """It runs with this thread state. Others in which it has frames by now, it has come
        through."""
        if thread.entered_at != state:
            thread.entered_at = state
            if thread.frames_at == state:  # it was seen there a moment ago: the others lie below
                thread.frames_at = thread.outer[0] if thread.outer else 0
                thread.outer = thread.outer[1:]
            if state not in thread.outer:  # else it has come back
                there = self._states_of(threads).get(thread, [])
                self._come_through(thread, [each for each in there if each != state])
        if thread.frames_at != state:
            self._run_at(thread, state)
        self._take_place(thread)

    def _states_of(self, threads: ThreadList) -> dict[TrackedThread, list[int]]:
        """The thread states of these interpreters, by who runs with them."""
        states: defaultdict[TrackedThread, list[int]] = defaultdict(list)
        for state, one in self._at.items():
            runner = threads.runner(state, one.states[state], self._interpreter)
            if runner is not None:
                states[runner].append(state)
        return states

    def _come_through(self, thread: TrackedThread, there: list[int]) -> None:
        """It has entered those of these in which it has frames, the outermost first: those whose
        frames lie higher in its C stack; where that is not known, of the older interpreters."""
        new = [
            (-(self._interpreter.stack_address(state) or 0), self._at[state].number, state)
            for state in there
            if state != thread.frames_at
            and state not in thread.outer
            and self._interpreter.has_frames(state)
        ]
        for _, _, state in sorted(new):
            self._run_at(thread, state)

    def _run_at(self, thread: TrackedThread, state: int) -> None:
        one = self._at.get(state)
        thread.run_at(state, one.states[state] if one is not None else 0)

    def _take_place(self, thread: TrackedThread) -> None:
        one = self._at.get(thread.frames_at)
        thread.take_gil(one.number if one is not None and one.gil_own else 0)
        if one is not None:
            one.serials.add(thread.serial)
            self._inside.add(thread)
        elif not thread.outer:
            self._inside.discard(thread)

    def place(self, moved: Iterable[TrackedThread], threads: ThreadList) -> None:
        """Find out where these are, of whom no GIL tells it: where they have frames."""
        todo = list(moved) if self.present else []
        states = self._states_of(threads) if todo else {}
        for thread in todo:
            before, there = thread.frames_at, states.get(thread, [])
            while thread.outer and not self._runs_at(thread, there):
                self._run_at(thread, thread.outer[0])
            self._come_through(thread, there)
            if there and not thread.frames_at:
                self._run_at(thread, there[0])
            if thread.frames_at != before:
                thread.entered_at = 0
                self._take_place(thread)

    def _runs_at(self, thread: TrackedThread, there: list[int]) -> bool:
        """Whether it is still where its frames are read; ``there`` are the thread states of others
        than the main interpreter with which it may run."""
        at = thread.frames_at
        own = at == thread.state_address or at in there
        return own and self._interpreter.has_frames(at)

    def look_again(self, at_ns: int, threads: ThreadList) -> None:
        """A thread state that is not the newest comes and goes without a change of what a sample
        reads."""
        if not self.present:
            return
        for one in self._known.values():
            self._list_states(one, at_ns, threads)
        self._index(threads)
        moved = (t for t in threads.by_tid.values() if t.stack_of != t.changed_at)
        self.place(moved, threads)

    def keeps(self, thread: TrackedThread) -> bool:
        """Whether it holds the GIL of its interpreter, now."""
        one = self._at.get(thread.frames_at)
        if one is None or not one.ready:
            return False
        words = self._list.gil_words(one.address)
        return words.locked == 1 and words.holder == thread.frames_at

    def account(self, gil: int) -> GilAccount | None:
        """That of this interpreter's GIL."""
        one = self._known.get(gil)
        return one.account if one is not None else None

    def waited(self, waits: Mapping[int, OtherWaits]) -> None:
        """Take in for how long a thread has waited for these GILs."""
        for gil, times in waits.items():
            ended = (one for one in self._ended if one.number == gil)
            one = self._known.get(gil) or next(ended, None)
            if one is not None:
                one.waited_ns += times.ns
                one.account.waited(times.waits)

    def slice(self, at_ns: int, threads: ThreadList) -> list[InterpreterSlice]:
        """What each did since the last slice; of the main one which threads it has."""
        if not self._known and not self._ended:
            return []
        main = sorted(t.serial for t in threads.by_tid.values() if t.state_address and not t.probe)
        before, self._main_told = self._main_told, main
        told = [InterpreterSlice(number=0, threads=main if main != before else None)]
        told += [one.slice(at_ns, threads, ended=True) for one in self._ended]
        self._ended.clear()
        return told + [one.slice(at_ns, threads) for one in self._known.values()]


def wait_s(pieces: Iterable[InterpreterSlice]) -> float:
    """For how long threads have waited for these interpreters' own GILs, seconds."""
    return sum(piece.gil.wait_s for piece in pieces if piece.gil is not None)
