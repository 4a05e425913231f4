"""Connections of a target's probe and of its copies to the daemon."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

import msgspec

from refwatch.target.probe_commands import ProbeCommand, encode
from refwatch.target.probe_messages import Back, ForeignPython, Hello, Report
from refwatch.wire.connections import Connection

MOST_PEERS = 64
KEEP_TOLD = 200

_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


class ProbeConnections:
    """All such connections; ``take`` gets each report with its connection. Only process ``pid`` may
    send a hello: another has other objects and threads."""

    def __init__(self, pid: int, take: Callable[[Report, Connection[Report]], None]) -> None:
        self.stranger: int | None = None
        """Pid of another process that has tried to."""
        self.trouble = ""
        """What a connection has done for which it was closed."""
        self._pid = pid
        self._take = take
        self._all: list[Connection[Report]] = []
        self._probe: Connection[Report] | None = None
        """The one that has sent the hello."""
        self._told: deque[bytes] = deque(maxlen=KEEP_TOLD)
        """The last lines that it was told: what it has not heard is told again when it is back."""
        self._count = 0
        self._said_hello = False
        """So many lines it was told in all."""

    def add(self, connection: socket.socket) -> None:
        """Add a new connection; beyond as many as there can be copies none is ours."""
        if len(self._all) >= MOST_PEERS:
            connection.close()
            return
        self._all.append(Connection(connection, _reports))

    def files(self) -> list[int]:
        """Descriptors that become readable with a report."""
        return [peer.fileno() for peer in self._all if peer.open]

    def read(self) -> None:
        """Read and take all reports."""
        for peer in self._all:
            peer.flush()
            for report in peer.receive():
                if isinstance(report, Hello | ForeignPython | Back) and peer.pid != self._pid:
                    self.stranger = peer.pid
                    peer.close()
                    break
                if isinstance(report, Hello | Back):
                    self._probe, self._said_hello = peer, True
                if isinstance(report, Back):
                    unheard = self._count - report.heard
                    for line in list(self._told)[max(0, len(self._told) - unheard) :]:
                        peer.send(line)
                self._take(report, peer)
            self.trouble = peer.trouble or self.trouble
        self._all = [peer for peer in self._all if peer.open]
        if self._probe is not None and not self._probe.open:
            self._probe = None

    @property
    def has_probe(self) -> bool:
        return self._probe is not None

    @property
    def probe_file(self) -> int | None:
        """Descriptor that becomes readable with a report of the probe."""
        return self._probe.fileno() if self._probe is not None and self._probe.open else None

    def send(self, command: ProbeCommand) -> None:
        """Send the probe a command, if there is one, or else when it is back."""
        if not self._said_hello:
            return
        line = encode(command)
        self._count += 1
        self._told.append(line)
        if self._probe is not None and self._probe.open:
            self._probe.send(line)
