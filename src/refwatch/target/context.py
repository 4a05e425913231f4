"""Context of a process's collectors."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct, field

from refwatch.target.events import ReadingLimited
from refwatch.target.memory import RemoteMemory
from refwatch.target.probe_commands import ProbeCommand
from refwatch.target.scheduler import Scheduler
from refwatch.wire.event import TimedEvent


class Context(Struct, frozen=True, kw_only=True):
    """A watched process, and how to reach it and the session.

    ``memory`` is None where its memory may not be read from outside.
    """

    process: int
    """Its number in the session."""
    pid: int
    launcher: int
    """Pid of the launcher: copies become its children where it is the parent."""
    memory: RemoteMemory | None
    emit: Callable[[TimedEvent], None]
    send: Callable[[ProbeCommand], None]
    """Sends the probe a command."""
    clock: Callable[[], int]
    """Nanoseconds since the session began."""
    scheduler: Scheduler = field(default_factory=Scheduler)
    limits: dict[str, str] = field(default_factory=dict)
    """Readings that were reported missing or less exact, and why."""

    loops: set[int] = field(default_factory=set)
    """Serials of threads that were seen to run an event loop: there may be tasks."""
    forked_from: int | None = None
    """Pid of its parent; None where it is no child of a fork, or goes on with another program."""
    watched: Collection[int] = ()
    """Pids of all processes that are or were watched."""
    found: Callable[[int], None] = lambda _: None
    """Is told of children that are not."""
    stretch: Callable[[], float] = lambda: 1.0
    """How many times more rarely it is read than one process alone would be."""
    copying: Callable[[], float] = lambda: 1.0
    """How many times more rarely it is copied: by the number of processes alone."""

    def stretched(self, interval_ns: int) -> int:
        """From one regular reading to the next, with as many processes as there are."""
        return int(interval_ns * self.stretch())

    def now(self) -> float:
        """Seconds since the session began."""
        return self.clock() / 1e9

    def limit(self, reading: str, reason: str) -> None:
        """Report that a reading is missing or less exact, once for each reason."""
        if self.limits.get(reading) != reason:
            self.limits[reading] = reason
            self.emit(
                ReadingLimited(at=self.now(), process=self.process, reading=reading, reason=reason)
            )
