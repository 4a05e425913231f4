"""All processes of a session together: Overview, Threads and Objects."""

from __future__ import annotations

import pytest
from tests.simulate import PID, Simulation, child, merged, pool
from tests.simulate_references import with_references
from tests.tui.driving import FakeFeed, driven, frame, settled, state_of, steady, until

from refwatch.findings.leaks import leaks
from refwatch.readings.objects.growth import GrowthSuspect, suspicions
from refwatch.series.step_series import StepSeries
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.tui.panels.objects.panel import ObjectsPanel
from refwatch.tui.panels.objects.together import TogetherReader, summed
from refwatch.tui.panels.objects.view import ObjectsReader, ObjectsView
from refwatch.tui.panels.overview.together import TogetherReader as OverviewTogether
from refwatch.tui.panels.overview.view import OverviewReader
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.threads.panel import ThreadsPanel
from refwatch.tui.subject import Subject
from refwatch.tui.views.threads import of_key
from refwatch.wire.event import MAIN

SIZES = [(80, 24), (120, 40)]
SECONDS = 12.0


def leaking() -> list[Event]:
    """A program that waits for two children, both of which leak ``app.Session``."""
    workers = [list(with_references(Simulation(SECONDS, workers=1, seed=seed))) for seed in (1, 2)]
    return merged(
        Simulation(SECONDS, workers=0, load=0.01).events(),
        *(child(events, number, began_s=0.2) for number, events in enumerate(workers, 2)),
    )


@pytest.fixture(scope="module")
def state() -> State:
    return state_of(leaking())


# -- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_threads_of_all(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(pool()), size=size) as (app, pilot):
        await pilot.press("3", "p")
        await steady(app, pilot)
        panel = app.main.panel
        assert isinstance(panel, ThreadsPanel)
        alive = [each for each in app.state.processes.values() if each.exited is None]
        assert len(panel.table.rows) == sum(len(each.threads) for each in alive)
        assert f"{len(alive)} processes together" in frame(app)
        assert str(PID + 2) in frame(app)
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        screen = app.screen
        assert isinstance(screen, ThreadScreen)
        assert screen.process == of_key(panel.table.cursor or 0)[0] != MAIN
        await steady(app, pilot)
        await pilot.press("escape", "backspace")
        await until(pilot, lambda: not app.together)
        await steady(app, pilot)
        assert "together" not in frame(app)
        assert len(panel.table.rows) == len(app.state.processes[MAIN].threads)


async def test_they_are_found_by_their_process() -> None:
    async with driven(FakeFeed(pool())) as (app, pilot):
        await pilot.press("3", "p", "slash", *str(PID + 2), "enter")
        await steady(app, pilot)
        panel = app.main.panel
        assert isinstance(panel, ThreadsPanel)
        assert {of_key(key)[0] for key in panel.table.rows.keys} == {3}


async def test_other_panels_and_one_process_stay_as_they_are() -> None:
    async with driven(FakeFeed(pool())) as (app, pilot):
        await pilot.press("3", "p", "7")
        await steady(app, pilot)
        assert "together" not in frame(app)
        assert f"pid {PID} " in frame(app)
        await pilot.press("3")
        await steady(app, pilot)
        assert "together" in frame(app)
        await pilot.press("8", "down", "enter")
        await until(pilot, lambda: app.number == 2)
        await steady(app, pilot)
        assert "together" not in frame(app)


async def test_without_children_there_is_no_such_key() -> None:
    async with driven(FakeFeed(Simulation(2.0).events())) as (app, pilot):
        await pilot.press("3", "p")
        await steady(app, pilot)
        assert not app.together
        assert "together" not in frame(app)


async def test_a_child_that_ends_leaves_the_others() -> None:
    feed = FakeFeed(pool())
    async with driven(feed) as (app, pilot):
        await pilot.press("3", "p")
        await steady(app, pilot)
        assert "4 processes together" in frame(app)
        feed.push(ev.TargetExited(at=app.state.now, process=2, exit_code=0))
        await settled(app, pilot, feed)
        assert "3 processes together" in frame(app)


