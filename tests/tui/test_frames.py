"""Golden frames: each panel as text, from a fixed list of events.

``REFWATCH_GOLDEN=write pytest tests/tui/test_frames.py`` writes them anew; read the difference.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.simulate import Simulation, pool
from tests.simulate_allocations import with_allocations
from tests.simulate_references import with_references
from tests.tui.driving import DEADLINE_S, Driven, FakeFeed, driven, frame, steady, until

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.ask import AskScreen
from refwatch.tui.panels.allocations.detail import AllocationScreen
from refwatch.tui.panels.objects.heap import HeapScreen
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.screenshots import Shot, screenshot
from refwatch.tui.widgets.icicle import Icicle
from refwatch.wire.event import MAIN

GOLDEN = Path(__file__).parent / "golden"


def recorded() -> list[Event]:
    events = list(Simulation(12.0, ends=True).events())
    note = ev.Noted(at=2.5, level="warning", text="a sample came 12 ms late")
    limit = ev.ReadingLimited(
        at=0.2, process=MAIN, reading="native stacks", reason="not read on this build"
    )
    return [*events[:3], limit, *events[3:200], note, *events[200:]]


async def check(app: RefwatchApp, pilot: Driven, name: str) -> None:
    """Some moments later the screen is as it was written down; a scroll bar may come last."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("REFWATCH_GOLDEN") == "write":
        path.write_text(frame(app) + "\n", encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    deadline = time.monotonic() + DEADLINE_S
    while frame(app) + "\n" != expected and time.monotonic() < deadline:
        await steady(app, pilot)
    assert frame(app) + "\n" == expected


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_panels(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with driven(FakeFeed(recorded()), size=size) as (app, pilot):
        await check(app, pilot, f"overview-{name}")
        await pilot.press("2", "down")
        await steady(app, pilot)
        await check(app, pilot, f"time-{name}")
        await pilot.press("i", "down", "down")
        await steady(app, pilot)
        await check(app, pilot, f"flames-{name}")
        await pilot.press("3", "plus", "plus", "plus", "down", "down")
        await steady(app, pilot)
        await check(app, pilot, f"threads-{name}")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "Waits for the GIL" in frame(app))
        await steady(app, pilot)
        await check(app, pilot, f"thread-{name}")
        await pilot.press("escape", "4")
        await until(pilot, lambda: "round 24" in frame(app))
        await steady(app, pilot)
        await check(app, pilot, f"output-{name}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_references(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    events = list(with_references(Simulation(14.3)))
    async with driven(FakeFeed(events), size=size) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        await check(app, pilot, f"refcounts-{name}")
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        await steady(app, pilot)
        await check(app, pilot, f"heap-{name}")


async def test_a_question_stands_in_a_box() -> None:
    async with driven(FakeFeed(recorded()[:101]), size=(80, 24)) as (app, pilot):
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await steady(app, pilot)
        await check(app, pilot, "mark-80x24")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_allocations(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with driven(FakeFeed(with_allocations(Simulation(12.0))), size=size) as (app, pilot):
        await pilot.press("7")
        await steady(app, pilot)
        await check(app, pilot, f"allocations-{name}")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.focused, Icicle))
        await steady(app, pilot)
        await pilot.press("down", "down", "down")
        await steady(app, pilot)
        await check(app, pilot, f"icicle-{name}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_one_allocation(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    events = with_allocations(Simulation(12.0), "exact")
    async with driven(FakeFeed(events), size=size) as (app, pilot):
        await pilot.press("7", "enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await until(pilot, lambda: "app/cache.py:34 answer" in frame(app))
        await steady(app, pilot)
        await check(app, pilot, f"allocation-{name}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_processes(size: tuple[int, int]) -> None:
    name = f"{size[0]}x{size[1]}"
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("8", "E", "down", "down")
        await steady(app, pilot)
        await check(app, pilot, f"processes-{name}")
        await pilot.press("enter")
        await until(pilot, lambda: app.main.active.name == "threads")
        await steady(app, pilot)
        await check(app, pilot, f"child-{name}")


async def test_a_screenshot_is_the_same_every_time() -> None:
    events = list(Simulation(2.0).events())
    shot = Shot("threads", ("3",), (80, 24))
    first = await screenshot(events, shot)
    assert "worker-1" in first
    assert await screenshot(events, shot) == first


async def test_without_colour_the_states_have_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with driven(FakeFeed(recorded()), size=(80, 24)) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        assert "llllllll" in frame(app)
