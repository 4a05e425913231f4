"""What every collector of a process is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from refwatch.target.memory import RemoteMemory
from refwatch.wire.event import TimedEvent

Command = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One process under watch, and the ways to reach it and the session.

    ``memory`` is None where its memory may not be read from outside.
    """

    process: int
    """Its number in the session."""
    pid: int
    launcher: int
    """Pid of the launcher: copies become its children where it is the parent."""
    memory: RemoteMemory | None
    emit: Callable[[TimedEvent], None]
    write: Callable[[bytes], None]
    """Sends the probe a line."""
    clock: Callable[[], int]
    """Nanoseconds since the session began."""

    def now(self) -> float:
        """Seconds since the session began."""
        return self.clock() / 1e9

    def send(self, command: Command) -> None:
        """Send the probe a command."""
        self.write(line_of(command))


def line_of(command: Command) -> bytes:
    """The command as one line of JSON. In it everything is ASCII, surrogates too."""
    return json.dumps(command).encode() + b"\n"
