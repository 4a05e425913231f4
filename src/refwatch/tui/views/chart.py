"""Charts in characters: braille lines with axes, bars, sparklines.

Pure: numbers in, styled lines out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle

from refwatch.series.step_series import StepSeries
from refwatch.tui.views.styled_text import Line, StyledText, pad

EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = " ▁▂▃▄▅▆▇█"
_LEFT = (0x40, 0x04, 0x02, 0x01)  # braille dots of the left column, from the lowest up
_RIGHT = (0x80, 0x20, 0x10, 0x08)
_BLANK = 0x2800

Points = Sequence[tuple[float, float]]
"""(time in seconds, value), by time."""


def bar(fraction: float, width: int) -> str:
    """A bar, precise to an eighth of a cell."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def line_bar(fraction: float, width: int, style: str) -> list[StyledText]:
    """A thin bar, for beside a number."""
    halves = round(min(max(fraction, 0.0), 1.0) * width * 2)
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return [(full, style), ("─" * (width - len(full)), "muted")]


def stacked(parts: Iterable[tuple[str, float]], width: int) -> list[StyledText]:
    """(style, share) side by side. Boundaries are rounded, not parts, so the bar is as long as the
    sum."""
    styled: list[StyledText] = []
    total = 0.0
    drawn = 0
    for style, share in parts:
        total += share
        edge = min(width, round(total * width))
        if edge > drawn:
            styled.append(("█" * (edge - drawn), style))
            drawn = edge
    if drawn < width:
        styled.append((" " * (width - drawn), ""))
    return styled


def resample(points: Points, start: float, end: float, count: int) -> list[float | None]:
    """Mean value in each of ``count`` equal intervals. A value holds until the next point; None
    before the first."""
    sums = [0.0] * count
    hits = [0] * count
    scale = count / (end - start) if end > start else 0.0
    before: float | None = None
    for at, value in points:
        index = int((at - start) * scale)
        if index < 0:
            before = value
        elif index <= count:
            index = min(index, count - 1)
            sums[index] += value
            hits[index] += 1
    values: list[float | None] = []
    for total, number in zip(sums, hits, strict=True):
        if number:
            before = total / number
        values.append(before)
    return values


def braille(values: Sequence[float | None], height: int, low: float, high: float) -> list[str]:
    """A line as rows of braille, top first: two values per cell, four dots per row."""
    dots = height * 4
    span = (high - low) or 1.0
    width = (len(values) + 1) // 2
    grid = [[_BLANK] * width for _ in range(height)]
    before: int | None = None
    for x, value in enumerate(values):
        if value is None:
            before = None
            continue
        level = min(dots - 1, max(0, round((value - low) / span * (dots - 1))))
        bottom = min(level, level if before is None else before)
        top = max(level, level if before is None else before)
        for dot in range(bottom, top + 1):
            bits = (_RIGHT if x % 2 else _LEFT)[dot % 4]
            grid[height - 1 - dot // 4][x // 2] |= bits
        before = level
    return ["".join(map(chr, row)) for row in grid]


def sparkline(points: Points, width: int, height: int, top: float, window: float) -> list[str]:
    """The last ``window`` seconds as an area from 0, in eighths of a cell; any value above 0 is
    visible."""
    if not points:
        return [" " * width] * height
    end = points[-1][0]
    values = resample(points, end - window, end, width)
    steps = [
        0 if not value else min(8 * height, max(1, round(value / (top or 1.0) * 8 * height)))
        for value in values
    ]
    return [
        "".join(HEIGHTS[min(8, max(0, step - 8 * (height - 1 - row)))] for step in steps)
        for row in range(height)
    ]


def heights(values: Sequence[float | None], least: float) -> str:
    """One cell per value, scaled to their range or to ``least`` if that is more; blank for None."""
    present = [value for value in values if value is not None]
    if not present:
        return " " * len(values)
    low = min(present)
    span = max(max(present) - low, least)
    return "".join(
        " " if value is None else HEIGHTS[1 + round((value - low) / span * 7)] for value in values
    )


def step_points(series: StepSeries, since: float, until: float) -> list[tuple[float, float]]:
    """Points of a step series within this time, with its value at both ends."""
    before = series.at(since)
    points = [(since, float(before))] if before is not None else []
    points += [(at, float(count)) for at, count in series if since < at <= until]
    if points and until > points[-1][0]:
        points.append((until, points[-1][1]))
    return points


def draw_time_scale(left: str, right: str, width: int, middle: str = "") -> Line:
    """Heading of lines over time: what their width stands for."""
    room = width - len(left) - len(right)
    if room < 2:
        return ((right.rjust(max(0, width)), "muted"),)
    middle = middle if room >= len(middle) + 2 else ""
    return ((left + middle.center(room, "┈") + right, "muted"),)


def nice_top(value: float, base: float = 10.0) -> float:
    """The next 1, 2, 2.5 or 5 times a power of ``base``."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * base <= value:
        power *= base
    while power > value:
        power /= base
    return next((power * m for m in (1.0, 2.0, 2.5, 5.0, base) if power * m >= value), power * base)


def _marks(rows: int, top: float, fmt: Callable[[float], str]) -> dict[int, str]:
    """Axis labels at round steps, with a free row between two of them."""
    step = 1.0
    wider = cycle((2.0, 2.5, 2.0))
    while top / step > (rows + 1) / 2:
        step *= next(wider)
    values = [step * number for number in range(1, int(top / step) + 1)]
    return {rows - 1 - round(value / top * (rows * 4 - 1)) // 4: fmt(value) for value in values}


def chart(
    points: Points,
    width: int,
    height: int,
    style: str,
    top: float,
    fmt: Callable[[float], str],
    fmt_time: Callable[[float], str],
    *,
    whole: bool = False,
) -> tuple[Line, ...]:
    """A line with labelled axes. ``whole`` numbers get as many labels as fit."""
    label = max(len(fmt(top)), len(fmt(0.0)), len(fmt(top / 2)))
    inner, rows = width - label - 1, height - 1
    if inner < 8 or rows < 2:
        return ()
    if points:
        start, end = points[0][0], max(points[-1][0], points[0][0] + 1.0)
        drawn = braille(resample(points, start, end, inner * 2), rows, 0.0, top)
    else:
        start, end = 0.0, 1.0
        drawn = [" " * inner] * rows
    marks = {0: fmt(top), rows - 1: fmt(0.0)}
    if whole:
        marks = _marks(rows, top, fmt) | marks
    elif rows >= 5 and rows % 2:
        marks[rows // 2] = fmt(top / 2)
    lines: list[Line] = []
    for y, text in enumerate(drawn):
        tick = "┤" if y in marks else "│"
        lines.append(
            ((pad(marks.get(y, ""), label, right=True), "muted"), (tick, "muted"), (text, style))
        )
    left, right = fmt_time(start).strip(), fmt_time(end).strip()
    middle = "─" * max(0, inner - len(left) - len(right) - 2)
    lines.append(((" " * label + "└", "muted"), (f"{left} {middle} {right}", "muted")))
    return tuple(lines)
