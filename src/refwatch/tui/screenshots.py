"""Pictures of the app for the README: events in, SVG out, with no terminal.

The same events give the same pictures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.wire.commands import Command


@dataclass(frozen=True)
class Shot:
    """One picture: the keys that lead to it, ``size`` in columns and rows, a theme's name."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    theme: str = "refwatch-dark"


class _StillFeed:
    """A live session in which nothing more happens."""

    gone = False

    def __init__(self, events: Iterable[Event]) -> None:
        self.told = False
        self._events = list(events)

    async def events(self) -> AsyncIterator[list[Event]]:
        yield self._events
        self.told = True
        await asyncio.Event().wait()

    async def send(self, command: Command) -> None:
        """Nobody listens."""


async def screenshot(events: Iterable[Event], shot: Shot) -> str:
    """The screen after all of the events and then the keys, as SVG."""
    feed = _StillFeed(events)
    app = RefwatchApp(feed, snapshot_dir=Path())
    app.theme = shot.theme
    app.animation_level = "none"
    async with app.run_test(size=shot.size) as pilot:
        while not feed.told:
            await pilot.pause()
        for key in shot.keys:
            await pilot.press(key)
        await pilot.pause()
        app.draw()
        await pilot.pause()
        return app.export_screenshot(title="refwatch")


def write_screenshots(events: Iterable[Event], folder: Path, shots: tuple[Shot, ...]) -> list[Path]:
    """Write ``NAME.svg`` for each shot into the folder; return the files."""
    recorded = list(events)
    written: list[Path] = []
    for shot in shots:
        path = folder / f"{shot.name}.svg"
        path.write_text(asyncio.run(screenshot(recorded, shot)), encoding="utf-8")
        written.append(path)
    return written
