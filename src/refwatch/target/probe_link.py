"""Connections of a target's probe and of its copies to the daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable

import msgspec

from refwatch.target.probe_commands import ProbeCommand, encode
from refwatch.target.probe_messages import Hello, Report, Stranger
from refwatch.wire.connections import Connection

_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


class Peers:
    """All such connections; ``take`` gets each report with its connection. Only process ``pid`` may
    send a hello: another has other objects and threads."""

    def __init__(self, pid: int, take: Callable[[Report, Connection[Report]], None]) -> None:
        self.stranger: int | None = None
        """Pid of another process that has tried to."""
        self._pid = pid
        self._take = take
        self._all: list[Connection[Report]] = []
        self._probe: Connection[Report] | None = None
        """The one that has sent the hello."""

    def add(self, connection: socket.socket) -> None:
        """Add a new connection."""
        self._all.append(Connection(connection, _reports))

    def files(self) -> list[int]:
        """Descriptors that become readable with a report."""
        return [peer.fileno() for peer in self._all if peer.open]

    def read(self) -> None:
        """Read and take all reports."""
        for peer in self._all:
            peer.flush()
            for report in peer.receive():
                if isinstance(report, Hello | Stranger) and peer.pid != self._pid:
                    self.stranger = peer.pid
                    peer.close()
                    break
                if isinstance(report, Hello):
                    self._probe = peer
                self._take(report, peer)
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
        """Send the probe a command, if there is one."""
        if self._probe is not None:
            self._probe.send(encode(command))