# -- overview --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_overview_of_all(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(leaking()), size=size) as (app, pilot):
        await steady(app, pilot)
        assert "leak: app.Session grows by 80/s in 2 children" in frame(app)
        await pilot.press("p")
        await steady(app, pilot)
        assert "3 processes together" in frame(app)
        assert "GILs held" in frame(app)
        assert "app.Session in 2 children" in frame(app)


def test_its_numbers_are_sums(state: State) -> None:
    view = OverviewTogether().read(Subject(state, together=True))
    each = [OverviewReader().read(Subject(state, number)) for number in state.processes]
    assert view.held is not None
    assert float(view.held.value) == pytest.approx(
        sum(one.held.fraction or 0.0 for one in each if one.held is not None), abs=0.02
    )
    assert view.memory.points[-1][1] == sum(one.memory.points[-1][1] for one in each)
    assert view.heap is not None
    heaps = [one.heap for one in each if one.heap is not None]
    assert view.heap.objects == sum(heap.objects for heap in heaps)
    assert view.heap.growing[0][1] == pytest.approx(sum(heap.growing[0][1] for heap in heaps))


# -- objects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_objects_of_all(size: tuple[int, int]) -> None:
    async with driven(FakeFeed(leaking()), size=size) as (app, pilot):
        await pilot.press("6", "p")
        await steady(app, pilot)
        panel = app.main.panel
        assert isinstance(panel, ObjectsPanel)
        assert "in 2 processes" in frame(app)
        assert not any(map(panel.may, ("inspect", "graph", "watch", "look", "cancel")))
        await pilot.press("enter")
        await until(pilot, lambda: "Numbers" in frame(app))
        await steady(app, pilot)
        assert "What keeps them alive" in frame(app)
        assert not {"i Referrers", "w Watch"} & set(frame(app).splitlines()[-1].split("  "))


def test_counts_growth_and_sizes_are_sums(state: State) -> None:
    view = TogetherReader().read(Subject(state, together=True))
    each = [ObjectsReader().read(Subject(state, number)) for number in (2, 3)]

    def row_of(view: ObjectsView) -> tuple[int, int, int]:
        row = next(row for row in view.rows if row.full_name == ("app", "Session"))
        assert row.live
        return row.instances, row.size or 0, view.grown(row, 0)

    parts = [row_of(one) for one in each]
    assert row_of(view) == tuple(map(sum, zip(*parts, strict=True)))
    (suspect,) = [one for one in view.suspects if one.judged.name == ("app", "Session")]
    assert suspect.judged.per_second == pytest.approx(80, rel=0.1)
    assert suspect.where == "in 2 processes"
    assert suspect.chain == each[0].suspects[0].chain


def test_the_sum_of_counts_over_time() -> None:
    one, other = StepSeries(), StepSeries()
    for at, count in ((0.0, 5), (2.0, 7), (4.0, 0)):
        one.add(at, count)
    for at, count in ((1.0, 10), (4.0, 1)):
        other.add(at, count)
    assert list(summed([one, other])) == [(0.0, 5), (1.0, 15), (2.0, 17), (4.0, 10), (4.0, 1)]


# -- leaks -----------------------------------------------------------------------------------------


def test_a_leak_is_one_wherever_it_leaks(state: State) -> None:
    found = leaks((each, suspicions(each.references)) for each in state.processes.values())
    assert found[0].sentence() == "app.Session grows by 80/s in 2 children"
    assert found[0].holders is not None
    main, first, second = state.processes.values()
    leak = GrowthSuspect(name=("app", "Row"), count=9, grown=8, per_second=4.0, r2=1.0, since_s=1.0)
    faster = GrowthSuspect(
        name=("app", "Row"), count=90, grown=80, per_second=40.0, r2=0.9, since_s=2.0
    )
    told = [
        leaks([(main, [leak])]),
        leaks([(first, [leak])]),
        leaks([(main, [leak]), (first, [faster])]),
        leaks([(first, [leak]), (second, [faster])]),
    ]
    assert [each[0].where for each in told] == [
        "", f" in child {first.pid}", " in 2 processes", " in 2 children",
    ]  # fmt: skip
    assert told[-1][0].processes[0] is second
    assert told[-1][0].suspect == GrowthSuspect(
        name=("app", "Row"), count=99, grown=88, per_second=44.0, r2=0.9, since_s=1.0
    )
