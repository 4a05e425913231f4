"""Looks some times a second at the threads that wait for locks, and says who waits for whom."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from refwatch.readings.threads.lock_events import LocksSeen, LockWait
from refwatch.readings.threads.lock_reader import Entered, LockReader, Wait
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.tracked import ThreadGone, TrackedThread
from refwatch.readings.threads.wait_graph import find_cycles
from refwatch.target.context import Context
from refwatch.target.layout import Layout
from refwatch.target.memory import RemoteMemory
from refwatch.target.proc import is_exiting

LONG_NS = 300_000_000  # of waiting, before it is asked for what
LOOK_NS = 200_000_000  # between two looks
EACH_NS = 1_000_000  # of that time for each thread that waits: with many there are fewer
CONFIRM_NS = 1_000_000_000  # that a circle must have lasted to be a deadlock
MOST_TOLD = 200  # waits
MOST_MOVING = 32  # running threads whose frames are read at a look
MOST_ASKED = 40  # threads of which it is found out at a look what they wait for, or are inside of,
MOST_ASKED_RESTING = 400  # and so many while nothing happens in the target

Edge = tuple[int, int, int]
"""(serial of the waiter, the number of the sample since which it has not moved, lock)"""


class _Waiter(Struct, kw_only=True):
    """A thread that has not moved since the sample ``changed_at``."""

    thread: TrackedThread
    changed_at: int
    since_ns: int
    asked: bool = False
    wait: Wait | None = None


class _Owner(Struct, frozen=True, kw_only=True):
    """``ident`` as it stands in the lock; 0 where it was told otherwise."""

    thread: TrackedThread | None
    recorded: bool
    ident: int = 0


Inside = tuple[TrackedThread, bool]
"""A thread inside ``with lock``, and whether what it does there releases locks."""
NOBODY = _Owner(thread=None, recorded=False)


class LockCollector:
    """``threads`` are those under watch."""

    def __init__(self, context: Context, threads: ThreadList) -> None:
        self._context = context
        self._threads = threads
        self._reader: LockReader | None = None
        self._next_ns = 0
        self._left = 0
        """Threads of which more may be found out at this look."""
        self._waiters: dict[int, _Waiter] = {}
        """By serial."""
        self._entered: dict[int, tuple[int, Entered]] = {}
        """Serial of a blocked thread -> (since which sample, the locks that it is inside of)."""
        self._cycles: dict[tuple[Edge, ...], int] = {}
        """Circle -> when it was first seen."""
        self._told: LocksSeen | None = None

    def attach(self, layout: Layout, memory: RemoteMemory) -> None:
        """Read locks from now on."""
        if layout.locks and layout.frames and layout.text and layout.threads:
            self._reader = LockReader(memory, layout.locks, layout.frames, layout.text)

    def leave(self) -> None:
        """There is nothing to be read any more."""
        self._reader = None

    def look(self, now: int) -> None:
        """Look, if it is time. Raises MemoryGone."""
        reader = self._reader
        if reader is None or now < self._next_ns:
            return
        self._follow(now)
        resting = self._context.scheduler.resting
        self._left = MOST_ASKED_RESTING if resting else MOST_ASKED
        for waiter in self._waiters.values():
            if self._left and not waiter.asked and now - waiter.since_ns >= LONG_NS:
                self._left -= 1
                self._ask(waiter, reader)
        waiters = [waiter for waiter in self._waiters.values() if waiter.wait is not None]
        owners = self._owners(waiters, reader)
        kept = [each for each in waiters if self._holds(each, owners, reader)]
        self._tell(kept, owners, now)
        each = EACH_NS * len(self._waiters) if self._left else 0
        self._next_ns = now + max(LOOK_NS, each)

    def _follow(self, now: int) -> None:
        """Take in who waits for a lock now, and since when without having moved."""
        waiters: dict[int, _Waiter] = {}
        for thread in self._threads.by_tid.values():
            if thread.blocked is not ThreadState.LOCK_WAIT or thread.probe or not thread.frames_at:
                continue
            known = self._waiters.get(thread.serial)
            if known is None or known.changed_at != thread.changed_at:
                known = _Waiter(thread=thread, changed_at=thread.changed_at, since_ns=now)
            waiters[thread.serial] = known
        self._waiters = waiters

    def _ask(self, waiter: _Waiter, reader: LockReader) -> None:
        """Find out what it waits for, if it does not move meanwhile."""
        thread = waiter.thread
        try:
            if _moved(thread):
                return
            wait = reader.wait_of(thread.frames_at, thread.read_call())
            if not _moved(thread):
                waiter.wait, waiter.asked = wait, True
        except ThreadGone:
            pass

    def _owners(self, waiters: list[_Waiter], reader: LockReader) -> dict[int, _Owner]:
        """Serial of a waiter -> who has what it waits for."""
        threads = [thread for thread in self._threads.by_tid.values() if not thread.probe]
        by_ident = {thread.ident: thread for thread in threads if thread.ident is not None}
        plain = {w.wait.address for w in waiters if w.wait is not None and w.wait.kind == "Lock"}
        inside = self._inside(reader) if plain else {}
        owners: dict[int, _Owner] = {}
        for waiter in waiters:
            wait, serial = waiter.wait, waiter.thread.serial
            if wait is None:
                continue
            if wait.kind == "RLock":
                ident = reader.owner(wait.address)
                owners[serial] = _Owner(
                    thread=by_ident.get(ident), recorded=ident != 0, ident=ident
                )
            elif wait.kind == "Thread":
                owners[serial] = self._joined(wait, by_ident, reader)
            elif wait.kind == "Lock":
                owners[serial] = _holder(inside.get(wait.address, []), waiter.thread)
        return owners

    def _joined(self, wait: Wait, by_ident: dict[int, TrackedThread], reader: LockReader) -> _Owner:
        if wait.joined:
            return _Owner(thread=by_ident.get(wait.joined), recorded=True)
        by_state = self._threads.by_state
        return _Owner(
            thread=by_state.get(reader.ended_by(wait.address, list(by_state))), recorded=True
        )

    def _inside(self, reader: LockReader) -> dict[int, list[Inside]]:
        """Address of a Lock -> the threads that are inside ``with lock`` of it. Nothing where there
        was no time for all threads: another one may be inside, too."""
        inside: dict[int, list[Inside]] = {}
        known: dict[int, tuple[int, Entered]] = {}
        moving, complete = 0, True
        for thread in self._threads.by_tid.values():
            if thread.probe or not thread.frames_at:
                continue
            if thread.blocked is None:
                moving += 1
                if moving > MOST_MOVING:
                    return {}
                entered = _entered(thread, reader)
            else:
                since, entered = self._entered.get(thread.serial, (-1, frozenset()))
                if since != thread.changed_at:
                    if not self._left:
                        complete = False
                        continue
                    self._left -= 1
                    entered = _entered(thread, reader)
                known[thread.serial] = thread.changed_at, entered
            for lock in {lock for _, _, lock, _ in entered}:
                releases = any(each[3] for each in entered if each[2] == lock)
                inside.setdefault(lock, []).append((thread, releases))
        self._entered = known
        return inside if complete else {}

    def _holds(self, waiter: _Waiter, owners: dict[int, _Owner], reader: LockReader) -> bool:
        """Whether it waits still, and for the same owner: then all that was read of it was so at
        one moment, that between the two readings."""
        owner = owners.get(waiter.thread.serial, NOBODY)
        if owner.thread is None and not owner.ident:
            return True
        try:
            if _moved(waiter.thread) or (not owner.recorded and _has_run(owner.thread)):
                return False
        except ThreadGone:
            return False
        assert waiter.wait is not None
        if owner.ident:
            return owner.ident != waiter.thread.ident and (
                reader.owner(waiter.wait.address) == owner.ident
            )
        return True

    def _tell(self, waiters: list[_Waiter], owners: dict[int, _Owner], now: int) -> None:
        threads = self._threads.by_tid.values()
        all_known = all(t.ident is not None for t in threads if not t.probe)
        waits = [
            _wait(waiter, owners.get(waiter.thread.serial, NOBODY), all_known=all_known)
            for waiter in waiters
        ]
        waits.sort(key=lambda wait: (wait.owner is None, wait.kind == "Condition", wait.since_s))
        deadlocks, timed = self._confirmed(waiters, waits, now)
        event = LocksSeen(
            at=now / 1e9,
            process=self._context.process,
            waits=waits[:MOST_TOLD],
            left_out=max(0, len(waits) - MOST_TOLD),
            deadlocks=deadlocks,
            timed_cycles=timed,
        )
        before = self._told
        if before is not None and _content(before) == _content(event):
            return
        if is_exiting(self._context.pid):  # the kernel wakes the waiters: nobody has let a lock go
            self._reader = None
            return
        self._told = event
        self._context.emit(event)

    def _confirmed(
        self, waiters: Iterable[_Waiter], waits: Iterable[LockWait], now: int
    ) -> tuple[list[list[int]], list[list[int]]]:
        """(deadlocks, circles that a time-out will end), of those that have lasted."""
        edges = {
            each.thread.serial: (each.thread.serial, each.changed_at, each.wait.address)
            for each in waiters
            if each.wait is not None
        }
        timed = {wait.serial for wait in waits if wait.timed}
        before, self._cycles = self._cycles, {}
        deadlocks: list[list[int]] = []
        ending: list[list[int]] = []
        for cycle in find_cycles({w.serial: w.owner for w in waits if w.owner is not None}):
            key = tuple(edges[serial] for serial in cycle)
            first = self._cycles[key] = before.get(key, now)
            if now - first >= CONFIRM_NS:
                (deadlocks if timed.isdisjoint(cycle) else ending).append(cycle)
        return deadlocks, ending


def _moved(thread: TrackedThread) -> bool:
    """Whether it has run since the sample that found it blocked. Raises ThreadGone."""
    return thread.blocked is not ThreadState.LOCK_WAIT or (
        thread.read_schedstat() != thread.sched_raw
    )


def _has_run(thread: TrackedThread | None) -> bool:
    """Whether it was blocked at the last sample, and has run since. Raises ThreadGone."""
    if thread is None or thread.blocked is None:
        return False
    return thread.read_schedstat() != thread.sched_raw


def _entered(thread: TrackedThread, reader: LockReader) -> Entered:
    """What it is inside of at two readings."""
    entered = reader.entered(thread.frames_at)
    return entered and entered & reader.entered(thread.frames_at)


def _holder(inside: list[Inside], waiter: TrackedThread) -> _Owner:
    """Who has a Lock, if that is certain. One that waits for it itself has taken it twice, unless
    it may have released it."""
    if len(inside) != 1:
        return NOBODY
    ((thread, releases),) = inside
    return NOBODY if thread is waiter and releases else _Owner(thread=thread, recorded=False)


def _wait(waiter: _Waiter, owner: _Owner, *, all_known: bool) -> LockWait:
    wait = waiter.wait
    assert wait is not None
    thread = owner.thread if owner.thread is not None and not owner.thread.probe else None
    rests = thread is not None and thread.blocked is not None
    return LockWait(
        serial=waiter.thread.serial,
        kind=wait.kind,
        address=wait.address,
        since_s=waiter.since_ns / 1e9,
        owner=thread.serial if thread is not None else None,
        evidence="" if thread is None else "recorded" if owner.recorded else "with",
        owner_state=thread.blocked if thread is not None else None,
        owner_line=max(0, thread.stack[0]) if thread and rests and thread.stack else 0,
        timed=wait.timed,
        orphaned=bool(owner.ident) and owner.thread is None and all_known,
    )


def _content(event: LocksSeen) -> tuple[object, ...]:
    return event.waits, event.left_out, event.deadlocks, event.timed_cycles
