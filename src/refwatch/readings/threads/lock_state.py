"""State of the locks of a process: who waits for whom, now and when it was worst."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from refwatch.readings.threads.lock_events import LocksSeen


class LockWaits(Struct):
    """What was read last, and what is told of a run that is over. Waits of one event were all at
    one moment; those of two are never mixed."""

    now: LocksSeen | None = None
    """None where it was not read. Threads that have ended since are taken out."""
    circle: LocksSeen | None = None
    """The last in which threads waited for one another in a circle."""
    longest: LocksSeen | None = None
    """That in which threads had waited longest for locks with a known owner, all taken together,"""
    longest_s: float = 0.0
    """and for how long, seconds."""

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
        self.now = event
        if event.deadlocks or event.timed_cycles:
            self.circle = event

    @property
    def deadlocked(self) -> int:
        """Number of threads that wait for one another for ever."""
        return sum(map(len, self.now.deadlocks)) if self.now is not None else 0

    def in_deadlock(self, serial: int) -> bool:
        """Whether it is one of threads that wait for one another for ever."""
        return self.now is not None and any(serial in circle for circle in self.now.deadlocks)

    def ended(self, serial: int) -> None:
        """A thread has ended, and waits no more."""
        if self.now is not None and any(wait.serial == serial for wait in self.now.waits):
            waits = [wait for wait in self.now.waits if wait.serial != serial]
            self.now = replace(self.now, waits=waits)
