"""New connections, until their first report tells which process they are of."""

from __future__ import annotations

import socket

from refwatch.target.probe_link import report_connection
from refwatch.target.probe_messages import CopyConnected, Report
from refwatch.wire.connections import Connection

MOST_WAITING = 256  # connections that have not said a word


class Arrivals:
    """Connections that nobody has taken yet."""

    def __init__(self) -> None:
        self._waiting: list[Connection[Report]] = []

    def add(self, connection: socket.socket) -> None:
        """A new one; where too many wait it is none of ours."""
        if len(self._waiting) >= MOST_WAITING:
            connection.close()
        else:
            self._waiting.append(report_connection(connection))

    def read(self) -> list[tuple[int, Connection[Report], list[Report]]]:
        """Those that have told: (pid of the process, connection, reports so far). A copy is told by
        the process that was copied."""
        told: list[tuple[int, Connection[Report], list[Report]]] = []
        waiting: list[Connection[Report]] = []
        for peer in self._waiting:
            reports = peer.receive()
            if reports:
                first = reports[0]
                pid = first.of if isinstance(first, CopyConnected) else peer.pid
                told.append((pid, peer, reports))
            elif peer.open:
                waiting.append(peer)
        self._waiting = waiting
        return told

    def close(self) -> None:
        for peer in self._waiting:
            peer.close()
        self._waiting.clear()
