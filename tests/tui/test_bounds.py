"""An hour of events does not fill the viewer: what it keeps is bounded."""

from __future__ import annotations

import gc
import sys

import pytest
from tests.simulate import Simulation
from tests.tui.driving import FakeFeed, driven, settled, until

from refwatch.session import events as ev
from refwatch.tui.app import RefwatchApp
from refwatch.tui.panels.threads.panel import ThreadsPanel
from refwatch.wire.event import MAIN

STEP = 600


async def test_a_long_session_is_bounded() -> None:
    """Thinned out to one slice in a minute, each drawn: what grows with every frame
    or with every minute would show."""
    feed = FakeFeed(Simulation(1.0).events())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("3")
        counts = []
        for minute in range(1, 26):
            feed.push(*_minute(minute))
            await settled(app, pilot, feed)
            counts.append((len(app._registry), _kept(app)))
        widgets = {count for count, _ in counts[5:]}
        assert max(widgets) - min(widgets) <= 1  # a scroll bar comes when the rows are too many
        assert max(kept for _, kept in counts[15:]) <= 2 * max(kept for _, kept in counts[5:15])


def _minute(minute: int) -> list[ev.Event]:
    """One slice, and a thread that comes and goes."""
    simulation = Simulation(1.0)
    list(simulation.start())
    number = minute * STEP
    serial = 5000 + minute
    return [
        *simulation.slice(number),
        ev.ThreadStarted(at=number / 10, serial=serial, process=MAIN, tid=serial),
        ev.ThreadNamed(at=number / 10, process=MAIN, serial=serial, name=f"short-{minute}"),
        ev.ThreadEnded(at=number / 10, process=MAIN, serial=serial),
    ]


def _kept(app: RefwatchApp) -> int:
    panel = app.main.panel
    assert isinstance(panel, ThreadsPanel)
    return sum(len(cells.cells) for cells in panel._cells.values()) + len(panel.table._painted)


@pytest.mark.slow
async def test_redrawing_keeps_no_memory() -> None:
    """Blocks of memory are counted: tracemalloc would make each frame four times as dear."""
    feed = FakeFeed(Simulation(2.0).events())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("3")
        simulation = Simulation(1.0)
        list(simulation.start())
        for number in range(21, 421):  # the timelines of the last 30 s are full then
            feed.push(*simulation.slice(number))
        await settled(app, pilot, feed)

        async def frames(first: int, count: int) -> None:
            for number in range(first, first + count):
                feed.push(*simulation.slice(number))
                await until(pilot, lambda: app.state.version >= feed.pushed)
                app.draw()
                await pilot.pause()

        await frames(421, 500)  # Textual's caches are full then
        kept: list[int] = []
        for number in range(8):
            await frames(921 + 100 * number, 100)
            gc.collect()
            kept.append(sys.getallocatedblocks())
        # Series are thinned by turns: it goes up and down, some 10,000 blocks.
        assert min(kept[4:]) < max(kept[:4]), kept
