"""Durations in a few numbers and a histogram: half of them, 99 of 100, the longest.

The cells of the histogram are equally wide on a logarithmic scale; those beyond 99 of 100 stand
out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refwatch.series.log_histogram import PER_OCTAVE, LogHistogram, bucket_of, seconds_of
from refwatch.text.formats import fmt_count, fmt_duration
from refwatch.tui.views.chart import HEIGHTS, draw_time_scale
from refwatch.tui.views.styled_text import Line, fit, two_ends, width_of

LEAST_OCTAVES = 6  # that a histogram spans


@dataclass(frozen=True)
class Durations:
    """Seconds; None where there are none. ``style``: of the numbers and of the histogram's cells.
    ``where``: at which line the longest was."""

    title: str
    style: str
    fill: str
    count: int
    half_s: float | None
    most_s: float | None
    longest_s: float | None
    counts: Mapping[int, int]
    """Bucket of LogHistogram -> how many."""
    where: str = ""
    none: str = ""
    """Said where there are none."""
    short: str = ""
    """Said before them where the title is another's."""


def view_durations(
    title: str,
    style: str,
    fill: str,
    known: LogHistogram,
    where: str = "",
    *,
    longest_s: float | None = None,
    none: str = "",
    short: str = "",
) -> Durations:
    """``longest_s``: if it is not the longest of ``known``."""
    longest = longest_s if longest_s is not None else known.longest_s if known.counts else None
    half, most = known.quantile(0.5), known.quantile(0.99)
    counts = dict(known.counts)
    return Durations(
        title, style, fill, known.count, half, most, longest, counts, where, none, short
    )


def fmt_short(view: Durations, width: int) -> str:
    """``p50/99 4.87/21 ms`` for a border, or what of it fits; empty without any."""
    if view.half_s is None or view.most_s is None:
        return ""
    half, most = fmt_duration(view.half_s), fmt_duration(view.most_s)
    if half.split()[1:] == most.split()[1:]:
        half = half.split()[0]
    text = f"p50/99 {half}/{most}"
    whole = f"{view.short}{text}"
    return whole if len(whole) <= width else f"{view.short}p99 {most}"


def fmt_longest(view: Durations) -> str:
    """``longest 6.0 s at target.py:10`` for a border; empty without any."""
    if view.longest_s is None:
        return ""
    return f"longest {fmt_duration(view.longest_s)}" + (f" at {view.where}" if view.where else "")


def draw_durations(view: Durations, width: int, height: int) -> tuple[Line, ...]:
    """The usual one and the rare one, the histogram below, and its scale."""
    if view.half_s is None or view.most_s is None:
        return (((view.none, "muted"),),)
    numbers: Line = (
        (fmt_duration(view.half_s), f"{view.style}-bold"),
        (" p50  ", "muted"),
        (fmt_duration(view.most_s), "strong"),
        (" p99", "muted"),
    )
    count = f"{fmt_count(view.count)} in all"
    if width_of(numbers) + len(count) + 2 <= width:
        numbers = two_ends(numbers, ((count, "muted"),), width)
    first, last = span_of(view.counts)
    cells = spread(view.counts, first, last, width)
    tail = int((bucket_of(view.most_s * 1e9) - first) / (last - first) * width) + 1
    rows = bars(cells, max(1, min(2, height - 2)))
    lines = [((row[:tail], view.fill), (row[tail:], "warning")) for row in rows]
    middle = f" {fmt_duration(seconds_of((first + last) // 2))} "
    low, high = fmt_duration(seconds_of(first)), fmt_duration(seconds_of(last))
    scale = draw_time_scale(f"{low} ", f" {high}", width, middle)
    return (fit(numbers, width), *lines, fit(scale, width))[:height]


def span_of(counts: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last bucket of a histogram of these, on whole octaves."""
    first = min(counts) // PER_OCTAVE * PER_OCTAVE
    last = -(-(max(counts) + 1) // PER_OCTAVE) * PER_OCTAVE
    while last - first < LEAST_OCTAVES * PER_OCTAVE:
        first, last = max(0, first - PER_OCTAVE), last + PER_OCTAVE
    return first, last


def spread(counts: Mapping[int, int], first: int, last: int, width: int) -> list[int]:
    """How many durations lie in each of ``width`` equal parts from one bucket to another. A bucket
    that is wider than a part is spread over those that it covers."""
    cells = [0.0] * width
    scale = width / (last - first)
    for bucket, count in counts.items():
        begin, end = (bucket - first) * scale, (bucket - first + 1) * scale
        covered = range(int(begin), max(int(begin) + 1, round(end)))
        for cell in covered:
            if 0 <= cell < width:
                cells[cell] += count / len(covered)
    return [max(1, round(cell)) if cell > 0 else 0 for cell in cells]


def bars(cells: list[int], rows: int) -> list[str]:
    """Bars by the square roots of the numbers, so that rare ones are seen; top row first."""
    top = max(cells, default=0) or 1
    steps = [max(1, round((cell / top) ** 0.5 * 8 * rows)) if cell else 0 for cell in cells]
    return [
        "".join(HEIGHTS[min(8, max(0, step - 8 * (rows - 1 - row)))] for step in steps)
        for row in range(rows)
    ]
