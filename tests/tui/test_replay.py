"""A recording in the UI: back and forth by keys and by the mouse, and where one is."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from operator import attrgetter
from pathlib import Path

import pytest
from tests.simulate import PID, Simulation, pool
from tests.simulate_allocations import allocation_events
from tests.simulate_references import with_references
from tests.tui.driving import Driven, frame, steady, until

from refwatch.session.events import Event
from refwatch.session.playback import Playback
from refwatch.session.recording import RecordingWriter, read_recording
from refwatch.tui.app import RefwatchApp
from refwatch.tui.feed import ReplayFeed
from refwatch.tui.views.scrubber import ScrubberView, bar_of, draw_scrubber, time_at
from refwatch.wire.event import MAIN

LENGTH_S = 40.0


class KnownFeed(ReplayFeed):
    """A feed of a recording of which all times are known, in order."""

    def __init__(self, playback: Playback, times: list[float]) -> None:
        super().__init__(playback)
        self.times = times


@asynccontextmanager
async def replayed(
    folder: Path, events: Iterable[Event], size: tuple[int, int] = (100, 28)
) -> AsyncIterator[tuple[RefwatchApp, Driven, ReplayFeed]]:
    """The app, paused at the beginning of the recording of these events."""
    events = list(events)
    writer = RecordingWriter(folder / "r")
    writer.write(events, 0.0)
    writer.close()
    with closing(Playback(read_recording(folder / "r"))) as playback:
        feed = KnownFeed(playback, [event.at for event in events])
        feed.paused = True
        app = RefwatchApp(feed, replay=True, snapshot_dir=folder)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.state.version)
            yield app, pilot, feed


async def shows(app: RefwatchApp, pilot: Driven, at: float) -> None:
    """Every reading up to this moment, and none after it, is seen."""
    feed = app.feed
    assert isinstance(feed, KnownFeed)
    await until(
        pilot,
        lambda: (
            abs(app.state.now - at) < 0.11
            and app.state.version == bisect_right(feed.times, feed.clock_s)
        ),
    )
    await steady(app, pilot)


async def test_keys_go_back_and_forth(tmp_path: Path) -> None:
    async with replayed(tmp_path, Simulation(LENGTH_S).events()) as (app, pilot, feed):
        for keys, at in [
            (["end"], 40.0),
            (["left"], 39.0),
            (["shift+left", "shift+left"], 19.0),
            (["right", "right"], 21.0),
            (["shift+right"], 31.0),
            (["home"], 0.1),
            (["J"], 40.0),
        ]:
            await pilot.press(*keys)
            await shows(app, pilot, at)
            assert feed.paused
        assert "PAUSED" in frame(app)
        assert "recording ends here" in frame(app)
        await pilot.press("left")
        await shows(app, pilot, 39.0)
        assert "recording ends here" not in frame(app)
        await pilot.press("space")
        await until(pilot, lambda: feed.gone)
        assert app.state.now == LENGTH_S


@pytest.mark.parametrize("panel", "1256")
async def test_brackets_do_so_where_a_panel_has_the_arrows(tmp_path: Path, panel: str) -> None:
    async with replayed(tmp_path, Simulation(LENGTH_S).events()) as (app, pilot, _):
        await pilot.press(panel, "ctrl+end")
        await shows(app, pilot, 40.0)
        await pilot.press("left_curly_bracket", "left_square_bracket")
        await shows(app, pilot, 29.0)
        await pilot.press("right_curly_bracket", "right_square_bracket", "left_square_bracket")
        await shows(app, pilot, 39.0)
        await pilot.press("ctrl+home")
        await shows(app, pilot, 0.1)
        if panel == "2":  # paused, the arrows scroll its timelines
            assert "[ 1 s back" in frame(app)
        elif panel == "1":
            assert "← 1 s back" in frame(app)


async def test_a_click_on_the_scrubber_goes_there(tmp_path: Path) -> None:
    async with replayed(tmp_path, Simulation(LENGTH_S).events()) as (app, pilot, feed):
        await steady(app, pilot)
        first, cells = bar_of(LENGTH_S, 100)
        await until(pilot, lambda: "●" in frame(app).splitlines()[-2][first : first + cells])
        line = frame(app).splitlines()[-2]
        assert line.rstrip().endswith("40.0 s")
        await pilot.click("#scrubber", offset=(first + (cells - 1) // 2, 0))
        at = time_at(first + (cells - 1) // 2, LENGTH_S, 100)
        assert at is not None
        await shows(app, pilot, at)
        await until(pilot, lambda: frame(app).splitlines()[-2][first + (cells - 1) // 2] == "●")
        await pilot.click("#scrubber", offset=(first + cells - 1, 0))
        await until(pilot, lambda: feed.gone)


async def test_a_drag_on_the_scrubber_goes_along(tmp_path: Path) -> None:
    async with replayed(tmp_path, Simulation(LENGTH_S).events()) as (app, pilot, feed):
        await until(pilot, lambda: "40.0 s" in frame(app))
        await steady(app, pilot)
        first, cells = bar_of(LENGTH_S, 100)
        await pilot.mouse_down("#scrubber", offset=(first + 5, 0))
        for x in (first + 10, first + cells // 2):
            await pilot.hover("#scrubber", offset=(x, 0))
            at = time_at(x, LENGTH_S, 100)
            assert at is not None
            await shows(app, pilot, at)
        await pilot.hover("#scrubber", offset=(first + cells // 4, -9))  # beside it as well
        at = time_at(first + cells // 4, LENGTH_S, 100)
        assert at is not None
        await shows(app, pilot, at)
        await pilot.hover("#scrubber", offset=(0, 0))  # beyond the end of the bar
        await until(pilot, lambda: feed.clock_s == 0.0)
        await pilot.mouse_up("#scrubber", offset=(first + 10, 0))
        before = feed.clock_s
        await pilot.hover("#scrubber", offset=(first + 20, 0))
        await steady(app, pilot)
        assert feed.clock_s == before


async def test_every_panel_shows_what_it_would_if_played_up_to_there(tmp_path: Path) -> None:
    streams = with_references(Simulation(12.0)), allocation_events(12.0)
    events = list(heapq.merge(*streams, key=attrgetter("at")))

    async def frames(app: RefwatchApp, pilot: Driven) -> list[str]:
        found = []
        for panel in "12345678":
            await pilot.press(panel)
            await steady(app, pilot)
            found.append(frame(app))
        return found

    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    async with replayed(tmp_path / "one", events) as (app, pilot, feed):
        feed.seek(7.0)
        await shows(app, pilot, 7.0)
        expected = await frames(app, pilot)
    async with replayed(tmp_path / "other", events) as (app, pilot, feed):
        feed.seek(12.0)
        await shows(app, pilot, 12.0)
        assert await frames(app, pilot) != expected
        for at in (3.0, 10.0, 7.0):
            feed.seek(at)
            await shows(app, pilot, at)
        await pilot.press("1")
        for shown, wanted in zip(await frames(app, pilot), expected, strict=True):
            assert shown == wanted


def test_the_scrubber_at_any_width() -> None:
    for width in (24, 40, 80, 200):
        for length in (0.0, 0.5, 99.0, 3600.0, 360_000.0):
            for share in (0.0, 0.3, 1.0):
                (line,) = draw_scrubber(ScrubberView(share * length, length, False), width, 1)
                text = "".join(each for each, _ in line)
                first, cells = bar_of(length, width)
                assert text.index("●") - first == (round(share * (cells - 1)) if length else 0)
                if width >= 40:
                    assert len(text) == width
        assert time_at(bar_of(60.0, 80)[0] - 1, 60.0, 80) is None
    first, cells = bar_of(60.0, 80)
    assert time_at(first, 60.0, 80) == 0.0
    assert time_at(first + cells - 1, 60.0, 80) == 60.0


async def test_before_a_child_began_the_program_is_looked_at(tmp_path: Path) -> None:
    async with replayed(tmp_path, pool()) as (app, pilot, feed):
        await pilot.press("end")
        await shows(app, pilot, 6.0)
        app.look_at(3)
        await steady(app, pilot)
        assert f"pid {PID + 2} fork of {PID} · 1 of 5 processes" in frame(app)
        await pilot.press("left")
        await shows(app, pilot, 5.0)
        assert f"pid {PID + 2} fork of {PID} · 1 of 5 processes" in frame(app)
        feed.seek(0.15)
        await shows(app, pilot, 0.1)
        assert app.number == MAIN
        assert f"pid {PID}  Python" in frame(app)
