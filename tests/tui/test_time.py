"""The Time panel by keys and mouse."""

from __future__ import annotations

from tests.tui.driving import driven, frame, session, steady, until

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
        await steady(app, pilot)
        await pilot.press("down", "down")
        await until(pilot, lambda: "crunch  threads_cpu.py" in frame(app))
        await pilot.press("enter", "escape", "escape", "escape", "escape")
        await until(pilot, lambda: not isinstance(app.focused, Icicle))
        assert "Self %" in frame(app)


async def test_a_search_lets_frames_stand_out_and_tells_their_share() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await pilot.press("2", *["w"] * 6, "i", "slash", *"readinto")
        await until(pilot, lambda: "“readinto” in 1 frame, " in frame(app))
        assert "crunch threads_cpu.py" in frame(app)
        await pilot.press("enter")
        icicle = app.focused
        assert isinstance(icicle, Icicle)
        for _ in range(2):
            await pilot.press("n")
            await until(pilot, lambda: frame(app).count("readinto") > 2)
            assert icicle.cursor == icicle.found.paths[0]
        await pilot.press("escape")
        await until(pilot, lambda: "“readinto”" not in frame(app))
        assert app.focused is icicle
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: "“nowhere” is in no frame" in frame(app))


async def test_a_frame_that_is_too_narrow_is_zoomed_into() -> None:
    async with driven(session(), size=(80, 24)) as (app, pilot):
        await pilot.press("2", *["w"] * 6, "i", "down", "down", "enter")
        icicle = app.focused
        assert isinstance(icicle, Icicle)
        await until(pilot, lambda: icicle.view.zoom)
        await pilot.press("slash", *"readinto", "enter", "N")
        await until(pilot, lambda: icicle.found.paths and icicle.cursor == icicle.found.paths[-1])
        assert icicle.view.find(icicle.cursor) is not None


async def test_the_mouse_describes_and_zooms() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await pilot.press("2", "i")
        await until(pilot, lambda: "all stacks" in frame(app))
        icicle = app.focused
        assert isinstance(icicle, Icicle)
        deepest = next(each for each in icicle.view.rows[-1] if each.width > 4)
        y = 2 * (len(icicle.view.rows) - 1)
        await pilot.hover("#stacks", offset=(deepest.x + 2, y + 1))
        await until(pilot, lambda: icicle.hovered == deepest.path)
        await until(pilot, lambda: "all stacks" not in frame(app))
        assert icicle.cursor == ()
        await pilot.hover("#tabs")
        await until(pilot, lambda: "all stacks" in frame(app))
        await pilot.click("#stacks", offset=(deepest.x + 2, y))
        await until(pilot, lambda: icicle.view.zoom == deepest.path)
        assert icicle.cursor == deepest.path
        await pilot.click("#stacks", offset=(3, 0))
        await until(pilot, lambda: icicle.view.zoom == ())
