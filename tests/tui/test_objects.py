"""The Objects panel and the heap, as a user drives them."""

from __future__ import annotations

import pytest
from tests.sample_events import census_taken, watched_found
from tests.simulate import Simulation
from tests.simulate_references import LEAK, with_references
from tests.tui.driving import Driven, FakeFeed, asked, driven, frame, settled, steady, until

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.ask import AskScreen
from refwatch.tui.panels.objects.detail import ObjectScreen
from refwatch.tui.panels.objects.heap import HeapScreen
from refwatch.tui.panels.objects.panel import ObjectsPanel
from refwatch.tui.panels.objects.view import chains_work, graph_work
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.screen import MainScreen
from refwatch.wire import commands as cmd
from refwatch.wire.event import MAIN

SESSION = ("app", "Session")
SMALL, LARGE = (80, 24), (120, 40)


def recorded(seconds: float = 14.3) -> list[Event]:
    return list(with_references(Simulation(seconds)))


def panel(app: RefwatchApp) -> ObjectsPanel:
    found = app.main.panel
    assert isinstance(found, ObjectsPanel)
    return found


def row_with(app: RefwatchApp, text: str) -> int:
    """The line of the screen that has this text."""
    return next(y for y, line in enumerate(frame(app).splitlines()) if text in line)


async def in_objects(app: RefwatchApp, pilot: Driven) -> None:
    await pilot.press("6")
    await until(pilot, lambda: app.main.active.name == "objects")
    await steady(app, pilot)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_suspect_its_rate_and_its_holder_in_one_glance(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(recorded()), size=size) as (app, pilot):
        await in_objects(app, pilot)
        lines = frame(app).splitlines()
        y = row_with(app, "Suspects: 3 keep growing")
        assert "app.Session" in lines[y + 1]
        assert "+40/s" in lines[y + 1]
        assert "← item 17 ← global sessions ← module __main__" in lines[y + 2]
        assert not any(line.endswith("…") for line in lines)


async def test_on_a_short_terminal_the_table_has_room_too() -> None:
    async with driven(FakeFeed(recorded()), size=(80, 15)) as (app, pilot):
        await in_objects(app, pilot)
        assert "2 more below" in frame(app)
        assert panel(app).table.size.height >= 5


async def test_a_suspects_numbers_move_on() -> None:
    """Of its lines only one changes: it is that one that is drawn again."""
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        assert "564 now" in frame(app)
        feed.push(ev.ClassesCounted(at=14.4, process=MAIN, counts=[(LEAK, 777)]))
        await settled(app, pilot, feed)
        assert "777 now" in frame(app)


async def test_w_watches_a_row_a_suspect_and_what_is_in_a_chain() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("w")
        assert asked(feed)[-1] == cmd.WatchInstance(module=SESSION[0], name=SESSION[1])
        await pilot.press("up", "up", "w")
        assert asked(feed)[-1] == cmd.WatchInstance(module="builtins", name="dict")
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        await steady(app, pilot)
        await pilot.press("down", "w")
        await until(pilot, lambda: "sessions is watched already" in frame(app))
        await pilot.press("down", "w")
        wanted = cmd.WatchAddress(address=0x7F3A5C4E08B0, type="app.Session")
        await until(pilot, lambda: asked(feed)[-1] == wanted)
        await until(pilot, lambda: "Looking for app.Session" in frame(app))
        name = "sessions[17]"
        feed.push(
            watched_found(
                14.4, 99, name=name, type="app.Session", address="0x7f3a5c4e08b0", source="viewer"
            )
        )
        await settled(app, pilot, feed)
        assert "sessions[17]  app.Session" in frame(app)


