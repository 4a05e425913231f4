"""Base class of the app: sends commands, and says so where there is nobody to send them to."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from refwatch.session.events import CensusBegun, CensusFailed, CensusTaken, Event, ViewerRefused
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.answers import Answer, Answering, Answers
from refwatch.tui.ask import AskScreen
from refwatch.tui.feed import Feed, FeedGoneError
from refwatch.tui.leave import Leave
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import InspectWanted, SendWanted, TextWanted
from refwatch.tui.referrers.listed_object import watched_already
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.subject import Subject
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
    ProcessCommand,
    SwitchAllocations,
    TakeCensus,
    Unwatch,
    WatchAddress,
    WatchInstance,
    WatchNode,
    WatchObject,
    WriteGraph,
)
from refwatch.wire.event import MAIN

RECORDED = "A recording takes no commands"
SAID_S = 2.0
"""Seconds that a confirmation stays: the answer says more."""
ENDED = "The program has ended and takes no more requests"
CHILD_ENDED = "This process has ended and takes no more requests"
OF_THE_TARGET = (
    TakeCensus, WatchObject, WatchNode, WatchInstance, WatchAddress, Unwatch, Inspect,
    InspectInstance, InspectAddress, FindChains, WriteGraph, SwitchAllocations, CountTraces,
)  # fmt: skip
GONE = "No answer: the daemon is gone"


class CommandApp(App[Leave]):
    """The part of the app that sends commands."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "baseline", "Since", id="app.baseline",
                tooltip="Growth, deltas and charts count from another mark"),
        Binding("c", "census", "Census", id="app.census",
                tooltip="Heap count (census): count every object on the heap now"),
        Binding("m", "mark", "Mark", id="app.mark",
                tooltip="Mark this moment: growth, deltas and charts then count from it"),
    ]  # fmt: skip

    def __init__(self, feed: Feed, *, replay: bool) -> None:
        super().__init__()
        self.feed = feed
        self.replay = replay
        self.state = State()
        self.number = MAIN
        """Number of the process that the panels show: the subject."""
        self.refused = ""
        """Why the daemon serves others only."""
        self._answers = Answers()

    def tell(self, event: Event) -> None:
        """Notify the user when a requested operation finishes; leave where the daemon does not
        serve this viewer."""
        if isinstance(event, ViewerRefused):
            self.refused = event.reason
            self.exit()
        answer = self._answers.take(event)
        if answer is not None:
            self.notify(answer.text, title=answer.title, severity=answer.severity, markup=False)

    async def send(
        self, command: Command, said: str = "", answering: Answering | None = None
    ) -> bool:
        """Send a command, or say why not; return whether it went. ``said`` is shown if it did, and
        what ``answering`` makes of later events."""
        if not self.may_ask(isinstance(command, OF_THE_TARGET)):
            return False
        if answering is not None:
            self._answers.expect(answering, command.process)
        try:
            await self.feed.send(command)
        except FeedGoneError as error:
            self.notify(str(error), severity="warning", markup=False)
            return False
        if said:
            self.notify(said, timeout=SAID_S, markup=False)
        return True

    def may_ask(self, of_the_target: bool = False) -> bool:
        """Whether commands can be sent; if not, tell the user why."""
        why = RECORDED if self.replay else GONE if self.feed.gone else ""
        if not why and of_the_target and self._over:
            why = ENDED if self.asked.number == MAIN else CHILD_ENDED
        if why:
            self.notify(why, severity="warning", markup=False)
        return not why

    @property
    def can_ask(self) -> bool:
        """Whether the target can be asked for something."""
        return not (self.replay or self.feed.gone or self._over)

    @property
    def _over(self) -> bool:
        """The process has ended, or is no longer watched."""
        return self.asked.over

    @property
    def seen(self) -> Screen[Any]:
        """The screen on top, under any dialogue and the palette."""
        stack = reversed(self.screen_stack)
        return next(screen for screen in stack if not isinstance(screen, ModalScreen))

    @property
    def asked(self) -> Subject:
        """The process that commands are about: what is on the screen is of it."""
        screen = self.seen
        opened_on = screen.process if isinstance(screen, LiveScreen) else None
        return Subject(self.state, self.number if opened_on is None else opened_on)

    def addressed(self, command: Command) -> Command:
        """The command to the process that is asked; what is of the session stays so."""
        if isinstance(command, ProcessCommand):
            return replace(command, process=self.asked.number)
        return command

    @on(SendWanted)
    async def _send_wanted(self, event: SendWanted) -> None:
        command = self.addressed(event.command)
        name = watched_already(self.asked, command)
        if name:
            self.notify(f"{name} is watched already; see Refcounts", timeout=SAID_S, markup=False)
            return
        sent = await self.send(command, event.said, event.answering)
        if not sent and isinstance(command, OpenNode):
            for screen in self.screen_stack:
                if isinstance(screen, ReferrersScreen):
                    screen.refused(command.node)

    @on(TextWanted)
    def _text_wanted(self, event: TextWanted) -> None:
        if self.may_ask(of_the_target=True):
            self._ask_text(event)

    def _ask_text(self, wanted: TextWanted) -> None:
        def answered(text: str | None) -> None:
            message = None if text is None else wanted.then(text)
            if message is not None:
                self.post_message(message)

        self.push_screen(
            AskScreen(
                wanted.question,
                wanted.explained,
                value=wanted.value,
                placeholder=wanted.placeholder,
            ),
            answered,
        )

    # -- marks and censuses --------------------------------------------------------------------

    def action_mark(self) -> None:
        if self.may_ask():
            explained = "Growth and charts count from it; b picks another one."
            name = f"mark {len(self.state.marks) + 1}"
            self._ask_text(
                TextWanted(
                    "Mark this moment",
                    explained,
                    lambda text: SendWanted(Mark(name=text)),
                    value=name,
                )
            )

    async def action_census(self) -> None:
        await self.send(self.addressed(TakeCensus()), answering=_census_answer())

    # -- who refers to an object ---------------------------------------------------------------

    @on(InspectWanted)
    async def _inspect_wanted(self, event: InspectWanted) -> None:
        asked = self.asked
        if self.replay or self.feed.gone or self._over:
            name = self._inspected_before(asked, event.address)
        else:
            name = f"inspect-{uuid.uuid4().hex[:12]}"  # other viewers give names too
        if name is None or not await self._ask(asked, event, name):
            return
        screen = ReferrersScreen(name, event.title)
        screen.process = asked.number
        self.push_screen(screen, partial(self._inspected, name, asked.number))

    async def _ask(self, asked: Subject, event: InspectWanted, name: str) -> bool:
        process = asked.process
        recorded = process is not None and name in process.references.inspections
        return recorded or await self.send(self.addressed(event.ask(name)))

    def _inspected_before(self, asked: Subject, address: str) -> str | None:
        """Name of a recorded inspection of this object; tell the user if there is none."""
        inspections = asked.process.references.inspections if asked.process is not None else {}
        for name, inspection in inspections.items():
            if address and 0 in inspection.nodes and inspection.nodes[0].address == address:
                return name
        self.may_ask(of_the_target=True)
        return None

    async def _inspected(self, name: str, process: int, _: None) -> None:
        """End the inspection when its screen is closed: its copy is of no further use."""
        if not self.replay and not self.feed.gone:
            await self.send(EndInspection(inspection=name, process=process))


def _census_answer() -> Answering:
    """Answers one TakeCensus."""
    pause_s = 0.0

    def answer(event: Event) -> Answer | None:
        nonlocal pause_s
        if isinstance(event, CensusBegun):
            pause_s = event.pause_s
        elif isinstance(event, CensusTaken):
            paused = fmt_duration(pause_s)
            return Answer(
                "Heap count", f"{event.objects:,} objects; the program paused for {paused}"
            )
        elif isinstance(event, CensusFailed):
            return Answer("No heap count", printable(event.reason), "warning")
        return None

    return answer
