"""The Refcounts panel, and who refers to an object, as a user drives them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace
from tests.simulate import PID, Simulation
from tests.simulate_references import INSPECTION, with_references
from tests.tui.driving import Driven, FakeFeed, driven, frame, settled, steady, until
from tests.tui.test_spans import HOSTILE

from refwatch.model import commands as cmd
from refwatch.model import events as ev
from refwatch.model.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.ask import AskScreen
from refwatch.tui.refcounts import RefcountsPanel
from refwatch.tui.referrers import ReferrersScreen
from refwatch.tui.screen import MainScreen


def recorded(seconds: float = 6.0) -> list[Event]:
    return list(with_references(Simulation(seconds)))


def panel(app: RefwatchApp) -> RefcountsPanel:
    found = app.main.panel
    assert isinstance(found, RefcountsPanel)
    return found


def names(app: RefwatchApp) -> list[str]:
    return ["".join(text for text, _ in row.cells[0]) for row in panel(app).table.rows]


def asked(feed: FakeFeed) -> list[cmd.Command]:
    """What was sent, but for the size of the terminal."""
    return [one for one in feed.sent if not isinstance(one, cmd.ResizeTerminal)]


def tree(app: RefwatchApp) -> ReferrersScreen:
    assert isinstance(app.screen, ReferrersScreen)
    return app.screen


async def test_the_panel_shows_what_is_watched() -> None:
    async with driven(FakeFeed(recorded()), size=(120, 40)) as (app, pilot):
        await pilot.press("4")
        await steady(app, pilot)
        shown = frame(app)
        assert names(app)[0] == "template"
        for piece in ("raw ctypes", "raw getrefcount", "since warm", "immortal", "died 2.90 s",
                      "getrefcount reads 1 more here", "References of template"):  # fmt: skip
            assert piece in shown


async def test_it_moves_on_with_the_counts() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "down")
        cursor = panel(app).table.cursor
        feed.push(ev.WatchedCounted(6.1, PID, [(6, 9999)]))
        await settled(app, pilot, feed)
        assert "9999▲" in frame(app)
        assert names(app)[0] == "log"
        assert panel(app).table.cursor == cursor


async def test_sort_filter_and_the_dead() -> None:
    async with driven(FakeFeed(recorded())) as (app, pilot):
        await pilot.press("4", "e")
        assert len(names(app)) == 11
        await pilot.press("e")
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
        await pilot.press("4")
        await steady(app, pilot)
        before = panel(app).order
        x = next(p.x for p in panel(app).table.placed if p.column.key == "trend")
        await pilot.click("#refcounts-table", offset=(x + 2, 0))
        await pilot.pause()
        assert panel(app).order == before


async def test_w_stops_watching() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "w")
        assert asked(feed) == [cmd.Unwatch(5)]
        feed.push(ev.WatchedEnded(6.1, PID, 5, died=False))
        await settled(app, pilot, feed)
        assert "template" not in names(app)
        await pilot.press("end", "w")
        assert len(asked(feed)) == 1


@pytest.mark.parametrize("key", ["plus", "W"])
async def test_a_path_can_be_typed(key: str) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("4", key)
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        assert isinstance(app.screen, AskScreen)
        await pilot.press(*"app.db.pool", "enter")
        await until(pilot, lambda: asked(feed) == [cmd.WatchObject("app.db.pool")])
        await until(pilot, lambda: "app.db.pool is watched" in frame(app))


async def test_what_is_no_path_is_not_asked_for() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "plus", *"a..b", "enter")
        await until(pilot, lambda: "No dotted path of names: a..b" in frame(app))
        await pilot.press("plus", "x", "escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert asked(feed) == []


async def test_nothing_watched() -> None:
    feed = FakeFeed(Simulation(0.5).events())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("4", "w", "enter", "down")
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
        await pilot.press("4", "space")
        await steady(app, pilot)
        before = frame(app).splitlines()[3:]
        feed.push(ev.WatchedCounted(7.0, PID, [(6, 9999)]), ev.Marked(7.0, "late"))
        await settled(app, pilot, feed)
        assert frame(app).splitlines()[3:] == before
        await pilot.press("space")
        await steady(app, pilot)
        assert "9999" in frame(app)
        assert "since late" in frame(app)


# -- who refers to it ------------------------------------------------------------------------------


def answers(name: str) -> list[Event]:
    """The simulated inspection under the name that the viewer gave it: what goes on until the
    object is known (4 events), then the answer for its node 1."""
    renamed: list[Event] = []
    for event in recorded(8.0):
        if isinstance(event, ev.ReferrersFound) and event.inspection == INSPECTION:
            renamed.append(replace(event, inspection=name))
        elif isinstance(event, ev.WorkProgressed) and event.work == INSPECTION:
            renamed.append(replace(event, work=name))
    return renamed


async def opened(app: RefwatchApp, pilot: Driven, feed: FakeFeed, events: int = 4) -> str:
    """Open the tree of the first row, with so many of the answers; return the inspection's name."""
    await pilot.press("4", "enter")
    await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
    name = tree(app).inspection
    assert cmd.Inspect(name, 5) in feed.sent
    feed.push(*answers(name)[:events])
    await settled(app, pilot, feed)
    return name


