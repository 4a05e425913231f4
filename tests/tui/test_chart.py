"""Charts made of characters."""

from __future__ import annotations

import pytest

from refwatch.text.formats import fmt_bytes, fmt_count, fmt_duration
from refwatch.tui.views.chart import (
    bar,
    braille,
    chart,
    line_bar,
    nice_top,
    resample,
    sparkline,
    stacked,
)
from refwatch.tui.views.styled_text import width_of


def test_a_bar_is_exact_to_an_eighth() -> None:
    assert bar(0.5, 4) == "██  "
    assert bar(0.53125, 4) == "██▏ "
    assert bar(2.0, 4) == "████"
    assert bar(-1.0, 4) == "    "
    assert width_of(line_bar(0.3, 7, "x")) == 7


def test_stacked_parts_fill_no_more_than_their_sum() -> None:
    parts = [("a", 0.333), ("b", 0.333), ("c", 0.334)]
    assert width_of(stacked(parts, 10)) == 10
    assert stacked([("a", 0.2)], 10) == [("██", "a"), ("        ", "")]


def test_resample_averages_and_holds() -> None:
    points = [(0.0, 1.0), (0.1, 3.0), (0.9, 5.0)]
    assert resample(points, 0.0, 1.0, 4) == [2.0, 2.0, 2.0, 5.0]
    assert resample([(5.0, 1.0)], 0.0, 10.0, 2) == [None, 1.0]
    assert resample([(-1.0, 7.0)], 0.0, 1.0, 2) == [7.0, 7.0]
    assert resample([], 0.0, 1.0, 2) == [None, None]


def test_a_line_is_continuous() -> None:
    rows = braille([0.0, 1.0], 2, 0.0, 1.0)
    assert len(rows) == 2
    assert all(len(row) == 1 for row in rows)
    assert rows[0] != "⠀"
    assert braille([None, None], 1, 0.0, 1.0) == ["⠀"]


def test_sparkline_shows_traces() -> None:
    (row,) = sparkline([(0.0, 0.0), (1.0, 0.001), (2.0, 1.0)], 3, 1, 1.0, 2.0)
    assert row == " ▁█"
    assert sparkline([], 3, 2, 1.0, 2.0) == ["   ", "   "]


def test_nice_top_is_round_and_no_less() -> None:
    assert nice_top(0.0) == 1.0
    assert nice_top(7.0) == 10.0
    assert nice_top(0.13) == 0.2
    assert nice_top(20 << 20, 2.0) == 32 << 20


def test_a_chart_has_its_scale_and_fits() -> None:
    points = [(n / 10, 1000.0 * n) for n in range(100)]
    lines = chart(points, 40, 6, "primary", 200_000.0, fmt_bytes, fmt_duration)
    assert len(lines) == 6
    assert all(width_of(line) <= 40 for line in lines)
    text = ["".join(text for text, _ in line) for line in lines]
    assert text[0].lstrip().startswith("195 KiB┤")
    assert text[-2].lstrip().startswith("0 B┤")
    assert text[-1].strip().endswith("9.90 s")
    assert chart(points, 10, 6, "primary", 1.0, fmt_bytes, fmt_duration) == ()


@pytest.mark.parametrize(
    ("top", "rows", "labels"),
    [
        (6.0, 14, ["6", "5", "4", "3", "2", "1", "0"]),
        (6.0, 5, ["6", "4", "2", "0"]),
        (2.0, 5, ["2", "1", "0"]),
        (600.0, 14, ["600", "500", "400", "300", "200", "100", "0"]),
        (34.0, 9, ["34", "30", "20", "10", "0"]),
    ],
)
def test_whole_numbers_can_be_read_off(top: float, rows: int, labels: list[str]) -> None:
    points = [(0.0, top), (9.0, top)]
    lines = chart(points, 40, rows + 1, "primary", top, fmt_count, fmt_duration, whole=True)
    assert [text for line in lines if (text := line[0][0].strip(" └"))] == labels


def test_a_label_is_where_the_line_runs() -> None:
    for count in range(1, 6):
        points = [(0.0, float(count)), (9.0, float(count))]
        lines = chart(points, 40, 15, "primary", 6.0, fmt_count, fmt_duration, whole=True)
        (drawn,) = (line for line in lines[:-1] if line[2][0].strip("\u2800"))
        assert drawn[0][0].strip() == str(count)
