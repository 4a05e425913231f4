"""Driving the app in tests: a feed that the test fills, waiting for conditions, frames as text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.simulate import Simulation
from textual.pilot import Pilot

from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.tui.app import Leave, RefwatchApp
from refwatch.tui.feed import FeedGoneError
from refwatch.wire.commands import Command, ResizeTerminal

DEADLINE_S = 10.0
Driven = Pilot[Leave]


class FakeFeed:
    """Gives what :meth:`push` was given; keeps the commands in ``sent``."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.gone = False
        self.sent: list[Command] = []
        self.pushed = 0
        self._queue: asyncio.Queue[list[Event] | None] = asyncio.Queue()
        self.push(*events)

    def push(self, *events: Event) -> None:
        if events:
            self.pushed += len(events)
            self._queue.put_nowait(list(events))

    def end(self) -> None:
        """The daemon closes."""
        self._queue.put_nowait(None)

    async def events(self) -> AsyncIterator[list[Event]]:
        while (batch := await self._queue.get()) is not None:
            yield batch
        self.gone = True

    async def send(self, command: Command) -> None:
        if self.gone:
            raise FeedGoneError("the daemon is gone")
        self.sent.append(command)


def asked(feed: FakeFeed) -> list[Command]:
    """What was sent, but for the size of the terminal."""
    return [one for one in feed.sent if not isinstance(one, ResizeTerminal)]


async def until(pilot: Driven, met: Callable[[], object]) -> None:
    """Let the app work until the condition is met."""
    deadline = time.monotonic() + DEADLINE_S
    while not met():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain; the screen was\n{frame(pilot.app)}")
        await pilot.pause(0.001)


def frame(app: object) -> str:
    """What is on the screen, as text. The one place that knows Textual's inside."""
    assert isinstance(app, RefwatchApp)
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip()
        for strip in app.screen._compositor.render_strips()
    )


@asynccontextmanager
async def driven(
    feed: FakeFeed,
    *,
    size: tuple[int, int] = (100, 28),
    replay: bool = False,
    write_snapshot: Callable[[State, Path], None] | None = None,
    snapshot_dir: Path = Path("/tmp"),
) -> AsyncIterator[tuple[RefwatchApp, Driven]]:
    """The app with what the feed has pushed so far taken in and drawn."""
    app = RefwatchApp(feed, replay=replay, write_snapshot=write_snapshot, snapshot_dir=snapshot_dir)
    async with app.run_test(size=size, notifications=True) as pilot:
        await settled(app, pilot, feed)
        yield app, pilot


async def settled(app: RefwatchApp, pilot: Driven, feed: FakeFeed) -> None:
    """All that was pushed is taken in and drawn."""
    await until(pilot, lambda: app.state.version >= feed.pushed)
    await steady(app, pilot)


async def steady(app: RefwatchApp, pilot: Driven) -> None:
    """Drawn, and laid out: a new size takes some messages to get everywhere."""
    deadline = time.monotonic() + DEADLINE_S
    before, same = frame(app), 0
    while same < 2 and time.monotonic() < deadline:
        app.draw()
        await pilot.pause()
        now = frame(app)
        before, same = now, same + 1 if now == before else 0


def session(seconds: float = 3.0, **settings: object) -> FakeFeed:
    """A feed with a simulated session in it."""
    return FakeFeed(Simulation(seconds, **settings).events())  # type: ignore[arg-type]


def state_of(events: Iterable[Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state
