"""Connections of a target's probe and of its copies to the daemon."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

import msgspec

from refwatch.target.probe_commands import ProbeCommand, encode
from refwatch.target.probe_messages import Back, ForeignPython, Forked, Hello, Report
from refwatch.wire.connections import Connection

MOST_PEERS = 64
KEEP_TOLD = 200

_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def report_connection(connection: socket.socket) -> Connection[Report]:
    """A connection on which a probe or a copy reports."""
    return Connection(connection, _reports)


class ProbeConnections:
    """All such connections of one process; ``take`` gets each report with its connection. Only
    process ``pid`` may send a hello: another has other objects and threads."""

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
        self._all.append(report_connection(connection))

    def adopt(self, peer: Connection[Report], reports: list[Report]) -> None:
        """Take over a connection whose first reports have told that it is of this process."""
        if len(self._all) >= MOST_PEERS:
            peer.close()
            return
        self._all.append(peer)
        self._take_all(peer, reports)

    def files(self) -> list[int]:
        """Descriptors that become readable with a report."""
        return [peer.fileno() for peer in self._all if peer.open]

    def flush(self) -> None:
        """Send what a peer has not taken at first."""
        for peer in self._all:
            peer.flush()

    def read(self) -> None:
        """Read and take all reports."""
        for peer in self._all:
            self._take_all(peer, peer.receive())
        self._all = [peer for peer in self._all if peer.open]
        if self._probe is not None and not self._probe.open:
            self._probe = None

    def _take_all(self, peer: Connection[Report], reports: list[Report]) -> None:
        for report in reports:
            if isinstance(report, Hello | Forked | ForeignPython | Back) and peer.pid != self._pid:
                self.stranger = peer.pid
                peer.close()
                break
            if isinstance(report, Hello | Forked | Back):
                self._probe, self._said_hello = peer, True
            if isinstance(report, Back):
                unheard = self._count - report.heard
                for line in list(self._told)[max(0, len(self._told) - unheard) :]:
                    peer.send(line)
            if not isinstance(report, Forked):  # whoever gave us the connection has taken it
                self._take(report, peer)
        self.trouble = peer.trouble or self.trouble

    def close(self) -> None:
        """Nobody is to be heard any more: the probe leaves its process as it would be alone."""
        for peer in self._all:
            peer.close()
        self._all.clear()
        self._probe = None

    @property
    def has_probe(self) -> bool:
        return self._probe is not None

    def send(self, command: ProbeCommand) -> None:
        """Send the probe a command, if there is one, or else when it is back."""
        if not self._said_hello:
            return
        line = encode(command)
        self._count += 1
        self._told.append(line)
        if self._probe is not None and self._probe.open:
            self._probe.send(line)
