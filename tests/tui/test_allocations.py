"""The Allocations panel as a user drives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.simulate import Simulation
from tests.simulate_allocations import many, traces, with_allocations
from tests.tui.driving import Driven, FakeFeed, asked, driven, frame, settled, steady, until
from tests.tui.test_spans import HOSTILE

from refwatch.readings.allocations.state import By
from refwatch.readings.allocations.types import BurstUse
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.panels.allocations.detail import AllocationScreen
from refwatch.tui.panels.allocations.panel import AllocationsPanel
from refwatch.tui.screen import MainScreen
from refwatch.tui.widgets.icicle import Icicle
from refwatch.wire import commands as cmd
from refwatch.wire.commands import Mode
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

SMALL, LARGE = (80, 24), (120, 40)


def recorded(mode: Mode = "burst", seconds: float = 12.0, **settings: object) -> list[Event]:
    return list(with_allocations(Simulation(seconds), mode, **settings))  # type: ignore[arg-type]


def panel(app: RefwatchApp) -> AllocationsPanel:
    found = app.main.panel
    assert isinstance(found, AllocationsPanel)
    return found


def names(app: RefwatchApp) -> list[str]:
    return ["".join(text for text, _ in row.cells[0]) for row in panel(app).table.rows]


def detail(app: RefwatchApp) -> AllocationScreen:
    assert isinstance(app.screen, AllocationScreen)
    return app.screen


async def opened(app: RefwatchApp, pilot: Driven) -> None:
    await pilot.press("7")
    await steady(app, pilot)


def line_with(app: RefwatchApp, text: str) -> str:
    """The first line of the screen with this text; empty where there is none."""
    return next((line for line in frame(app).splitlines() if text in line), "")


def row_with(app: RefwatchApp, text: str) -> int:
    return next(y for y, line in enumerate(frame(app).splitlines()) if text in line)


# -- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_it_shows_what_takes_most(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(recorded("exact")), size=size) as (app, pilot):
        await opened(app, pilot)
        assert names(app)[0].endswith("cache.py:21 put")
        pieces = ("58.1 MiB resident", "● exact", "16.4 MiB", "+4.3 MiB", "from busy (8.00 s)")
        await until(pilot, lambda: all(piece in frame(app) for piece in pieces))


async def test_burst_says_that_it_estimates() -> None:
    async with driven(FakeFeed(recorded()), size=SMALL) as (app, pilot):
        await opened(app, pilot)
        pieces = ("◐ sampled", "estimates ± standard error", "% of the time observed", "Outlive")
        await until(pilot, lambda: all(piece in frame(app) for piece in pieces))
        await until(pilot, lambda: "±" in line_with(app, "parse.py:17"))


async def test_it_moves_on_with_the_figures() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("down")
        cursor = panel(app).table.cursor
        feed.push(traces(31.0, 99))
        await settled(app, pilot, feed)
        await until(pilot, lambda: "46.2 MiB" in frame(app))
        assert panel(app).table.cursor == cursor


async def test_level_hide_sort_and_filter() -> None:
    async with driven(FakeFeed(recorded("exact")), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        lines = len(names(app))
        await pilot.press("v")
        assert "app/cache.py" in names(app)
        await pilot.press("v")
        assert any(" ← " in name for name in names(app))
        await pilot.press("v", "x")
        assert len(names(app)) == lines - 4
        await until(pilot, lambda: "standard library hidden" in frame(app))
        await pilot.press("x")
        assert len(names(app)) == lines - 5
        await pilot.press("x")
        assert len(names(app)) == lines
        await pilot.press("o")
        assert panel(app).order.sort == "count"
        assert names(app)[0].endswith("index.py:58 build")
        x = next(p.x for p in panel(app).table.placed if p.column.key == "name")
        await pilot.click("#allocations-table", offset=(x + 2, 0))
        await until(pilot, lambda: panel(app).order.sort == "name")
        assert names(app)[0].endswith("_parser.py:112 __init__") or "/" in names(app)[0]
        await pilot.press("slash", *"parse", "enter")
        await until(pilot, lambda: len(names(app)) == 3)
        await pilot.press("escape")
        await until(pilot, lambda: len(names(app)) == lines)


async def test_a_column_that_the_other_mode_has_not() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed, size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("o", "o")
        assert panel(app).order.sort == "growth"
        feed.push(
            ev.AllocationsSwitched(at=12.1, process=MAIN, mode="burst", frames=8),
            ev.BurstMeasured(
                at=12.3,
                process=MAIN,
                window_s=0.02,
                span_s=0.2,
                uses=[
                    BurstUse(
                        traceback=4,
                        blocks=9,
                        size=900,
                        blocks_variance=1,
                        size_variance=1,
                        kept_blocks=0,
                        kept_size=0,
                    )
                ],
                samples=9,
            ),
        )
        await settled(app, pilot, feed)
        assert panel(app).table.sort == "size"
        await pilot.press("o")
        assert panel(app).order.sort == "count"


# -- modes -----------------------------------------------------------------------------------------


async def test_t_goes_round_the_modes() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("t")
        await until(pilot, lambda: asked(feed) == [cmd.SwitchAllocations(mode="exact")])
        feed.push(ev.AllocationsSwitched(at=12.1, process=MAIN, mode="exact", frames=1))
        await settled(app, pilot, feed)
        await until(pilot, lambda: "Every block is seen from now on" in frame(app))
        await until(pilot, lambda: "blocks are being counted" in frame(app))
        await pilot.press("t", "t")
        await until(pilot, lambda: len(asked(feed)) == 3)
        assert asked(feed)[1:] == [
            cmd.SwitchAllocations(mode="off"),
            cmd.SwitchAllocations(mode="burst"),
        ]


async def test_count_and_frames_are_of_exact_mode() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("n", "f")
        await until(pilot, lambda: len(asked(feed)) == 2)
        assert asked(feed) == [cmd.CountTraces(), cmd.SwitchAllocations(mode="exact", frames=25)]
        feed.push(ev.AllocationsSwitched(at=12.1, process=MAIN, mode="burst", frames=8))
        await settled(app, pilot, feed)
        await pilot.press("n", "f")
        await until(pilot, lambda: "Only exact mode has blocks to count" in frame(app))
        assert len(asked(feed)) == 2


async def test_a_recording_takes_no_commands() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed, replay=True) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("t", "n", "f")
        await steady(app, pilot)
        assert " t Mode" not in frame(app)
        assert " v Level" in frame(app)
        assert feed.sent == []


async def test_a_program_that_has_ended_is_asked_nothing() -> None:
    feed = FakeFeed([*recorded(), ev.TargetExited(at=12.1, process=MAIN, exit_code=0)])
    async with driven(feed) as (app, pilot):
        await opened(app, pilot)
        await until(pilot, lambda: " t Mode" not in frame(app))
        await pilot.press("t")
        await steady(app, pilot)
        assert asked(feed) == []


async def test_nothing_there() -> None:
    feed = FakeFeed(Simulation(0.5).events())
    async with driven(feed, size=SMALL) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("enter", "down", "v", "i", "i")
        await steady(app, pilot)
        await until(pilot, lambda: "Allocations were not traced" in frame(app))
        feed.push(*(event for event in recorded() if event.at >= 0.2))
        await settled(app, pilot, feed)
        assert len(names(app)) > 3


# -- marks -----------------------------------------------------------------------------------------


async def test_any_two_marks() -> None:
    async with driven(FakeFeed(recorded("exact")), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("B")
        await until(pilot, lambda: "There is no later mark" in frame(app))
        await pilot.press("b", "b")  # from the beginning, then from "warm"
        await steady(app, pilot)
        await until(pilot, lambda: "from warm (4.00 s) until now" in frame(app))
        await until(pilot, lambda: "+5.9 MiB" not in line_with(app, "cache.py:21"))
        await pilot.press("B")
        await steady(app, pilot)
        await until(pilot, lambda: "from warm (4.00 s) until busy (8.00 s)" in frame(app))
        await until(pilot, lambda: "+5.9 MiB" in line_with(app, "cache.py:21"))
        await pilot.press("B")
        await steady(app, pilot)
        await until(pilot, lambda: "until now" in frame(app))
        await pilot.press("B", "b")
        await steady(app, pilot)
        await until(pilot, lambda: "from busy (8.00 s) until now" in frame(app))


async def test_figures_of_another_kind_have_no_marks_to_end_at() -> None:
    """What was to be seen until a mark was set before exact mode began is nothing."""
    feed = FakeFeed(recorded())
    async with driven(feed, size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("b", "b", "B")
        await until(pilot, lambda: "until warm" in frame(app) or "until busy" in frame(app))
        feed.push(
            ev.AllocationsSwitched(at=12.1, process=MAIN, mode="exact", frames=1, note=""),
            traces(14.0, 9, since=12.1),
        )
        await settled(app, pilot, feed)
        await until(pilot, lambda: "● exact" in frame(app))
        assert "until now" in frame(app)
        assert names(app)
        await pilot.press("B")
        await until(pilot, lambda: "There is no later mark" in frame(app))


async def test_a_paused_panel_stands_still() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("space")
        await steady(app, pilot)
        before = frame(app).splitlines()[3:]
        feed.push(traces(31.0, 99), ev.Marked(at=31.1, name="late"))
        await settled(app, pilot, feed)
        assert frame(app).splitlines()[3:] == before
        await pilot.press("v")
        await steady(app, pilot)
        assert "app/cache.py" in names(app)
        await until(pilot, lambda: "46.2 MiB" not in frame(app))
        await pilot.press("space")
        await steady(app, pilot)
        await until(pilot, lambda: "46.2 MiB" in frame(app))


# -- one group -------------------------------------------------------------------------------------


async def test_enter_shows_the_source_and_who_leads_there(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    source = "\n".join(f"    step_{number} = {number}" for number in range(1, 60))
    (tmp_path / "app" / "cache.py").write_text(source)
    events = recorded("exact", home=str(tmp_path))
    async with driven(FakeFeed(events), size=SMALL) as (app, pilot):
        await pilot.press("7", "enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await until(pilot, lambda: "step_21 = 21" in frame(app))
        await until(
            pilot,
            lambda: "▶" in line_with(app, "step_21 = 21") and "MiB" in line_with(app, "step_21"),
        )
        await until(pilot, lambda: "since busy" in frame(app))
        await pilot.press("down")
        await until(pilot, lambda: any("▶" in each and "step_34" in each
                                       for each in frame(app).splitlines()))  # fmt: skip
        before = len(detail(app)._callers.rows)
        await pilot.press("left")
        await until(pilot, lambda: len(detail(app)._callers.rows) < before)
        await pilot.press("right")
        await until(pilot, lambda: len(detail(app)._callers.rows) > 2)
        await pilot.press("tab")
        assert app.focused is detail(app)._source
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_one_line_moves_on_with_its_figures() -> None:
    feed = FakeFeed(recorded("exact"))
    async with driven(feed) as (app, pilot):
        await pilot.press("7", "enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await until(pilot, lambda: "16.4 MiB" in frame(app))
        feed.push(traces(31.0, 99))
        await until(pilot, lambda: "46.2 MiB" in frame(app).splitlines()[0])


@pytest.mark.parametrize("presses", [1, 2])
async def test_files_and_tracebacks_open_too(presses: int) -> None:
    async with driven(FakeFeed(recorded()), size=LARGE) as (app, pilot):
        await pilot.press("7", *["v"] * presses, "enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await until(pilot, lambda: detail(app)._callers.rows)
        assert detail(app).options.by is (By.FILE, By.TRACEBACK)[presses - 1]
        await until(pilot, lambda: "the file cannot be read here" in frame(app))


async def test_one_frame_has_no_callers_and_says_why() -> None:
    async with driven(FakeFeed(recorded("exact", frames=1)), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await until(pilot, lambda: "f traces deeper" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await until(pilot, lambda: "f traces deeper" in frame(app))


async def test_there_is_a_preview_where_there_is_room() -> None:
    async with driven(FakeFeed(recorded("exact")), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await until(pilot, lambda: "─ Callers ─" in frame(app))
        await until(pilot, lambda: "app/cache.py:21" in frame(app))
        await pilot.press("down")
        await steady(app, pilot)
        await until(pilot, lambda: "app/index.py:58 ─" in frame(app))
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: "─ Callers ─" not in frame(app))


# -- the icicle ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_the_icicle_by_keys(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(recorded("exact")), size=size) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("i")
        await steady(app, pilot)
        icicle = panel(app).tracebacks.icicle
        await until(pilot, lambda: app.focused is icicle)
        await until(pilot, lambda: "enter zooms in" in frame(app))
        await pilot.press("down", "down", "right")
        assert tuple(icicle.cursor) == (14, 3)
        await until(pilot, lambda: "app/index.py:58 build" in frame(app))
        await until(pilot, lambda: "24 % of all, 24 % of its caller" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: icicle.view.zoom == (14, 3))
        await pilot.press("up")
        assert tuple(icicle.cursor) == (14,)
        await pilot.press("escape", "backspace")
        await until(pilot, lambda: icicle.view.zoom == ())
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is panel(app).table)
        await until(pilot, lambda: "enter zooms in" not in frame(app))


async def test_the_icicle_by_mouse() -> None:
    async with driven(FakeFeed(recorded("exact")), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("i")
        await steady(app, pilot)
        icicle = panel(app).tracebacks.icicle
        row, found = icicle.view.find((14, 3)) or (0, None)
        assert found is not None
        await pilot.click("#icicle", offset=(found.x + 3, 2 * row + 1))
        await until(pilot, lambda: icicle.view.zoom == icicle.cursor == (14, 3))
        await pilot.click("#icicle", offset=(3, 2))
        await until(pilot, lambda: icicle.view.zoom == icicle.cursor == (14,))


async def test_the_icicle_follows_search_and_hiding() -> None:
    async with driven(FakeFeed(recorded("exact")), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("i")
        await steady(app, pilot)
        await until(pilot, lambda: "_compile" in frame(app))
        await pilot.press("x")
        await steady(app, pilot)
        await until(pilot, lambda: "_compile" not in frame(app))
        await pilot.press("slash", *"report", "enter")
        await until(pilot, lambda: "“report” in 1 frame, " in frame(app))
        assert "handle server.py" in frame(app)


async def test_a_deep_icicle_scrolls() -> None:
    sites = [Site(file="/x/deep.py", line=number, function=f"f{number}") for number in range(1, 61)]
    deep: list[Event] = [
        ev.AllocationsSwitched(at=0.6, process=MAIN, mode="burst", frames=60),
        ev.SitesSeen(at=0.6, process=MAIN, first=1, sites=sites),
        ev.TracebacksSeen(at=0.6, process=MAIN, first=1, tracebacks=[list(range(60, 0, -1))]),
        ev.BurstMeasured(
            at=0.9,
            process=MAIN,
            window_s=0.02,
            span_s=0.2,
            uses=[
                BurstUse(
                    traceback=1,
                    blocks=9,
                    size=900,
                    blocks_variance=1,
                    size_variance=1,
                    kept_blocks=0,
                    kept_size=0,
                )
            ],
            samples=9,
        ),
    ]
    async with driven(FakeFeed([*Simulation(0.5).events(), *deep]), size=SMALL) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.focused, Icicle))
        await steady(app, pilot)
        await pilot.press(*["down"] * 60)
        await steady(app, pilot)
        await until(pilot, lambda: " f60 deep.py:60" in frame(app))
        await until(pilot, lambda: "all:" not in frame(app))
        await pilot.press(*["up"] * 60)
        await steady(app, pilot)
        await until(pilot, lambda: "all:" in frame(app))


# -- extremes --------------------------------------------------------------------------------------


async def test_hostile_names() -> None:
    uses = [
        BurstUse(
            traceback=50 + n,
            blocks=9,
            size=1e6 - n,
            blocks_variance=1,
            size_variance=1,
            kept_blocks=0,
            kept_size=0,
        )
        for n in range(len(HOSTILE))
    ]
    events: list[Event] = [
        ev.AllocationsSwitched(at=0.6, process=MAIN, mode="burst", frames=8, note=HOSTILE[2]),
        ev.SitesSeen(
            at=0.6,
            process=MAIN,
            first=50,
            sites=[Site(file=f"/x/{name}", line=3, function=name) for name in HOSTILE],
        ),
        ev.TracebacksSeen(
            at=0.6, process=MAIN, first=50, tracebacks=[[50 + n] for n in range(len(HOSTILE))]
        ),
        ev.BurstMeasured(at=0.9, process=MAIN, window_s=0.02, span_s=0.2, uses=uses, samples=9),
        ev.Marked(at=1.0, name=HOSTILE[0]),
        ev.BurstMeasured(at=1.2, process=MAIN, window_s=0.02, span_s=0.2, uses=uses, samples=9),
    ]
    async with driven(FakeFeed([*Simulation(0.5).events(), *events]), size=LARGE) as (app, pilot):
        await opened(app, pilot)
        for key in (*["down"] * len(HOSTILE), "v", "v", "i", "down", "right", "right", "i"):
            await pilot.press(key)
            await steady(app, pilot)
            assert all(line.isprintable() for line in frame(app).splitlines())
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await steady(app, pilot)
        assert all(line.isprintable() for line in frame(app).splitlines())


async def test_thousands_of_lines_draw_only_what_is_seen() -> None:
    feed = FakeFeed([*recorded(seconds=1.0), *many(1.1, 3000)])
    async with driven(feed, size=LARGE) as (app, pilot):
        await opened(app, pilot)
        table = panel(app).table
        assert len(table.rows) > 3000
        assert len(table._made) <= table.size.height
        await pilot.press("end")
        cursor = table.cursor
        feed.push(*many(1.2, 3000))
        await settled(app, pilot, feed)
        assert table.cursor == cursor
        assert len(table._made) <= 2 * table.size.height