async def test_enter_on_a_chain_shows_who_refers_to_that_object() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=LARGE) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "What keeps them alive" in frame(app))
        await steady(app, pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        sent = asked(feed)[-1]
        assert isinstance(sent, cmd.InspectAddress)
        assert (sent.address, sent.type) == (0x7F3A5C0206E0, "list")
        await pilot.press("5")
        await until(pilot, lambda: app.main.active.name == "refcounts")
        assert isinstance(app.screen, MainScreen)
        await until(pilot, lambda: asked(feed)[-1] == cmd.EndInspection(inspection=sent.inspection))


async def test_the_cursor_goes_from_object_to_object_of_the_chains() -> None:
    async with driven(FakeFeed(recorded()), size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        screen = app.screen
        assert isinstance(screen, ObjectScreen)
        await steady(app, pilot)
        seen = []
        for _ in range(12):
            assert screen.detail.seen is not None
            seen.append(screen.detail.seen.what)
            await pilot.press("down")
        assert seen[:3] == ["module __main__", "list", "app.Session"]
        assert seen[-1] == seen[-2]


async def test_a_search_says_how_far_it_is_and_can_be_cancelled() -> None:
    feed = FakeFeed(recorded())
    work = chains_work(("builtins", "dict"))
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("down", "enter")
        await until(
            pilot, lambda: cmd.FindChains(work=work, module="builtins", name="dict") in feed.sent
        )
        await until(pilot, lambda: "waiting for an answer" in frame(app))
        feed.push(
            ev.WorkProgressed(
                at=14.4, process=MAIN, work=work, text="looking for holders, step 2", share=0.4
            )
        )
        await settled(app, pilot, feed)
        assert "looking for holders, step 2" in frame(app)
        assert "40 %" in frame(app)
        await pilot.press("x")
        assert asked(feed)[-1] == cmd.CancelWork(work=work)
        feed.push(
            ev.WorkProgressed(
                at=14.5, process=MAIN, work=work, text="", share=1.0, done=True, failure="cancelled"
            )
        )
        await settled(app, pilot, feed)
        assert "not found; enter looks" in frame(app)
        await pilot.press("enter")
        await until(
            pilot,
            lambda: asked(feed)[-1] == cmd.FindChains(work=work, module="builtins", name="dict"),
        )


async def test_the_graph_is_written_and_said_where() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("g")
        sent = asked(feed)[-1]
        assert isinstance(sent, cmd.WriteGraph)
        feed.push(
            ev.WorkProgressed(at=14.4, process=MAIN, work=graph_work(SESSION), text="making a copy")
        )
        await settled(app, pilot, feed)
        assert "making a copy" in frame(app)
        feed.push(ev.GraphWritten(at=14.5, process=MAIN, paths=["/tmp/a.dot", "/tmp/a.svg"]))
        await settled(app, pilot, feed)
        await until(pilot, lambda: "/tmp/a.svg" in frame(app))


async def test_c_takes_a_census_and_says_when_it_is_taken() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=LARGE) as (app, pilot):
        await pilot.press("c")
        assert asked(feed) == [cmd.TakeCensus()]
        feed.push(
            ev.CensusBegun(at=14.4, process=MAIN, number=9, reason="viewer", pause_s=0.0031),
            ev.Noted(at=15.0, level="info", text=""),
        )
        await settled(app, pilot, feed)
        assert "◌ counting heap 0.60 s" in frame(app)
        feed.push(census_taken(15.1, number=9, took_s=0.05, objects=4321))
        await settled(app, pilot, feed)
        assert "4,321 objects; the program paused for 3.1 ms" in frame(app)
        assert "heap counted 0 s ago" in frame(app)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            ev.CensusFailed(at=14.4, process=MAIN, reason="memory is short", retry_s=10.0),
            "memory is short",
        ),
        (
            ev.Noted(at=14.4, level="warning", text="no heap count: it is switched off"),
            "it is switched off",
        ),
    ],
)
async def test_why_there_is_no_census_is_said(event: Event, said: str) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await pilot.press("c")
        feed.push(event)
        await until(pilot, lambda: said in frame(app))


async def test_growth_counts_from_the_chosen_mark() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        assert "+412" in frame(app)
        await pilot.press("b")
        await until(pilot, lambda: "+564" in frame(app))
        assert "since start" in frame(app)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: asked(feed)[-1] == cmd.Mark(name="mark 2"))
        feed.push(ev.Marked(at=14.5, name="mark 2"))
        await settled(app, pilot, feed)
        assert "since mark 2" in frame(app)


async def test_the_filter_is_by_module_or_name() -> None:
    async with driven(FakeFeed(recorded()), size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("slash", *"app.db", "enter")
        await until(pilot, lambda: "app.db.Pool" in frame(app))
        await steady(app, pilot)
        assert "“app.db” 5 of 172" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: "“app.db”" not in frame(app))


