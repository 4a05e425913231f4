"""The Processes panel as a user drives it."""

from __future__ import annotations

from functools import partial

import pytest
from tests.simulate import PID, Simulation, child, merged, pool
from tests.tui.driving import FakeFeed, driven, frame, settled, steady, until

from refwatch.session import events as ev
from refwatch.tui.app import RefwatchApp
from refwatch.tui.panels.processes.panel import ProcessesPanel
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.wire.event import MAIN

SIZES = [(80, 24), (120, 40)]


def processes(app: RefwatchApp) -> ProcessesPanel:
    panel = app.main.panel
    assert isinstance(panel, ProcessesPanel)
    return panel


def is_active(app: RefwatchApp, name: str) -> bool:
    return app.main.active.name == name


def rows(app: RefwatchApp) -> list[int]:
    return list(processes(app).table.rows.keys)


@pytest.mark.parametrize("size", SIZES)
async def test_enter_looks_at_a_process_by_its_threads(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("8", "down", "down")
        await steady(app, pilot)
        assert processes(app).table.cursor == 3
        await pilot.press("enter")
        await until(pilot, partial(is_active, app, "threads"))
        await steady(app, pilot)
        assert app.number == 3
        assert f"pid {PID + 2} fork of {PID} · 1 of 5 processes" in frame(app)
        assert "worker-2" in frame(app)
        await pilot.press("8")
        await steady(app, pilot)
        assert f"▸├ {PID + 2}" in frame(app)
        await pilot.press("backspace")
        await until(pilot, lambda: app.number == MAIN)
        await steady(app, pilot)
        assert is_active(app, "processes")
        assert f"▸{PID} " in frame(app)


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_one_under_the_cursor_costs(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("8", "down")
        await steady(app, pilot)
        assert f"{PID + 1} fork" in frame(app)
        await pilot.press("down")
        await steady(app, pilot)
        assert f"{PID + 2} fork" in frame(app)


@pytest.mark.parametrize("size", SIZES)
async def test_by_mouse(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("8")
        await steady(app, pilot)
        placed = processes(app).table.placed
        x = next(each.x for each in placed if each.column.key == "cpu_s")
        await pilot.click("#processes-table", offset=(x + 2, 0))
        await until(pilot, lambda: processes(app).order.sort == "cpu_s")
        await pilot.click("#processes-table", offset=(4, 2))
        await until(pilot, lambda: processes(app).table.cursor == 2)
        await pilot.click("#processes-table", offset=(4, 2), times=2)
        await until(pilot, partial(is_active, app, "threads"))
        assert app.number == 2


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_on_a_timeline_finds_its_process(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("8")
        await steady(app, pilot)
        lines = frame(app).splitlines()
        top = next(y for y, line in enumerate(lines) if "on one time axis" in line)
        y = next(y for y, line in enumerate(lines) if y > top and str(PID + 2) in line)
        assert processes(app).table.cursor == MAIN
        await pilot.click("#processes-strips", offset=(30, y - top))
        await until(pilot, lambda: processes(app).table.cursor == 3)
        await pilot.click("#processes-strips", offset=(30, y - top), times=2)
        await until(pilot, partial(is_active, app, "threads"))
        assert app.number == 3


async def test_what_has_ended_is_folded_away_until_a_key_shows_it() -> None:
    async with driven(FakeFeed(pool()), size=(80, 24)) as (app, pilot):
        await pilot.press("8")
        await steady(app, pilot)
        assert rows(app) == [1, 2, 3, 4]
        assert "1 folded: E" in frame(app)
        assert "4 of 5 alive" in frame(app)
        await pilot.press("E")
        await until(pilot, lambda: rows(app) == [1, 2, 3, 4, 5])
        await steady(app, pilot)
        assert "✕ SIGKILL" in frame(app)
        assert "1 ended" in frame(app)


async def test_sorting_and_filtering() -> None:
    async with driven(FakeFeed(pool()), size=(120, 40)) as (app, pilot):
        await pilot.press("8", "o", "r")
        await until(pilot, lambda: processes(app).order.sort == "pid")
        await until(pilot, lambda: rows(app) == [1, 4, 3, 2])
        await pilot.press("O", "O")
        await until(pilot, lambda: processes(app).order.sort == "line")
        await pilot.press("o")
        await until(pilot, lambda: rows(app) == [1, 2, 3, 4])
        await pilot.press("slash", *"idle", "enter")
        await until(pilot, lambda: rows(app) == [1, 4])
        await steady(app, pilot)
        assert "“idle” 2 of 5" in frame(app)
        assert f"{PID + 1} " not in frame(app)  # nor has it a timeline


async def test_a_child_comes_and_goes_while_one_looks() -> None:
    feed = FakeFeed(pool())
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await pilot.press("8", "end")
        feed.push(*child(Simulation(0.3, 1).events(), 6, ppid=PID + 1, began_s=6.0))
        await settled(app, pilot, feed)
        assert f"│ └ {PID + 5}" in frame(app)
        assert processes(app).table.cursor == 4
        feed.push(ev.TargetExited(at=6.4, process=4, exit_code=0))
        await settled(app, pilot, feed)
        assert rows(app) == [1, 2, 6, 3]
        assert processes(app).table.cursor == 3
        assert "2 folded: E" in frame(app)
        feed.push(ev.TargetExited(at=6.5, process=MAIN, exit_code=0))
        for number in (2, 3, 6):
            feed.push(ev.TargetExited(at=6.5, process=number, exit_code=0))
        await settled(app, pilot, feed)
        assert rows(app) == [1, 2, 6, 3, 4, 5]
        assert "✓ exit 0" in frame(app)
        assert "worker-1" in frame(app)


async def test_timelines_zoom_and_hold() -> None:
    async with driven(FakeFeed(pool()), size=(120, 40)) as (app, pilot):
        await pilot.press("8")
        await steady(app, pilot)
        assert "40 ms a cell" in frame(app)
        await pilot.press("plus")
        await steady(app, pilot)
        assert "20 ms a cell" in frame(app)
        await pilot.press("space", "left")
        await steady(app, pilot)
        assert "before the pause" in frame(app)
        await pilot.press("space", "v")
        await steady(app, pilot)
        assert "hhhh" in frame(app)


async def test_where_there_is_little_room_the_table_stays() -> None:
    for size in [(80, 10), (40, 16), (20, 6)]:
        async with driven(FakeFeed(pool()), size=size) as (app, pilot):
            await pilot.press("8", "down", "end", "enter")
            await until(pilot, partial(is_active, app, "threads"))
            assert app.number == 4


async def test_hundreds_of_processes() -> None:
    many = [
        child(Simulation(0.2, 1).events(), number, began_s=number / 1000)
        for number in range(2, 152)
    ]
    async with driven(FakeFeed(merged(Simulation(0.5, 0).events(), *many)), size=(80, 24)) as (
        app,
        pilot,
    ):
        await pilot.press("8", "end")
        await until(pilot, lambda: processes(app).table.cursor == 151)
        await steady(app, pilot)
        assert "151 processes" in frame(app)
        assert "less active threads left out" in frame(app)


async def test_the_palette_has_the_keys_and_the_processes() -> None:
    async with driven(FakeFeed(pool()), size=(120, 40)) as (app, pilot):
        await pilot.press("8", "ctrl+p", *f"pid {PID + 2}")
        await until(pilot, lambda: f"Look at pid {PID + 2}" in frame(app))
        await until(pilot, lambda: f"fork of {PID}" in frame(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.number == 3)
        await until(pilot, partial(is_active, app, "threads"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await pilot.press("escape", "ctrl+p", *"program")
        await until(pilot, lambda: "⌫  Back from a child" in frame(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.number == MAIN)


async def test_widgets_do_not_grow() -> None:
    async with driven(FakeFeed(pool()), size=(80, 24)) as (app, pilot):

        async def round_trip() -> int:
            for key in ("8", "home", "down", "enter"):
                await pilot.press(key)
            await until(pilot, partial(is_active, app, "threads"))
            await pilot.press("6", "7", "backspace", "8")
            await until(pilot, partial(is_active, app, "processes"))
            await steady(app, pilot)
            return len(app._registry)

        before = await round_trip()
        for _ in range(2):
            after = await round_trip()
        assert after == before
