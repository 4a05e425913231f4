"""Processes as the table of them has them: under watch, or just born."""

from __future__ import annotations

from refwatch.daemon.process_watch import ProcessMonitor
from refwatch.target.exit_status import ProcessHandle
from refwatch.target.probe_messages import Forked, Hello, Report
from refwatch.wire.connections import Connection


class Member:
    """A process under watch, or one that has ended while its copies are at work."""

    def __init__(self, monitor: ProcessMonitor, handle: ProcessHandle | None) -> None:
        self.monitor = monitor
        self.handle = handle
        """None for the program, whose end its launcher tells."""
        self.due_ns = 0
        self.ended_ns: int | None = None
        """When it was seen to have ended."""


class Newborn:
    """The child of a fork that may end at once: most of what a watch costs is not yet spent."""

    def __init__(
        self,
        forked: Forked,
        began_ns: int,
        hello: Hello,
        peer: Connection[Report],
        reports: list[Report],
    ) -> None:
        self.forked = forked
        self.began_ns = began_ns
        """Since the session began."""
        self.hello = hello
        """Its parent's."""
        self.peer = peer
        self.reports = reports
        self.handle = ProcessHandle(forked.pid)
