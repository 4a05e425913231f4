"""Event about the locks for which threads wait."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from refwatch.readings.threads.states import ThreadState
from refwatch.wire.event import TimedEvent


class LockWait(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A thread has waited for this since ``since_s`` at the latest. Threads are named by their
    serials."""

    serial: int
    kind: Literal["Lock", "RLock", "Condition", "Thread"]
    """``Condition``: for a notification, by whatever stands on threading.Condition, as Event and
    Queue do. ``Thread``: for a thread's end."""
    address: int
    """Of the lock; of a Condition that of the waiter's own lock."""
    since_s: float
    owner: int | None = None
    """Who owns the lock, or whose end is waited for; None where that is not known."""
    evidence: Literal["", "recorded", "with"] = ""
    """Whether the owner stands in the lock itself, or is known to be inside ``with lock``."""
    owner_state: ThreadState | None = None
    """What the owner waits for itself; None where it runs, or is not known."""
    owner_line: int = 0
    """The line number of LineSeen at which it does; 0 where that is not known."""
    timed: bool = False
    """The wait ends by itself after some time."""
    orphaned: bool = False
    """The owner that stands in the lock is no thread of this process any more."""


class LocksSeen(TimedEvent, frozen=True, kw_only=True, tag="locks_seen"):
    """Who waits for which lock, whenever that has changed: all threads at one moment that have
    waited for some tenths of a second."""

    waits: list[LockWait]
    left_out: int = 0
    """Number of further waits."""
    deadlocks: list[list[int]] = field(default_factory=list)
    """Circles of threads, each of which waits for the next, that have not moved for a second."""
    timed_cycles: list[list[int]] = field(default_factory=list)
    """Such circles that a time-out will end."""