def chosen(app: RefwatchApp) -> tuple[int, ...] | None:
    return tree(app).tree_lines.cursor


async def test_progress_then_the_tree_then_back() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed, events=2)
        assert "60 %" in frame(app)
        assert "nothing is known yet" in frame(app)
        feed.push(*answers(name)[2:4])
        await settled(app, pilot, feed)
        assert "4 references: 3 seen, 1 unaccounted" in frame(app)
        assert "value of key 'session'  dict of 12" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert asked(feed) == [cmd.Inspect(name, 5), cmd.EndInspection(name)]
        assert app.focused is panel(app).table


async def test_a_node_opens_and_closes_by_key() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right")
        await until(pilot, lambda: "looking …" in frame(app))
        assert asked(feed)[-1] == cmd.OpenNode(name, 1)
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        assert "looking …" not in frame(app)
        assert "attribute sessions  app.Server" in frame(app)
        assert chosen(app) == (0, 1)
        await pilot.press("right", "down")
        assert chosen(app) == (0, 1, 5)
        await pilot.press("left")
        assert chosen(app) == (0, 1)
        await pilot.press("left")
        await until(pilot, lambda: "attribute sessions" not in frame(app))
        number = len(asked(feed))
        await pilot.press("enter")
        await until(pilot, lambda: "attribute sessions" in frame(app))
        assert len(asked(feed)) == number


async def test_the_cursor_stays_on_its_row_while_others_open() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right", "down", "down")
        assert chosen(app) == (0, 2)
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        assert chosen(app) == (0, 2)
        assert "attribute sessions" in frame(app)


async def test_a_closed_branch_takes_the_cursor_to_its_top() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right")
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        await pilot.press("down", "down")
        assert chosen(app) == (0, 1, 5)
        y = (
            frame(app)
            .splitlines()
            .index(next(line for line in frame(app).splitlines() if "item 17" in line))
        )
        await pilot.click(offset=(5, y))
        await until(pilot, lambda: "attribute sessions" not in frame(app))
        assert chosen(app) == (0, 1)


async def test_by_mouse() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("4")
        await steady(app, pilot)
        await pilot.click("#refcounts-table", offset=(4, 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        name = tree(app).inspection
        feed.push(*answers(name)[:4])
        await settled(app, pilot, feed)
        await pilot.click("#tree", offset=(40, 3))
        assert chosen(app) == (0, 2)
        assert "looking …" not in frame(app)
        await pilot.click("#tree", offset=(40, 3), times=2)
        await until(pilot, lambda: asked(feed)[-1] == cmd.OpenNode(name, 2))
        await pilot.click("#tree", offset=(40, 20))
        assert chosen(app) == (0, 2)


async def test_w_watches_a_node() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("w")
        await until(pilot, lambda: asked(feed)[-1] == cmd.WatchNode(name, 0))
        await pilot.press("down", "w")
        await until(pilot, lambda: asked(feed)[-1] == cmd.WatchNode(name, 1))
        await until(pilot, lambda: "Looking for list of 256" in frame(app))
        await pilot.press("right", "down")
        await until(pilot, lambda: "looking …" in frame(app))
        number = len(asked(feed))
        await pilot.press("w")
        assert len(asked(feed)) == number


async def test_a_search_can_be_cancelled_and_asked_again() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("x")
        assert cmd.CancelWork(name) not in feed.sent
        await pilot.press("down", "right")
        feed.push(ev.WorkProgressed(8.0, PID, name, "looking for referrers", 0.2))
        await settled(app, pilot, feed)
        await pilot.press("x")
        await until(pilot, lambda: asked(feed)[-1] == cmd.CancelWork(name))
        feed.push(ev.WorkProgressed(8.1, PID, name, "", done=True, failure="cancelled"))
        await settled(app, pilot, feed)
        assert "looking …" not in frame(app)
        assert "✕ cancelled" in frame(app)
        await pilot.press("left", "right")
        await until(pilot, lambda: asked(feed)[-1] == cmd.OpenNode(name, 1))
        await until(pilot, lambda: "looking …" in frame(app))


async def test_the_copy_goes_and_what_was_opened_stays() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed, events=5)
        await pilot.press("down", "right")
        feed.push(ev.InspectionEnded(8.0, PID, name, "it had used 60 s"))
        await settled(app, pilot, feed)
        assert "the copy is gone: it had used 60 s" in frame(app)
        assert "attribute sessions" in frame(app)
        await pilot.press("down", "down", "down", "right")
        assert chosen(app) == (0, 2)
        assert [one for one in asked(feed) if isinstance(one, cmd.OpenNode)] == []


async def test_a_node_nobody_answers_for_closes_again() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, feed)
        feed.end()
        await until(pilot, lambda: feed.gone)
        await pilot.press("down", "right")
        await until(pilot, lambda: "the daemon is gone" in frame(app))
        await until(pilot, lambda: "looking …" not in frame(app))
        assert tree(app).view is not None
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert not any(isinstance(one, cmd.EndInspection) for one in feed.sent)


