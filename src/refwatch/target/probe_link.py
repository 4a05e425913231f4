"""Connections of the target's probe and of its copies to the daemon."""

from __future__ import annotations

import socket
from collections.abc import Callable

import msgspec

from refwatch.target.probe_messages import Hello, Report, Stranger
from refwatch.wire.connections import Connection

_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


class Peers:
    """The connections. ``take`` gets each report and its connection. Only process ``pid`` may say
    hello: another process has other objects and threads."""

    def __init__(self, pid: int, take: Callable[[Report, Connection[Report]], None]) -> None:
        self.stranger: int | None = None
        """Pid of another process that said hello."""
        self._pid = pid
        self._take = take
        self._all: list[Connection[Report]] = []
        self._probe: Connection[Report] | None = None
        """The connection that said hello."""

    def add(self, connection: socket.socket) -> None:
        """Take over a new connection."""
        self._all.append(Connection(connection, _reports))

    def files(self) -> list[int]:
        """Descriptors to poll for reports."""
        return [peer.fileno() for peer in self._all if peer.open]

    def read(self) -> None:
        """Handle the reports that have arrived."""
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
        """Descriptor to poll for the probe's reports; None without a probe."""
        return self._probe.fileno() if self._probe is not None and self._probe.open else None

    def tell_probe(self, line: bytes) -> None:
        """Send a line to the probe, if it is connected."""
        if self._probe is not None:
            self._probe.send(line)
