"""State of the locks of a process: who waits for whom, now and when it was worst."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from refwatch.readings.threads.lock_events import LocksSeen

DYING_S = 1.0  # before the end of a process, in which its threads are ended one by one


class LockWaits(Struct, kw_only=True):
    """What was read last, and what is told of a run that is over. Waits of one event were all at
    one moment; those of two are never mixed."""

    now: LocksSeen | None = None
    """None where it was not read. Threads that have ended since are taken out; when the process has
    ended, as it was before that."""
    circle: LocksSeen | None = None
    """The last in which threads waited for one another in a circle."""
    longest: LocksSeen | None = None
    """That in which threads had waited longest for locks with a known owner, all taken together,"""
    longest_s: float = 0.0
    """and for how long, seconds."""
    before_ends: list[tuple[float, LocksSeen]] = field(default_factory=list)
    """(time at which a thread ended, what ``now`` was up to then), since the last reading."""

    def saw(self, event: LocksSeen) -> None:
        """Take in a reading; the one before held up to now."""
        if self.now is not None:
            waited = sum(
                event.at - wait.since_s
                for wait in self.now.waits
                if wait.owner is not None and wait.kind in ("Lock", "RLock")
            )
            if waited > self.longest_s:
                self.longest, self.longest_s = self.now, waited
        self.now, self.before_ends = event, []
        if event.deadlocks or event.timed_cycles:
            self.circle = event

    @property
    def deadlocked(self) -> int:
        """Number of threads that wait for one another for ever."""
        return sum(map(len, self.now.deadlocks)) if self.now is not None else 0

    def in_deadlock(self, serial: int) -> bool:
        """Whether it is one of threads that wait for one another for ever."""
        return self.now is not None and any(serial in circle for circle in self.now.deadlocks)

    def ended(self, serial: int, at: float) -> None:
        """A thread has ended, and waits no more."""
        if self.now is not None and any(wait.serial == serial for wait in self.now.waits):
            self.before_ends = [each for each in self.before_ends if at - each[0] < DYING_S]
            self.before_ends.append((at, self.now))
            self.now = replace(
                self.now,
                waits=[wait for wait in self.now.waits if wait.serial != serial],
                deadlocks=[circle for circle in self.now.deadlocks if serial not in circle],
                timed_cycles=[circle for circle in self.now.timed_cycles if serial not in circle],
            )

    def end(self, at: float) -> None:
        """The process has ended: nobody has let a lock go because of that."""
        last = [now for when, now in self.before_ends if at - when < DYING_S]
        if last:
            self.now = last[0]
        self.before_ends = []
