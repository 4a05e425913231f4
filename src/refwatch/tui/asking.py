"""What the user asks of the daemon: marks, censuses, objects to watch, who refers to them.

A recording and a daemon that is gone take no commands: then the user is told so.
"""

from __future__ import annotations

import re
import uuid
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message

from refwatch.session.events import Event, ViewerRefused
from refwatch.session.state import State
from refwatch.tui.answers import Answers
from refwatch.tui.ask import AskScreen
from refwatch.tui.feed import Feed, FeedGoneError
from refwatch.tui.leave import Leave
from refwatch.tui.panel import Panel
from refwatch.tui.panels.objects.heap import HeapScreen
from refwatch.tui.panels.refcounts.panel import RefcountsPanel
from refwatch.tui.panels.refcounts.referrers import ReferrersScreen
from refwatch.tui.seen import watched_already
from refwatch.wire.commands import (
    Command,
    CountTraces,
    EndInspection,
    FindChains,
    Inspect,
    InspectAddress,
    InspectInstance,
    Mark,
    OpenNode,
    SwitchAllocations,
    TakeCensus,
    Unwatch,
    WatchAddress,
    WatchInstance,
    WatchNode,
    WatchObject,
    WriteGraph,
)

PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
RECORDED = "A recording takes no commands"
SAID_S = 2.0
"""What was asked for needs no long telling: the answer says more."""
ENDED = "The program has ended: it cannot be asked any more"
OF_THE_TARGET = (
    TakeCensus, WatchObject, WatchNode, WatchInstance, WatchAddress, Unwatch, Inspect,
    InspectInstance, InspectAddress, FindChains, WriteGraph, SwitchAllocations, CountTraces,
)  # fmt: skip
GONE = "No answer: the daemon is gone"


class AskingApp(App[Leave]):
    """The part of the app that sends commands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "baseline", "Since", id="app.baseline",
                tooltip="Count growth, deltas and charts from another mark"),
        Binding("c", "census", "Census", id="app.census",
                tooltip="Count every object of the heap now"),
        Binding("m", "mark", "Mark", id="app.mark",
                tooltip="Mark this moment: growth, deltas and charts count from it"),
        Binding("h", "heap", "Heap", show=False, id="app.heap",
                tooltip="The census, the collector, and the objects with most references"),
    ]  # fmt: skip

    class DrawWanted(Message):
        """Something else is to be seen now."""

    def __init__(self, feed: Feed, *, replay: bool) -> None:
        super().__init__()
        self.feed = feed
        self.replay = replay
        self.state = State()
        self.refused = ""
        """Why the daemon serves others only."""
        self._answers = Answers()

    def tell(self, event: Event) -> None:
        """Tell the user what has come of what he has asked for; end where the daemon does not serve
        this viewer."""
        if isinstance(event, ViewerRefused):
            self.refused = event.reason
            self.exit()
        answer = self._answers.take(event)
        if answer is not None:
            self.notify(answer.text, title=answer.title, severity=answer.severity, markup=False)

    async def send(self, command: Command, said: str = "") -> bool:
        """Send, or say why not; return whether it went. ``said`` is told the user if it did."""
        if not self.may_ask(isinstance(command, OF_THE_TARGET)):
            return False
        self._answers.asked(command)
        try:
            await self.feed.send(command)
        except FeedGoneError as error:
            self.notify(str(error), severity="warning", markup=False)
            return False
        if said:
            self.notify(said, timeout=SAID_S, markup=False)
        return True

    def may_ask(self, of_the_target: bool = False) -> bool:
        """Whether somebody takes commands, and is there to be asked; the user is told if not."""
        why = RECORDED if self.replay else GONE if self.feed.gone else ""
        if not why and of_the_target and self._over:
            why = ENDED
        if why:
            self.notify(why, severity="warning", markup=False)
        return not why

    @property
    def can_ask(self) -> bool:
        """Whether the target can be asked for something."""
        return not (self.replay or self.feed.gone or self._over)

    @property
    def _over(self) -> bool:
        """The target is gone, or nobody looks at it any more."""
        return self.state.over

    @on(Panel.SendWanted)
    async def _send_wanted(self, event: Panel.SendWanted) -> None:
        known = watched_already(self.state, event.command)
        if known:
            self.notify(f"{known} is watched already: see Refcounts", timeout=SAID_S, markup=False)
            return
        sent = await self.send(event.command, event.said)
        if not sent and isinstance(event.command, OpenNode):
            for screen in self.screen_stack:
                if isinstance(screen, ReferrersScreen):
                    screen.refused(event.command.node)

    # -- marks and censuses --------------------------------------------------------------------

    def action_mark(self) -> None:
        if self.may_ask():
            name = f"mark {len(self.state.marks) + 1}"
            explained = "Growth and charts count from it; b chooses another one."
            self.push_screen(AskScreen("Mark this moment", explained, value=name), self._mark)

    async def _mark(self, name: str | None) -> None:
        if name is not None:
            await self.send(Mark(name=name))

    async def action_census(self) -> None:
        await self.send(TakeCensus())

    def action_heap(self) -> None:
        if not isinstance(self.screen, HeapScreen):
            self.push_screen(HeapScreen(), self._heap_left)

    def _heap_left(self, _: None) -> None:
        self.post_message(self.DrawWanted())

    # -- objects -------------------------------------------------------------------------------

    @on(RefcountsPanel.PathWanted)
    def _path_wanted(self) -> None:
        if self.may_ask(of_the_target=True):
            explained = "Its count is read from now on, or once it is there."
            screen = AskScreen("Watch an object", explained, placeholder="pkg.mod.name.attr")
            self.push_screen(screen, self._watch)

    async def _watch(self, path: str | None) -> None:
        if path is None:
            return
        if PATH.fullmatch(path):
            await self.send(WatchObject(path=path), f"{path} is watched as soon as it is there")
        else:
            text = f"No dotted path of names: {path}"
            self.notify(text, severity="warning", markup=False)

    @on(Panel.InspectWanted)
    async def _inspect_wanted(self, event: Panel.InspectWanted) -> None:
        if self.replay or self.feed.gone or self._over:
            name = self._inspected_before(event.address)
        else:
            name = f"inspect-{uuid.uuid4().hex[:12]}"  # other viewers give names too
        if name is None or not await self._ask(event, name):
            return
        self.push_screen(ReferrersScreen(name, event.title), partial(self._inspected, name))
        self.post_message(self.DrawWanted())

    async def _ask(self, event: Panel.InspectWanted, name: str) -> bool:
        known = any(name in each.references.inspections for each in self.state.processes.values())
        return known or await self.send(event.ask(name))

    def _inspected_before(self, address: str) -> str | None:
        """An inspection of this object that was recorded; the user is told if there is none."""
        for process in self.state.processes.values():
            for name, inspection in process.references.inspections.items():
                if address and 0 in inspection.nodes and inspection.nodes[0].address == address:
                    return name
        self.may_ask(of_the_target=True)
        return None

    async def _inspected(self, name: str, _: None) -> None:
        """The screen was left: the copy behind it is of no more use."""
        if not self.replay and not self.feed.gone:
            await self.send(EndInspection(inspection=name))
        self.post_message(self.DrawWanted())
