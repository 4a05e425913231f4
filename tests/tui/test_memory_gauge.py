"""The bar that says where resident memory is, and its parts over time."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.simulate_allocations import split_at, with_allocations
from tests.tui.driving import state_of

from refwatch.readings.allocations.types import MemorySplit
from refwatch.session import events as ev
from refwatch.tui.panels.allocations.memory_gauge import (
    PARTS,
    GaugeView,
    between,
    draw_bar,
    draw_memory_gauge,
    draw_stack,
    rows_for,
)
from refwatch.tui.panels.allocations.view import AllocationsReader, MemoryView
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.wire.event import MAIN


def gauge(seconds: float = 12.0, since: float = 4.0) -> GaugeView:
    state = state_of(with_allocations(Simulation(seconds)))
    return GaugeView(AllocationsReader().read(Subject(state)).memory, since, "warm")


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


@pytest.mark.parametrize("width", [40, 78, 118, 200])
def test_the_bar_fills_its_width_and_has_letters(width: int) -> None:
    line = draw_bar(gauge(), width)
    assert width_of(line) == width
    assert "58.1 MiB resident" in text(line)
    assert " P " in text(line)
    styles = [style.rpartition("/")[2] for _, style in line]
    drawn = [part for part in PARTS if part.style in styles]
    assert drawn == [part for part in PARTS if part in drawn]  # in their order
    cells = {
        part.letter: sum(
            width_of((span,)) for span in line if span[1].rpartition("/")[2] == part.style
        )
        for part in PARTS
    }
    assert cells["P"] > cells["F"] > cells["p"]


@pytest.mark.parametrize("width", [60, 78, 118])
@pytest.mark.parametrize("tall", [False, True])
def test_it_says_what_the_letters_mean(width: int, tall: bool) -> None:
    view = gauge()
    height = rows_for(view, width, tall=tall)
    lines = draw_memory_gauge(view, width, height)
    assert len(lines) == height
    told = "\n".join(map(text, lines))
    for part in PARTS:
        assert f"{part.letter} {part.short} " in told or part.name in told
    assert all(width_of(line) <= width for line in lines)
    assert "+11.4 MiB" in told  # of Python's blocks since the mark: eight seconds of the leak


def test_what_cannot_be_known_is_unknown() -> None:
    split = MemorySplit(
        rss=30_000_000,
        python_used=None,
        python_free=None,
        c_used=9_000_000,
        c_free=None,
        files=11_000_000,
        other=10_000_000,
    )
    state = state_of(
        [*Simulation(1.0).events(), ev.MemoryMeasured(at=1.0, process=MAIN, split=split)]
    )
    view = GaugeView(AllocationsReader().read(Subject(state)).memory, 0.0, "start")
    for height in (4, 7):
        told = "\n".join(map(text, draw_memory_gauge(view, 118, height)))
        assert told.count("unknown") == 3


def test_nothing_measured_yet() -> None:
    state = state_of(Simulation(1.0).events())
    view = GaugeView(AllocationsReader().read(Subject(state)).memory, 0.0, "start")
    assert rows_for(view, 78, tall=True) == 1
    (line,) = draw_memory_gauge(view, 78, 1)
    assert "not broken down yet" in text(line)
    assert "MiB resident" in text(line)


def test_the_sentence_stands_first() -> None:
    known = gauge()
    memory = known.memory._replace(sentence="Resident memory grows; Python's heap does not.")
    view = GaugeView(memory, 4.0, "warm")
    assert rows_for(view, 78, tall=False) == rows_for(known, 78, tall=False) + 1
    lines = draw_memory_gauge(view, 78, rows_for(view, 78, tall=False))
    assert "Resident memory grows" in text(lines[0])


def test_parts_over_time_stand_on_each_other() -> None:
    lines = draw_stack(gauge(), 60, 5)
    assert len(lines) == 6
    assert all(width_of(line) <= 61 for line in lines)
    bottom = {style.partition("/")[0] for _, style in lines[4] if style != "muted"}
    assert bottom == {"part-python_used"}
    top = {style.rpartition("/")[2] for _, style in lines[0]}
    assert "part-other" in top
    assert text(lines[-1]).startswith("└1.00 s")


def test_python_grows_upwards() -> None:
    """More of the area is Python's at the right than at the left."""
    lines = draw_stack(gauge(), 60, 20)

    def cells(x: int) -> int:
        count = 0
        for line in lines[:-1]:
            styles = [style for piece, style in line[1:] for _ in piece]
            count += styles[x] == "part-python_used"
        return count

    assert cells(58) > cells(1) > 0


def test_between_points_it_is_on_the_line() -> None:
    points = ((0.0, 10.0), (2.0, 20.0), (4.0, 0.0))
    assert between(points, [0.0, 1.0, 2.0, 3.0, 4.0], 1) == [10.0, 15.0, 20.0, 10.0, 0.0]


def test_one_point_is_no_chart() -> None:
    memory = MemoryView(split_at(1.0), ((1.0, 1, 2, 3, 4, 5, 6),), None, "")
    assert draw_stack(GaugeView(memory, 0.0, "start"), 60, 5) == []
    lines = draw_memory_gauge(GaugeView(memory, 0.0, "start"), 118, 7)
    assert len(lines) == 7
