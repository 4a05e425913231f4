"""CPU time of threads that are gone, which the kernel keeps in the process's own.

A thread that ends takes its ``schedstat`` with it: what it ran after it was last read, and all that
a thread ran that was never seen, is then only in the process's CPU-time clock. Each slice the
difference between that clock and all that was read of threads is shared among those that have ended
since the last one: each can have run no longer than the time since it was last read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.process_clock import ProcessClock
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.tracked import ThreadGone, TrackedThread

LATE_NS = 8_000_000  # so much of a running thread's time may be unread: a tick, and LOOK_NS
WOKE = 20  # a thread that was blocked has mostly run for a small part of the time since


class Gone(NamedTuple):
    """A thread that has ended, and for how long it may have run unread, nanoseconds."""

    thread: TrackedThread
    unread_ns: int


class GoneThreads:
    """Adds up what is known of CPU time, by the clock of the process."""

    def __init__(self) -> None:
        self._base_ns = 0
        """On the clock at the begin, and of no thread that was there then."""
        self._spent_ns: int | None = None
        """On the clock at the last look; None where the system has none."""
        self._ended_ns = 0
        """Of ended threads, by their last readings."""
        self._given_ns = 0
        """Shared out so far."""
        self._gone: list[Gone] = []
        self._missed = 0
        """Of ThreadList, at the last slice."""
        self._ran = {ThreadState.GIL_HELD: 0.0, ThreadState.NATIVE: 0.0}
        """Seconds of threads that have ended."""
        self._just_ended: frozenset[int] = frozenset()
        """Serials of those that have since the slice before."""

    def begin(self, clock: ProcessClock, threads: Iterable[TrackedThread]) -> None:
        """The watch begins with these threads."""
        self.look(clock)
        if self._spent_ns is not None:
            self._base_ns = max(0, self._spent_ns - sum(map(_read_now, threads)))

    def look(self, clock: ProcessClock) -> None:
        """Look at the clock at each sample: it is gone with its process."""
        self._spent_ns = clock.read() or self._spent_ns

    def ended(self, thread: TrackedThread, at_ns: int) -> None:
        """A sample at this time has found a thread gone."""
        self._ended_ns += thread.sched.cpu
        last_ns = max(thread.since_ns, thread.looked_ns)
        unread_ns = max(0, at_ns - last_ns)
        running = thread.blocked is None and thread.samples
        self._gone.append(Gone(thread, unread_ns + LATE_NS if running else unread_ns // WOKE))

    def share(
        self,
        clock: ProcessClock,
        threads: ThreadList,
        active: Iterable[TrackedThread],
        apart: int,
    ) -> tuple[int, int]:
        """Give the threads that have ended since the last slice their part; return that of threads
        that were never seen, nanoseconds, and how many there were. ``active`` run now, and are read
        again; ``apart``: nanoseconds between two samples."""
        gone, self._gone = self._gone, []
        self._just_ended = frozenset(each.thread.serial for each in gone)
        missed, self._missed = threads.missed - self._missed, threads.missed
        left = 0
        self.look(clock)
        if self._spent_ns is not None and (gone or missed):
            known = self._ended_ns + sum(thread.sched.cpu for thread in threads.by_tid.values())
            known += sum(max(0, _read_now(thread) - thread.sched.cpu) for thread in active)
            left = max(0, self._spent_ns - self._base_ns - known - self._given_ns)
        self._given_ns += left
        parts = parts_of(left, [each.unread_ns for each in gone], missed * apart)
        for (thread, _), part in zip(gone, parts, strict=True):
            thread.ended(part)
        return left - sum(parts), missed

    def unseen(self, ran_ns: int, pieces: Iterable[ThreadSlice]) -> dict[ThreadState, float]:
        """Seconds by state of CPU time that threads had which were never seen: with the GIL and
        without in the proportion of those that were seen and have ended. ``pieces`` tell
        what all threads did in this slice."""
        for piece in pieces:
            for state in self._ran if piece.serial in self._just_ended else ():
                self._ran[state] += piece.states.get(state, 0.0)
        seconds, whole = ran_ns / 1e9, sum(self._ran.values())
        if not ran_ns or not whole:
            return {ThreadState.NATIVE: seconds} if ran_ns else {}
        return {state: seconds * ran / whole for state, ran in self._ran.items() if ran}


def parts_of(left: int, unread: list[int], unseen: int) -> list[int]:
    """Of so many nanoseconds the part of each thread of which nothing was read for ``unread``; in
    proportion to that, and to the ``unseen`` time of others. None ran for longer than that, unless
    there are no others that could have."""
    whole = sum(unread) + unseen
    parts = [left * each // whole if whole else 0 for each in unread]
    if unseen:
        return [min(*each) for each in zip(parts, unread, strict=True)]
    if parts:
        parts[-1] += left - sum(parts)
    return parts


def _read_now(thread: TrackedThread) -> int:
    """Its on-CPU time now, nanoseconds, without a sample's being told; 0 when it is gone."""
    try:
        return int(thread.read_schedstat().split(b" ", 1)[0])
    except (ThreadGone, ValueError):
        return 0
