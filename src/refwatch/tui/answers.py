"""What has come of what was asked for here: the user is told once, wherever he is looking."""

from __future__ import annotations

from typing import Literal, NamedTuple

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.panels.allocations.lines import COSTS
from refwatch.wire import commands as cmd
from refwatch.wire.commands import Command

WATCHES = (cmd.WatchObject, cmd.WatchNode, cmd.WatchInstance, cmd.WatchAddress)


class Answer(NamedTuple):
    """``severity`` as Textual's notifications have it."""

    title: str
    text: str
    severity: Literal["information", "warning", "error"] = "information"


class Answers:
    """Remembers what was asked for; other viewers' answers are not for this user."""

    def __init__(self) -> None:
        self._snapshot: str | None = None
        self._graph = False
        self._census = False
        self._pause_s = 0.0
        self._watches = 0
        self._switch = False

    def asked(self, command: Command) -> None:
        """This was sent."""
        if isinstance(command, cmd.WriteSnapshot):
            self._snapshot = command.path
        elif isinstance(command, cmd.WriteGraph):
            self._graph = True
        elif isinstance(command, cmd.TakeCensus):
            self._census = True
        elif isinstance(command, cmd.SwitchAllocations):
            self._switch = True
        elif isinstance(command, WATCHES):
            self._watches += 1

    def take(self, event: Event) -> Answer | None:
        """What there is to say about this event."""
        if isinstance(event, ev.SnapshotWritten) and event.path == self._snapshot:
            self._snapshot = None
            return Answer("Snapshot written", event.path)
        if isinstance(event, ev.GraphWritten) and self._graph:
            self._graph = False
            return Answer("Reference graph written", "\n".join(event.paths))
        if isinstance(event, ev.WatchedFound) and self._watches and event.source != "main":
            self._watches -= 1
            return Answer("Watching", f"{printable(event.name)}  {printable(event.type)}")
        if isinstance(event, ev.CensusBegun):
            self._pause_s = event.pause_s
        if isinstance(event, ev.CensusTaken) and self._census:
            self._census = False
            pause = fmt_duration(self._pause_s)
            return Answer("Census", f"{event.objects:,} objects; the program paused for {pause}")
        if isinstance(event, ev.CensusFailed) and self._census:
            self._census = False
            return Answer("No census", printable(event.reason), "warning")
        if isinstance(event, ev.AllocationsSwitched) and self._switch:
            self._switch = False
            texts = (text.rstrip(". ") for text in (COSTS[event.mode], printable(event.note)))
            said = " ".join(f"{text[0].upper()}{text[1:]}." for text in texts if text)
            return Answer(f"Allocations: {event.mode}", said)
        return self._noted(event) if isinstance(event, ev.Noted) else None

    def _noted(self, event: ev.Noted) -> Answer | None:
        """A warning or an error soon after something was asked for is about that."""
        if event.level == "info" or not (self._snapshot or self._census or self._watches):
            return None
        self._snapshot, self._census, self._watches = None, False, 0
        return Answer("", printable(event.text), "error" if event.level == "error" else "warning")
