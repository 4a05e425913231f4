"""The process that the UI looks at: what the panels read of a session."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from refwatch.session.events import TargetStarted
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.wire.event import MAIN


@dataclass(frozen=True)
class Subject:
    """One process of a session, by its number: the program, unless the user chose another.
    ``together``: all of them, for the panels that can show them so."""

    state: State
    number: int = MAIN
    together: bool = False

    @property
    def process(self) -> ProcessState | None:
        """None before it is known, and once it is no longer kept."""
        return self.state.processes.get(self.number)

    @property
    def processes(self) -> list[ProcessState]:
        """The one process, or all together: those that run, or where none does those that did."""
        if not self.together:
            return [] if self.process is None else [self.process]
        known = self.state.processes.values()
        return [each for each in known if each.exited is None] or [*known]

    @property
    def started(self) -> TargetStarted | None:
        """How it was started; another one from an exec on."""
        return self.process.started if self.process is not None else None

    @property
    def now(self) -> float:
        """Time of the session's newest event, seconds."""
        return self.state.now

    @property
    def over(self) -> bool:
        """Whether nothing more is read of it: it has ended, or the session has."""
        ended = self.process is not None and self.process.exited is not None
        return ended or self.state.over

    @property
    def judged(self) -> State:
        """The session for what judges the program: with its children, and for a child as if that
        were the program, alone."""
        process = self.process
        if self.number == MAIN:
            return self.state
        return replace(self.state, processes={} if process is None else {MAIN: process})
