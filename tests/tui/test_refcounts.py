"""The Refcounts panel as a user drives it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace
from tests.sample_events import watched_found
from tests.simulate import Simulation
from tests.simulate_references import with_references
from tests.tui.driving import FakeFeed, asked, driven, frame, settled, steady, until
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.ask import AskScreen
from refwatch.tui.panels.refcounts.panel import RefcountsPanel
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.screen import MainScreen
from refwatch.wire import commands as cmd
from refwatch.wire.event import MAIN


def recorded(seconds: float = 6.0) -> list[Event]:
    return list(with_references(Simulation(seconds)))


def panel(app: RefwatchApp) -> RefcountsPanel:
    found = app.main.panel
    assert isinstance(found, RefcountsPanel)
    return found


def names(app: RefwatchApp) -> list[str]:
    return ["".join(text for text, _ in row.cells[0]) for row in panel(app).table.rows]


def tree(app: RefwatchApp) -> ReferrersScreen:
    assert isinstance(app.screen, ReferrersScreen)
    return app.screen


async def test_the_panel_shows_what_is_watched() -> None:
    async with driven(FakeFeed(recorded()), size=(120, 40)) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        shown = frame(app)
        assert names(app)[0] == "template"
        for piece in ("raw ctypes", "raw getrefcount", "since warm", "immortal", "died 2.90 s",
                      "getrefcount reads 1 more here", "References of template"):  # fmt: skip
            assert piece in shown


async def test_it_moves_on_with_the_counts() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", "down")
        cursor = panel(app).table.cursor
        feed.push(ev.WatchedCounted(at=6.1, process=MAIN, counts=[(6, 9999)]))
        await settled(app, pilot, feed)
        assert "9999▲" in frame(app)
        assert names(app)[0] == "log"
        assert panel(app).table.cursor == cursor


async def test_sort_filter_and_the_dead() -> None:
    async with driven(FakeFeed(recorded())) as (app, pilot):
        await pilot.press("5", "E")
        assert len(names(app)) == 11
        await pilot.press("E")
        assert len(names(app)) == 13
        await pilot.press("r")
        assert names(app)[0] != "template"
        x = next(p.x for p in panel(app).table.placed if p.column.key == "name")
        await pilot.click("#refcounts-table", offset=(x + 2, 0))
        await until(pilot, lambda: panel(app).order.sort == "name")
        assert names(app)[0] == "cache"
        await pilot.click("#refcounts-table", offset=(60, 0))
        await pilot.press("slash", *"pool", "enter")
        await until(pilot, lambda: names(app) == ["pool"])
        await steady(app, pilot)
        assert "“pool” 1 of 13" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(names(app)) == 13)


async def test_what_cannot_be_sorted_by_has_a_heading_that_does_nothing() -> None:
    async with driven(FakeFeed(recorded())) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        before = panel(app).order
        x = next(p.x for p in panel(app).table.placed if p.column.key == "trend")
        await pilot.click("#refcounts-table", offset=(x + 2, 0))
        await pilot.pause()
        assert panel(app).order == before


async def test_w_stops_watching() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", "w")
        assert asked(feed) == [cmd.Unwatch(watch=5)]
        feed.push(ev.WatchedEnded(at=6.1, process=MAIN, watch=5, died=False))
        await settled(app, pilot, feed)
        assert "template" not in names(app)
        await pilot.press("end", "w")
        assert len(asked(feed)) == 1


@pytest.mark.parametrize("key", ["plus", "W"])
async def test_a_path_can_be_typed(key: str) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", key)
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        assert isinstance(app.screen, AskScreen)
        await pilot.press(*"app.db.pool", "enter")
        await until(pilot, lambda: asked(feed) == [cmd.WatchObject(path="app.db.pool")])
        await until(pilot, lambda: "app.db.pool is watched" in frame(app))


async def test_what_is_no_path_is_not_asked_for() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", "plus", *"a..b", "enter")
        await until(pilot, lambda: "Not a dotted path of names: a..b" in frame(app))
        await pilot.press("plus", "x", "escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert asked(feed) == []


async def test_nothing_watched() -> None:
    feed = FakeFeed(Simulation(0.5).events())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("5", "w", "enter", "down")
        await steady(app, pilot)
        assert "Nothing is watched yet." in frame(app)
        assert asked(feed) == []
        feed.push(*(event for event in recorded(1.0) if isinstance(event, ev.WatchedFound)))
        await settled(app, pilot, feed)
        assert "Nothing is watched yet." not in frame(app)
        assert "sessions" in names(app)


async def test_a_paused_panel_stands_still() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", "space")
        await steady(app, pilot)
        before = frame(app).splitlines()[3:]
        feed.push(
            ev.WatchedCounted(at=7.0, process=MAIN, counts=[(6, 9999)]),
            ev.Marked(at=7.0, name="late"),
        )
        await settled(app, pilot, feed)
        assert frame(app).splitlines()[3:] == before
        await pilot.press("space")
        await steady(app, pilot)
        assert "9999" in frame(app)
        assert "since late" in frame(app)


# -- recordings ------------------------------------------------------------------------------------


async def test_what_a_recording_cannot_do_has_no_key() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, replay=True, size=(200, 28)) as (app, pilot):
        await pilot.press("5", "w", "plus", "m", "c")
        await steady(app, pilot)
        assert isinstance(app.screen, MainScreen)
        keys = frame(app).splitlines()[-1]
        assert "o Sort" in keys
        for name in ("Unwatch", "Add", "Mark", "Census"):
            assert name not in keys
        await pilot.press("enter")
        await until(pilot, lambda: "A recording takes no commands" in frame(app))
        assert feed.sent == []


async def test_what_cannot_be_done_any_more_loses_its_key() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(200, 28)) as (app, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "c Census" in frame(app))
        assert "w Unwatch" in frame(app)
        feed.push(ev.TargetExited(at=9.0, process=MAIN, exit_code=0))
        await until(pilot, lambda: "c Census" not in frame(app))
        assert "w Unwatch" not in frame(app)
        assert "m Mark" in frame(app)
        feed.end()
        await until(pilot, lambda: "m Mark" not in frame(app))


async def test_a_recorded_inspection_can_be_looked_at() -> None:
    events = recorded(8.0)
    address = next(e.address for e in events if isinstance(e, ev.WatchedFound) and e.watch == 5)
    moved = [
        replace(e, address=address) if isinstance(e, ev.ReferrersFound) and e.node == 0 else e
        for e in events
    ]
    feed = FakeFeed(moved)
    async with driven(feed, replay=True, size=(80, 24)) as (app, pilot):
        await pilot.press("5", "enter")
        await until(pilot, lambda: "value of key 'session'" in frame(app))
        await pilot.press("down", "right")
        await until(pilot, lambda: "attribute sessions" in frame(app))
        await pilot.press("end", "up", "right")
        await until(pilot, lambda: "A recording takes no commands" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert feed.sent == []


# -- extremes --------------------------------------------------------------------------------------


async def test_hostile_names() -> None:
    def events() -> Iterable[Event]:
        for index, name in enumerate(HOSTILE):
            yield watched_found(0.5, 100 + index, name=name, type=name, address=name, source=name)
        yield ev.WatchedCounted(
            at=0.5, process=MAIN, counts=[(100 + index, 9) for index in range(len(HOSTILE))]
        )
        yield ev.Marked(at=0.6, name=HOSTILE[0])

    feed = FakeFeed([*Simulation(0.4).events(), *events()])
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("5")
        for _ in HOSTILE:
            await pilot.press("down")
            await steady(app, pilot)
            assert all(line.isprintable() for line in frame(app).splitlines())
        assert "[/b] x" in frame(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        await steady(app, pilot)
        assert all(line.isprintable() for line in frame(app).splitlines())


async def test_thousands_of_objects_draw_only_what_is_seen() -> None:
    feed = FakeFeed(Simulation(0.4).events())
    feed.push(
        *(
            watched_found(0.5, n, name=f"name-{n}", type="app.X", address=hex(n))
            for n in range(1, 5001)
        )
    )
    feed.push(ev.WatchedCounted(at=0.5, process=MAIN, counts=[(n, 3) for n in range(1, 5001)]))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        table = panel(app).table
        assert len(table.rows) == 5000
        assert len(table._made) <= table.size.height
        await pilot.press("end")
        await steady(app, pilot)
        assert "name-5000" in frame(app)
        feed.push(ev.WatchedCounted(at=0.6, process=MAIN, counts=[(1, 4), (5000, 2)]))
        await settled(app, pilot, feed)
        assert table.cursor == 5000
        assert "2▼" in frame(app)
        assert len(table._made) <= 2 * table.size.height
