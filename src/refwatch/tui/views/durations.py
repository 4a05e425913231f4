"""Durations in a few numbers and a histogram: half of them, 99 of 100, the longest.

The cells of the histogram are equally wide on a logarithmic scale; those beyond 99 of 100 stand
out. """

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from refwatch.series.log_histogram import PER_OCTAVE, LogHistogram, bucket_of, seconds_of
from refwatch.text.formats import fmt_duration
from refwatch.tui.views.chart import HEIGHTS, draw_time_scale
from refwatch.tui.views.styled_text import Line, StyledText, cut_middle, fit, width_of

LEAST_OCTAVES = 6  # that a histogram spans
LABEL_ROOM = 24
"""Cells of a histogram from which on its ends are labelled."""


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


def view_durations(
    title: str,
    style: str,
    fill: str,
    known: LogHistogram,
    where: str = "",
    *,
    longest_s: float | None = None,
    none: str = "",
) -> Durations:
    """``longest_s``: if it is not the longest of ``known``."""
    longest = longest_s if longest_s is not None else known.longest_s if known.counts else None
    half, most = known.quantile(0.5), known.quantile(0.99)
    counts = dict(known.counts)
    return Durations(title, style, fill, known.count, half, most, longest, counts, where, none)


def fmt_short(view: Durations) -> str:
    """``p50 4.87 ms, p99 21 ms``, for a border; empty without any."""
    if view.half_s is None or view.most_s is None:
        return ""
    return f"p50 {fmt_duration(view.half_s)}, p99 {fmt_duration(view.most_s)}"


def draw_durations(view: Durations, width: int, height: int) -> tuple[Line, ...]:
    """The numbers, the histogram below, and its scale."""
    if view.half_s is None or view.most_s is None or view.longest_s is None:
        return (((view.none, "muted"),),)
    numbers = _numbers(view, view.half_s, view.most_s, view.longest_s, width)
    rows = max(0, min(2, height - 2))
    lines = [numbers]
    if height >= 2:
        first, last = span_of(view.counts)
        cells = spread(view.counts, first, last, width)
        tail = int((bucket_of(view.most_s * 1e9) - first) / (last - first) * width) + 1
        for text in bars(cells, max(1, rows)):
            lines.append(((text[:tail], view.fill), (text[tail:], "warning")))
    if height >= 3 and width >= LABEL_ROOM:
        low, high = (fmt_duration(seconds_of(bucket)) for bucket in span_of(view.counts))
        middle = f" {fmt_duration(_middle(view.counts))} "
        lines.append(draw_time_scale(f"{low} ", f" {high}", width, middle))
    return tuple(lines[:height])


def _numbers(view: Durations, half: float, most: float, longest: float, width: int) -> Line:
    """What is usual first, then what is rare, then the worst and where it was, as far as it
    fits."""
    line: list[StyledText] = [(fmt_duration(half), f"{view.style}-bold"), (" p50", "muted")]
    more: tuple[Line, ...] = (
        (("  ", ""), (fmt_duration(most), "strong"), (" p99", "muted")),
        (("  ", ""), (fmt_duration(longest), "strong"), (" longest", "muted")),
    )
    for each in more:
        if width_of((*line, *each)) <= width:
            line += each
    room = width - width_of(line) - 4
    if view.where and room >= 8 and len(line) > 5:
        line += [(" at ", "muted"), (cut_middle(view.where, room), "foreground")]
    return fit(tuple(line), width)


def span_of(counts: Mapping[int, int]) -> tuple[int, int]:
    """The first and the last bucket of a histogram of these, on whole octaves."""
    first = min(counts) // PER_OCTAVE * PER_OCTAVE
    last = -(-(max(counts) + 1) // PER_OCTAVE) * PER_OCTAVE
    while last - first < LEAST_OCTAVES * PER_OCTAVE:
        first, last = max(0, first - PER_OCTAVE), last + PER_OCTAVE
    return first, last


def _middle(counts: Mapping[int, int]) -> float:
    first, last = span_of(counts)
    return seconds_of((first + last) // 2)


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
