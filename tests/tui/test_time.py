"""The Time panel by keys and mouse."""

from __future__ import annotations

from tests.tui.driving import driven, frame, session, until

from refwatch.session import events as ev
from refwatch.tui.panels.time.detail import PlaceScreen
from refwatch.tui.widgets.icicle import Icicle


async def test_what_whose_and_when() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "on a CPU by all threads since start" in frame(app))
        assert "crunch" in frame(app)
        await pilot.press("w", "w")
        await until(pilot, lambda: "waiting for the GIL by all threads" in frame(app))
        await pilot.press("t")
        await until(pilot, lambda: "waiting for the GIL by worker-*" in frame(app))
        await pilot.press("d", "d")
        await until(pilot, lambda: "in the last 10 s" in frame(app))
        await pilot.press("v")
        await until(pilot, lambda: "threads_cpu.py:24" in frame(app))


async def test_a_mark_begins_a_new_span() -> None:
    feed = session()
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("2")
        await until(pilot, lambda: "since start" in frame(app))
        feed.push(ev.Marked(at=100.0, name="here"))
        await until(pilot, lambda: "0 s on a CPU by all threads since here" in frame(app))
        assert "No such time." in frame(app)


async def test_a_function_has_a_screen_of_its_own() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await pilot.press("2", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlaceScreen))
        await until(pilot, lambda: "the file cannot be read here" in frame(app))
        assert "Called by" in frame(app)
        assert "run  " in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PlaceScreen))


async def test_the_flame_graph_has_the_focus_and_gives_it_back() -> None:
    async with driven(session(), size=(80, 24)) as (app, pilot):
        await pilot.press("2", "i")
        await until(pilot, lambda: isinstance(app.focused, Icicle))
        await pilot.press("down", "down")
        await until(pilot, lambda: "crunch  threads_cpu.py" in frame(app))
        await pilot.press("enter", "escape", "escape", "escape", "escape")
        await until(pilot, lambda: not isinstance(app.focused, Icicle))
        assert "Self %" in frame(app)


async def test_the_filter_finds_stacks() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await pilot.press("2", *["w"] * 6, "i", "slash", *"readinto", "enter")
        await until(pilot, lambda: "readinto socket.py" in frame(app))
        assert "crunch" not in frame(app)
