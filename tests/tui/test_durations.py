"""Durations as numbers and a histogram."""

from __future__ import annotations

from refwatch.series.log_histogram import LogHistogram, bucket_of
from refwatch.tui.views.durations import (
    Durations,
    bars,
    draw_durations,
    fmt_longest,
    fmt_short,
    span_of,
    spread,
    view_durations,
)
from refwatch.tui.views.styled_text import width_of


def made(*milliseconds: float, where: str = "") -> Durations:
    known = LogHistogram()
    for each in milliseconds:
        known.add({bucket_of(each * 1e6): 1}, each / 1e3)
    return view_durations("A hold", "gil_held", "gil_held", known, where, none="none yet")


def text(view: Durations, width: int, height: int) -> list[str]:
    lines = draw_durations(view, width, height)
    assert all(width_of(line) <= width for line in lines)
    return ["".join(piece for piece, _ in line) for line in lines]


def test_the_usual_one_is_first_and_the_scale_last() -> None:
    lines = text(made(*[5.0] * 98, 21.0, 21.0), 40, 4)
    assert lines[0].startswith("4.87 ms p50  21.2 ms p99") or "21 ms p99" in lines[0]
    assert lines[0].endswith("100 in all")
    assert "┈" in lines[-1]
    assert len(lines) == 4


def test_rare_long_ones_are_seen_and_stand_out() -> None:
    *_, low, _ = draw_durations(made(*[5.0] * 400, 900.0), 40, 4)
    tail = "".join(piece for piece, style in low if style == "warning")
    assert any(cell in "▁▂" for cell in tail)


def test_without_any_it_says_so() -> None:
    assert text(made(), 30, 4) == ["none yet"]
    assert fmt_short(made(), 30) == fmt_longest(made()) == ""


def test_in_a_border() -> None:
    view = made(*[4.87] * 98, 21.0, 21.0, where="work.py:10")
    assert fmt_short(view, 30).startswith("p50/99 4.87/2")
    assert fmt_short(view, 12).startswith("p99 2")
    assert fmt_longest(view) == "longest 21 ms at work.py:10"


def test_any_size_is_drawn() -> None:
    for width in (1, 8, 20, 120):
        for height in (1, 2, 3, 5):
            assert len(text(made(0.001, 5.0, 9000.0), width, height)) <= height


def test_no_duration_is_lost_between_cells() -> None:
    counts = {bucket_of(ns): 10 for ns in (1e3, 5e6, 8e9)}
    first, last = span_of(counts)
    assert first <= min(counts) and max(counts) < last  # noqa: PT018
    for width in (5, 33, 400):
        cells = spread(counts, first, last, width)
        assert len(cells) == width
        assert sum(cells) >= 3
    assert bars([0, 1, 100], 1)[0] == " ▁█"
