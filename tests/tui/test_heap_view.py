"""What the heap's screen and the Overview's line about it say."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.simulate_references import with_references
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.readings.objects.state import KEEP_PAUSES
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.tui.panels.objects.heap_view import (
    MOST_COLUMNS,
    draw_census,
    draw_gc,
    most_rows,
    view_heap,
)
from refwatch.tui.panels.overview.lines import draw_heap
from refwatch.tui.panels.overview.view import HeapView, OverviewReader
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import lay, place
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Referenced


def page(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


@pytest.fixture
def state() -> State:
    return state_of(with_references(Simulation(14.3)))


def test_the_census_says_when_how_and_at_what_price(state: State) -> None:
    shown = page(draw_census(view_heap(Subject(state)), 76, 2))
    assert shown.splitlines() == [
        "24,764 objects 1 s ago, counted in 71 ms in a copy",
        "paused 6 times, at most 2.9 ms; 15 ms in all, 0.10 % of the time",
    ]


def test_of_many_pauses_the_last_are_told(state: State) -> None:
    for number in range(KEEP_PAUSES + 5):
        state.apply(
            ev.CensusBegun(
                at=15.0 + number, process=MAIN, number=number, reason="interval", pause_s=0.002
            )
        )
    shown = page(draw_census(view_heap(Subject(state)), 76, 3))
    assert "its last 1,000 pauses: 2 ms on average" in shown


def test_why_there_is_no_census() -> None:
    state = state_of(Simulation(0.5).events())
    assert page(draw_census(view_heap(Subject(state)), 76, 2)) == "no heap count yet; c takes one"
    state.apply(ev.ReadingLimited(at=0.6, process=MAIN, reading="census", reason="switched off"))
    assert page(draw_census(view_heap(Subject(state)), 76, 2)) == "! no heap count: switched off"
    assert view_heap(Subject(State())).taken == 0


def test_the_collector_by_generation(state: State) -> None:
    lines = page(draw_gc(view_heap(Subject(state)), 76, 6)).splitlines()
    assert lines[0].split() == ["collections", "collected", "uncollectable"]
    assert lines[3].split() == ["2", "old", "3", "0", "0"]
    assert lines[4:] == [
        "2 % of the time, 0.28 s",
        "up to 16.1 ms at a time, set off at threads_cpu.py:22 crunch",
    ]
    unread = state_of(Simulation(2.0).events())
    assert len(page(draw_gc(view_heap(Subject(unread)), 76, 5)).splitlines()) == 4
    assert page(draw_gc(view_heap(Subject(State())), 76, 5)) == "not read yet"


def test_what_cannot_be_collected_stands_out(state: State) -> None:
    state.apply(
        ev.GcMeasured(
            at=14.3,
            process=MAIN,
            generations=[ev.GcGeneration(collections=1, collected=2, uncollectable=3)],
        )
    )
    assert ("             3", "warn") in draw_gc(view_heap(Subject(state)), 76, 5)[1]


@pytest.mark.parametrize("width", [8, 30, 76])
def test_any_name_and_any_width(state: State, width: int) -> None:
    most = [Referenced(type=name, label=name, address=name, references=9) for name in HOSTILE]
    state.apply(
        ev.CensusTaken(
            at=14.3, process=MAIN, number=9, took_s=0.1, objects=5, types=[], most_referenced=most
        )
    )
    view = view_heap(Subject(state))
    placed = place(MOST_COLUMNS, width)
    rows = [lay(row, placed) for row in most_rows(view)]
    assert len(rows) == len({one.address for one in most})
    for line in (*rows, *draw_census(view, width, 3), *draw_gc(view, width, 5)):
        assert all(text.isprintable() for text, _ in line)
    assert all(width_of(line) <= width for line in draw_census(view, width, 3))


def test_the_overview_says_what_grows_and_what_holds_it(state: State) -> None:
    heap = OverviewReader().read(Subject(state)).heap
    assert heap is not None
    lines = page(draw_heap(heap, 76, 2)).splitlines()
    assert lines[0].startswith("▌ Heap: 24,764 objects; growing: app.Session +40/s")
    assert lines[1] == "▌ held ← item 17 ← global sessions ← module __main__"
    for width in (10, 20, 40):
        assert all(width_of(line) <= width for line in draw_heap(heap, width, 2))


def test_the_overview_says_that_nobody_knows_what_holds_it() -> None:
    growing = (("app.Session", 4.0),)
    assert "not known" in page(draw_heap(HeapView(5, growing, (), "not known"), 76, 2))
    garbage = HeapView(5, growing, (), "nobody holds all", 7200)
    assert page(draw_heap(garbage, 76, 2)).startswith("▌ Heap: 5 objects, 7,200 garbage; growing")
    assert page(draw_heap(HeapView(5, ()), 76, 2)) == "▌ Heap: 5 objects"
    large = page(draw_heap(HeapView(5, (), large="a dict of 80.0 MiB is 0 % full"), 76, 2))
    assert large.splitlines()[1] == "▌ largest: a dict of 80.0 MiB is 0 % full"
    chain = (ChainLink(type="app.Session", edge="global one"), ChainLink(type="module", name="app"))
    assert "held ← global one" in page(draw_heap(HeapView(5, growing, chain), 76, 2))