async def test_it_answers_during_a_pause() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("space")
        await opened(app, pilot, feed)
        assert "value of key 'session'" in frame(app)
        assert app.paused


async def test_what_has_died_is_not_asked_about() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "end", "enter")
        await until(pilot, lambda: "has died" in frame(app))
        assert asked(feed) == []


# -- recordings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["w", "plus", "enter", "m", "c"])
async def test_a_recording_takes_no_commands_and_says_so(key: str) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, replay=True) as (app, pilot):
        await pilot.press("4", key)
        await until(pilot, lambda: "A recording takes no commands" in frame(app))
        assert isinstance(app.screen, MainScreen)
        assert feed.sent == []


async def test_a_recorded_inspection_can_be_looked_at() -> None:
    events = recorded(8.0)
    address = next(e.address for e in events if isinstance(e, ev.WatchedFound) and e.watch == 5)
    moved = [
        replace(e, address=address) if isinstance(e, ev.ReferrersFound) and e.node == 0 else e
        for e in events
    ]
    feed = FakeFeed(moved)
    async with driven(feed, replay=True, size=(80, 24)) as (app, pilot):
        await pilot.press("4", "enter")
        await until(pilot, lambda: "value of key 'session'" in frame(app))
        await pilot.press("down", "right")
        await until(pilot, lambda: "attribute sessions" in frame(app))
        await pilot.press("end", "up", "right")
        await until(pilot, lambda: "A recording takes no commands" in frame(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert feed.sent == []


# -- extremes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 6), (5, 3), (250, 60)])
async def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=size) as (app, pilot):
        await opened(app, pilot, feed, events=5)
        await pilot.press("down", "right", "end", "escape", "plus", "escape", "m", "escape")
        await steady(app, pilot)
        assert isinstance(app.screen, MainScreen)


async def test_hostile_names() -> None:
    def events() -> Iterable[Event]:
        for index, name in enumerate(HOSTILE):
            yield ev.WatchedFound(0.5, PID, 100 + index, name, name, name, name)
        yield ev.WatchedCounted(0.5, PID, [(100 + index, 9) for index in range(len(HOSTILE))])
        yield ev.Marked(0.6, HOSTILE[0])

    feed = FakeFeed([*Simulation(0.4).events(), *events()])
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("4")
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
    feed.push(*(ev.WatchedFound(0.5, PID, n, f"name-{n}", "app.X", hex(n), "main")
                for n in range(1, 5001)))  # fmt: skip
    feed.push(ev.WatchedCounted(0.5, PID, [(n, 3) for n in range(1, 5001)]))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("4")
        await steady(app, pilot)
        table = panel(app).table
        assert len(table.rows) == 5000
        assert len(table._made) <= table.size.height
        await pilot.press("end")
        await steady(app, pilot)
        assert "name-5000" in frame(app)
        feed.push(ev.WatchedCounted(0.6, PID, [(1, 4), (5000, 2)]))
        await settled(app, pilot, feed)
        assert table.cursor == 5000
        assert "2▼" in frame(app)
        assert len(table._made) <= 2 * table.size.height
