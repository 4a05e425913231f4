"""Context that all collectors of one process share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from refwatch.target.events import ReadingLimited
from refwatch.target.memory import RemoteMemory
from refwatch.target.scheduler import Scheduler
from refwatch.wire.event import TimedEvent

Command = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Context:
    """A process, how to read and ask it, and how to emit events about it.

    ``memory`` is None where the process may not be read from outside.
    """

    process: int
    """Process number in the session."""
    pid: int
    launcher: int
    """Pid of the launcher. Where it is the target's parent, copies become its children."""
    memory: RemoteMemory | None
    emit: Callable[[TimedEvent], None]
    write: Callable[[bytes], None]
    """Sends a line to the probe."""
    clock: Callable[[], int]
    """Nanoseconds since the session began."""
    scheduler: Scheduler = field(default_factory=Scheduler)
    limits: dict[str, str] = field(default_factory=dict)
    """Reading -> why it is missing or less exact."""

    def now(self) -> float:
        """Seconds since the session began."""
        return self.clock() / 1e9

    def limit(self, reading: str, reason: str) -> None:
        """Report a reading as missing or less exact, once for each reason."""
        if self.limits.get(reading) != reason:
            self.limits[reading] = reason
            self.emit(
                ReadingLimited(at=self.now(), process=self.process, reading=reading, reason=reason)
            )

    def send(self, command: Command) -> None:
        """Send a command to the probe."""
        self.write(line_of(command))


def line_of(command: Command) -> bytes:
    """The command as one line of JSON, all ASCII: surrogates are escaped too."""
    return json.dumps(command).encode() + b"\n"
