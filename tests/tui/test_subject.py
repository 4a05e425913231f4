"""The process that the panels show, and that commands are about."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace
from tests.simulate import PID, Simulation, child, merged, pool
from tests.simulate_allocations import with_allocations
from tests.simulate_references import with_references
from tests.tui.driving import FakeFeed, asked, driven, frame, settled, state_of, steady, until

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import KEEP_PROCESSES
from refwatch.tui.panels.overview.view import view_overview
from refwatch.tui.panels.registry import PANELS
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.subject import Subject
from refwatch.tui.views.header import draw_header, fmt_origin, view_header
from refwatch.tui.views.styled_text import Line
from refwatch.wire.commands import (
    EndInspection,
    Inspect,
    ProcessCommand,
    SwitchAllocations,
    TakeCensus,
)
from refwatch.wire.event import MAIN

CHILD = 2
OTHER = 3


def text(lines: tuple[Line, ...]) -> list[str]:
    return ["".join(part for part, _ in line) for line in lines]


def header(subject: Subject, width: int = 80, replay: str | None = None) -> list[str]:
    return text(draw_header(view_header(subject, gone=False, replay=replay), width, 2))


def family() -> list[Event]:
    """A program with references and allocations, and two children that have others."""
    main = with_references(Simulation(12.0))
    first = with_references(Simulation(11.0, workers=2, seed=3))
    second = with_allocations(Simulation(11.0, workers=1, seed=9))
    return merged(main, child(first, CHILD, began_s=1.0), child(second, OTHER, began_s=1.0))


# -- what is read ------------------------------------------------------------------------------


def test_the_header_says_which_process_one_looks_at() -> None:
    state = state_of(pool())
    assert header(Subject(state))[1].startswith(f" pid {PID} · 1 of 5 processes  Python 3.12.7")
    first, second = header(Subject(state, CHILD))
    assert "● running" in first
    assert second.startswith(f" pid {PID + 1} fork of {PID} · 1 of 5 processes")
    assert "probe 10.4 ms" in second
    assert all(len(line) == 80 for line in header(Subject(state, CHILD)))
    narrow = header(Subject(state, CHILD), 56)[1]
    assert narrow.strip() == f"pid {PID + 1} fork of {PID} · 1 of 5 processes"
    noted = header(Subject(state, CHILD), replay="recording at 0.25x")[1]
    assert f"recording at 0.25x  pid {PID + 1} fork of {PID} · 1 of 5 processes" in noted


def test_the_header_of_a_session_of_one_is_what_it_was() -> None:
    assert header(Subject(state_of(Simulation(1.0).events())))[1].startswith(f" pid {PID}  Python")


def test_a_child_that_has_ended_is_marked() -> None:
    first, _ = header(Subject(state_of(pool()), 5))
    assert "✕ child ended by SIGKILL" in first


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("fork", "fork of 7"),
        ("forkserver", "forked by 7"),
        ("spawn", "spawned by 7"),
        ("subprocess", "subprocess of 7"),
        ("exec", "exec by a child of 7"),
        ("by magic", "child of 7"),
    ],
)
def test_how_it_was_started(method: str, said: str) -> None:
    events = child(Simulation(0.2).start(), CHILD, ppid=7, method=method)
    assert fmt_origin(state_of(events).processes[CHILD]) == said


def test_the_overview_judges_the_process_that_is_looked_at() -> None:
    state = state_of(pool())
    assert "2 threads" in view_overview(Subject(state, OTHER)).verdict.sentence
    assert view_overview(Subject(state, CHILD)).verdict.kind == "single_thread_cpu"
    assert "child" in view_overview(Subject(state)).verdict.sentence


def test_events_of_other_processes_are_told_where_they_matter() -> None:
    limits = [
        ev.ReadingLimited(at=2.0, process=number, reading="names", reason=f"reason {number}")
        for number in (MAIN, CHILD)
    ]
    rate = ev.RateChanged(at=2.0, process=CHILD, rate_hz=500.0, reason="no core is idle")
    state = state_of([*pool(), *limits, rate])
    seen = [each.text for each in view_overview(Subject(state)).events]
    assert f"pid {PID + 1}: names: reason 2" in seen
    assert "names: reason 1" in seen
    assert f"child started (fork), pid {PID + 1}" in seen
    assert not [each for each in seen if "500 samples" in each]
    of_child = [each.text for each in view_overview(Subject(state, CHILD)).events]
    assert any("500 samples" in each for each in of_child)
    assert not [each for each in of_child if f"pid {PID + 2}" in each]


# -- what is seen --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", range(1, len(PANELS) + 1))
async def test_a_panel_shows_another_process_as_if_it_had_never_shown_one(key: int) -> None:
    size = (120, 40)
    async with driven(FakeFeed(family()), size=size) as (app, pilot):
        app.look_at(CHILD)
        await pilot.press(str(key))
        await steady(app, pilot)
        first = frame(app)
        app.look_at(OTHER)
        await steady(app, pilot)
        second = frame(app)
    async with driven(FakeFeed(family()), size=size) as (app, pilot):
        await pilot.press(str(key))
        await steady(app, pilot)
        for number, wanted in [(OTHER, second), (CHILD, first), (OTHER, second)]:
            app.look_at(number)
            await until(pilot, lambda number=number: app.subject.number == number)  # type: ignore[misc]
            await steady(app, pilot)
            assert frame(app) == wanted


async def test_backspace_leads_back_to_the_program_from_any_panel() -> None:
    async with driven(FakeFeed(pool()), size=(80, 24)) as (app, pilot):
        await steady(app, pilot)
        assert "Program" not in frame(app).splitlines()[-1]
        for key in range(1, len(PANELS) + 1):
            app.look_at(CHILD)
            await pilot.press(str(key))
            await steady(app, pilot)
            assert f"pid {PID + 1} fork of {PID} · 1 of 5 processes" in frame(app)
            assert "⌫ Program" in frame(app).splitlines()[-1]
            await pilot.press("backspace")
            await until(pilot, lambda: app.number == MAIN)
            await steady(app, pilot)
            assert f"pid {PID} · 1 of 5 processes" in frame(app)
            assert "Program" not in frame(app).splitlines()[-1]


async def test_a_child_that_ends_stays_the_subject_until_it_is_forgotten() -> None:
    feed = FakeFeed(pool())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        app.look_at(CHILD)
        await pilot.press("3")
        feed.push(ev.TargetExited(at=6.1, process=CHILD, exit_code=3))
        await settled(app, pilot, feed)
        assert "✕ child finished, exit 3" in frame(app)
        assert "✕ ended" in frame(app)
        many = range(10, 12 + KEEP_PROCESSES)
        for number in many:
            feed.push(
                *child(Simulation(0.1, 0).start(), number, began_s=7.0),
                ev.TargetExited(at=7.5, process=number, exit_code=1),
            )
        await settled(app, pilot, feed)
        assert CHILD not in app.state.processes
        assert app.number == MAIN
        assert f"pid {PID} · 1 of {len(many) + 5} processes" in frame(app)


async def test_a_screen_stays_with_the_process_that_it_was_opened_on() -> None:
    feed = FakeFeed(pool())
    async with driven(feed) as (app, pilot):
        app.look_at(OTHER)
        await pilot.press("3", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "worker-1" in frame(app))
        app.look_at(MAIN)
        feed.push(ev.ThreadNamed(at=6.1, process=OTHER, serial=10, name="renamed"))
        await settled(app, pilot, feed)
        assert "renamed" in frame(app)


async def test_each_process_has_the_baseline_that_was_chosen_for_it() -> None:
    marks = [ev.Marked(at=9.0, name="late"), ev.Marked(at=9.5, name="later")]
    async with driven(FakeFeed([*family(), *marks])) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        assert "since later" in frame(app)
        await pilot.press("b")
        await steady(app, pilot)
        assert "since start" in frame(app)
        app.look_at(CHILD)
        await steady(app, pilot)
        assert "since later" in frame(app)
        await pilot.press("backspace")
        await steady(app, pilot)
        assert "since start" in frame(app)


async def test_a_pause_holds_the_process_that_is_looked_at() -> None:
    feed = FakeFeed(pool())
    async with driven(feed) as (app, pilot):
        app.look_at(CHILD)
        await pilot.press("3", "space")
        await steady(app, pilot)
        before = frame(app).splitlines()[3:]
        feed.push(ev.ThreadNamed(at=6.1, process=CHILD, serial=10, name="renamed"))
        await settled(app, pilot, feed)
        assert frame(app).splitlines()[3:] == before
        await pilot.press("backspace")
        await until(pilot, lambda: f"pid {PID} · 1 of" in frame(app))
        assert "worker-1" not in frame(app)


# -- what is asked -------------------------------------------------------------------------------


async def test_commands_are_about_the_process_that_is_looked_at() -> None:
    feed = FakeFeed(family())
    async with driven(feed) as (app, pilot):
        app.look_at(CHILD)
        await pilot.press("c")
        await until(pilot, lambda: TakeCensus(process=CHILD) in feed.sent)
        await pilot.press("7", "t")
        await until(pilot, lambda: any(isinstance(one, SwitchAllocations) for one in feed.sent))
        await pilot.press("5", "w")
        await steady(app, pilot)
        await pilot.press("6", "w", "enter", "g")
        await steady(app, pilot)
        kinds = {type(one) for one in asked(feed) if isinstance(one, ProcessCommand)}
        assert len(kinds) >= 5
        assert {one.process for one in asked(feed)} == {CHILD}


async def test_an_inspection_is_of_the_process_that_it_was_begun_in() -> None:
    feed = FakeFeed(family())
    async with driven(feed) as (app, pilot):
        app.look_at(CHILD)
        await pilot.press("5", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        (begun,) = (one for one in feed.sent if isinstance(one, Inspect))
        assert begun.process == CHILD
        app.look_at(MAIN)
        await pilot.press("escape")
        ended = EndInspection(inspection=begun.inspection, process=CHILD)
        await until(pilot, lambda: ended in feed.sent)


async def test_a_census_of_another_process_is_no_answer() -> None:
    feed = FakeFeed(family())
    async with driven(feed) as (app, pilot):
        taken = next(one for one in reversed(family()) if isinstance(one, ev.CensusTaken))
        app.look_at(CHILD)
        await pilot.press("c")
        await until(pilot, lambda: TakeCensus(process=CHILD) in feed.sent)
        feed.push(replace(taken, process=MAIN, objects=111, at=12.1))
        await settled(app, pilot, feed)
        assert "111 objects" not in frame(app)
        feed.push(replace(taken, process=CHILD, objects=222, at=12.2))
        await until(pilot, lambda: "222 objects" in frame(app))


async def test_a_child_that_has_ended_is_asked_nothing() -> None:
    feed = FakeFeed(pool())
    async with driven(feed) as (app, pilot):
        app.look_at(5)
        await pilot.press("c")
        await steady(app, pilot)
        assert not asked(feed)
        assert not app.can_ask
        await pilot.press("backspace", "c")
        await until(pilot, partial(asked, feed))
        assert asked(feed) == [TakeCensus()]