async def test_rows_and_suspects_by_mouse() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.click(offset=(10, row_with(app, "▲ list")))
        await pilot.press("w")
        await until(pilot, lambda: asked(feed))
        assert asked(feed)[-1] == cmd.WatchInstance(module="builtins", name="list")
        heading = row_with(app, "Class or type")
        x = next(p.x for p in panel(app).table.placed if p.column.key == "instances")
        await pilot.click(offset=(x + 4, heading))
        await until(pilot, lambda: panel(app).order.sort == "instances")
        await steady(app, pilot)
        await pilot.click(offset=(10, heading + 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        await until(pilot, lambda: "function" in frame(app).splitlines()[0])


async def test_another_size_closes_what_is_beside() -> None:
    async with driven(FakeFeed(recorded()), size=LARGE) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: panel(app).detail.display)
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: not panel(app).detail.display)
        await steady(app, pilot)
        assert all(len(line) <= 80 for line in frame(app).splitlines())
        assert "▲ app.Session" in frame(app)
        assert "enter Open" in frame(app).splitlines()[-1]  # where it was opened from
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ObjectScreen))
        await until(pilot, lambda: "app.Session" in frame(app).splitlines()[0])


async def test_nobody_is_asked_once_the_daemon_is_gone() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=LARGE) as (app, pilot):
        await in_objects(app, pilot)
        feed.end()
        await until(pilot, lambda: "daemon gone" in frame(app))
        await steady(app, pilot)
        keys = frame(app).splitlines()[-1]
        assert "g Graph" not in keys
        assert "w Watch" not in keys
        await pilot.press("home", "down", "down", "down", "enter")
        await until(pilot, lambda: panel(app).detail.display)
        await steady(app, pilot)
        assert "waiting for an answer" not in frame(app)
        assert "r Look again" not in frame(app)


async def test_the_filters_own_keys_stand_below() -> None:
    async with driven(FakeFeed(recorded()), size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("slash", *"app/")
        await until(pilot, lambda: "“app/” 0 of" in frame(app))
        keys = frame(app).splitlines()[-1].strip()
        assert keys.startswith("enter Keep it  esc Clear it")
        assert "/ Filter" not in keys
        await pilot.press("backspace", "down")
        await until(pilot, lambda: "“app” " in frame(app) and panel(app).table.has_focus)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: "“app” " not in frame(app) and panel(app).table.has_focus)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_heap_has_census_collector_and_most_referenced(size: tuple[int, int]) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=size) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        await steady(app, pilot)
        shown = frame(app)
        for piece in ("uncollectable", "16.1 ms", "class type", "app.views.Template(name="):
            assert piece in shown
        assert "…" not in shown
        await pilot.press("down", "w")
        await until(pilot, lambda: isinstance(asked(feed)[-1], cmd.WatchAddress))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        assert isinstance(asked(feed)[-1], cmd.InspectAddress)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_the_heap_stands_still_in_a_pause() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=SMALL) as (app, pilot):
        await pilot.press("space", "h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        await steady(app, pilot)
        before = frame(app)
        feed.push(census_taken(15.0, number=9, took_s=0.05, objects=4321))
        await settled(app, pilot, feed)
        assert frame(app) == before


async def test_before_the_first_census() -> None:
    feed = FakeFeed(Simulation(0.5).events())
    async with driven(feed, size=SMALL) as (app, pilot):
        await in_objects(app, pilot)
        assert "no census yet" in frame(app)
        assert "Nothing has been counted yet." in frame(app)
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        await until(pilot, lambda: "c takes one" in frame(app))


async def test_the_overview_names_the_suspect_and_its_holder() -> None:
    async with driven(FakeFeed(recorded()), size=SMALL) as (app, pilot):
        await steady(app, pilot)
        shown = frame(app)
        assert "growing: app.Session +40/s" in shown
        assert "held ← item 17 ← global sessions ← module __main__" in shown


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_a_recording_shows_the_same_and_takes_no_commands(size: tuple[int, int]) -> None:
    live, replayed = FakeFeed(recorded()), FakeFeed(recorded())
    async with driven(live, size=size) as (app, pilot):
        await in_objects(app, pilot)
        shown = frame(app).splitlines()[3:-1]
    async with driven(replayed, size=size, replay=True) as (app, pilot):
        await in_objects(app, pilot)
        again = frame(app).splitlines()[3:-1]
        await pilot.press("w", "g", "x")
        assert replayed.sent == []
    told = [line.replace("; enter looks", " " * 13) for line in shown]
    assert [line.rstrip() for line in again] == [line.rstrip() for line in told]


@pytest.mark.parametrize("size", [(20, 6), (5, 3), (250, 60)])
async def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(recorded()), size=size) as (app, pilot):
        await in_objects(app, pilot)
        await pilot.press("down", "enter")
        await steady(app, pilot)
        await pilot.press("escape", "h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        await steady(app, pilot)
