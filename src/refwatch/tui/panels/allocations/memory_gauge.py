"""Gauge of resident memory: a stacked bar with its legend, and its parts over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from refwatch.readings.allocations.state import parts_of
from refwatch.text.formats import fmt_bytes, fmt_duration, fmt_percent
from refwatch.tui.panels.allocations.table import fmt_grown
from refwatch.tui.panels.allocations.view import MemoryView
from refwatch.tui.views.chart import HEIGHTS
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    fit,
    joined,
    pad,
    two_ends,
    width_of,
    wrap,
)


class Part(NamedTuple):
    """A part of memory: letter, names, style, and its field of MemorySplit."""

    letter: str
    name: str
    short: str
    style: str
    of: str


PARTS = (
    Part("P", "Python blocks", "Python", "part-python_used", "python_used"),
    Part("p", "free in arenas", "its free", "part-python_free", "python_free"),
    Part("C", "C heap in use", "C heap", "part-c_used", "c_used"),
    Part("c", "C heap free", "its free", "part-c_free", "c_free"),
    Part("F", "mapped files", "files", "part-files", "files"),
    Part("O", "other", "other", "part-other", "other"),
)
CHART_FROM = 96
"""Width from which there is room for the parts over time."""
TABLE = 50
"""Cells of the figures beside the chart."""
LEAST_CHANGE = 0.005
"""Share of resident memory; smaller changes do not stand out."""


@dataclass(frozen=True)
class GaugeView:
    """``since_s``: baseline of the changes; ``name`` of that mark."""

    memory: MemoryView
    since_s: float
    name: str


def rows_for(view: GaugeView, width: int, *, tall: bool) -> int:
    """Rows needed."""
    sentence = len(_sentence(view, width))
    if view.memory.split is None:
        return 1 + sentence
    if tall:
        return 1 + len(PARTS) + sentence
    return 1 + len(_legend(view, width)) + sentence


def draw_memory_gauge(view: GaugeView, width: int, height: int) -> tuple[Line, ...]:
    """The sentence, if there is one; the bar; its legend with figures."""
    memory = view.memory
    sentence = _sentence(view, width)
    if memory.split is None:
        rss = f"{fmt_bytes(memory.rss)} resident; " if memory.rss else ""
        text = f"{rss}not broken down yet"
        return (*sentence, (("Memory  ", "muted"), (text, "muted")))[:height]
    lines: list[Line] = [draw_bar(view, width)]
    if height >= 1 + len(PARTS) + len(sentence):
        lines += draw_parts(view, width)
    else:
        lines += _legend(view, width)
    return (*sentence, *lines)[:height]


def _sentence(view: GaugeView, width: int) -> list[Line]:
    edge: StyledText = ("▌ ", "warning")
    return [(edge, (text, "strong")) for text in wrap(view.memory.sentence, width - 2, 2)]


def _sizes(view: GaugeView) -> tuple[int, ...]:
    return parts_of(view.memory.split) if view.memory.split is not None else ()


def draw_bar(view: GaugeView, width: int) -> Line:
    """The parts side by side, each with its letter where there is room; the total at the right."""
    memory = view.memory
    assert memory.split is not None
    right: Line = ((f" {fmt_bytes(memory.split.rss)}", "strong"), (" resident", "muted"))
    room = max(8, width - width_of(right))
    total = sum(_sizes(view)) or 1
    styled: list[StyledText] = []
    drawn, done = 0, 0
    for part, size in zip(PARTS, _sizes(view), strict=True):
        done += size
        edge = round(done / total * room)
        cells = edge - drawn
        if cells <= 0:
            continue
        if cells >= 3:
            styled.append((f" {part.letter} ", f"background/{part.style}"))
            cells -= 3
        styled.append(("█" * cells, part.style))
        drawn = edge
    return (*styled, (" " * (room - drawn), ""), *right)


def _known(view: GaugeView, part: Part) -> int | None:
    found = getattr(view.memory.split, part.of)
    assert found is None or isinstance(found, int)
    return found


def _changes(view: GaugeView) -> tuple[float, ...]:
    """Change of each part since the mark."""
    points = view.memory.points
    then = next((point for point in points if point[0] >= view.since_s), None)
    now = _sizes(view)
    if then is None:
        return (0.0,) * len(now)
    return tuple(size - before for size, before in zip(now, then[1:], strict=True))


def _legend(view: GaugeView, width: int) -> list[Line]:
    """Letter, name, size and change of each part; short names if they save a line."""
    full = _filled([_entry(view, place, short=False) for place in range(len(PARTS))], width)
    short = _filled([_entry(view, place, short=True) for place in range(len(PARTS))], width)
    return short if len(short) < len(full) else full


def _entry(view: GaugeView, place: int, *, short: bool) -> Line:
    """Legend of one part."""
    part, size, grown = PARTS[place], _sizes(view)[place], _changes(view)[place]
    read = _known(view, part) is not None
    entry: Line = (
        (f"{part.letter} ", f"{part.style}-bold"),
        (f"{part.short if short else part.name} ", "muted"),
        (fmt_bytes(size) if read else "unknown", "strong"),
    )
    if read and abs(grown) >= LEAST_CHANGE * sum(_sizes(view)):
        entry = (*entry, (" ", ""), *fmt_grown(grown, fmt_bytes, much=True))
    return entry


def _filled(entries: Sequence[Line], width: int) -> list[Line]:
    """The entries on as few lines as they need."""
    lines: list[Line] = []
    for each in entries:
        if lines and width_of(lines[-1]) + width_of(each) + 3 <= width:
            lines[-1] = (*lines[-1], ("   ", ""), *each)
        else:
            lines.append(fit(each, width))
    return lines


def draw_parts(view: GaugeView, width: int) -> list[Line]:
    """One line of figures per part, and beside them the parts over time."""
    changes = _changes(view)
    total = sum(_sizes(view)) or 1
    area = width - TABLE - 3
    chart = draw_stack(view, area, len(PARTS) - 1) if width >= CHART_FROM else []
    lines: list[Line] = []
    for row, (part, size) in enumerate(zip(PARTS, _sizes(view), strict=True)):
        read, grown = _known(view, part) is not None, changes[row]
        left: Line = (
            (f" {part.letter} ", f"background/{part.style}"),
            (f" {pad(part.name, 15)}", "foreground"),
            (pad(fmt_bytes(size) if read else "unknown", 10, right=True), "strong"),
            (pad(fmt_percent(size / total) if read else "", 7, right=True), "muted"),
            ("  ", ""),
            *(fmt_grown(grown, fmt_bytes, much=grown >= LEAST_CHANGE * total) if read else ()),
        )
        if not chart:
            lines.append(fit(left, width))
            continue
        gap = TABLE - width_of(left)
        right = chart[row] if row < len(chart) else ()
        lines.append((*fit(left, TABLE), (" " * max(0, gap), ""), *right))
    return lines


def draw_stack(view: GaugeView, width: int, height: int) -> list[Line]:
    """The parts over time, stacked, with the times below."""
    points = view.memory.points
    if len(points) < 2 or width < 20:
        return []
    start, end = points[0][0], points[-1][0]
    moments = [start + (end - start) * (x + 0.5) / width for x in range(width)]
    columns = [between(points, moments, 1 + index) for index in range(len(PARTS))]
    sums = [sum(column[x] for column in columns) for x in range(width)]
    top = max(sums) or 1.0
    # Eighths of a cell at which each part ends, from the lowest part up.
    edges = [_edges([column[x] for column in columns], top, height) for x in range(width)]
    lines: list[Line] = []
    for row in range(height):
        low = 8 * (height - 1 - row)
        cells = [_cell(edges[x], low) for x in range(width)]
        lines.append((("│", "muted"), *joined(cells)))
    left, right = fmt_duration(start), fmt_duration(end)
    axis = two_ends(((left, "muted"),), ((right, "muted"),), width)
    return [*lines, (("└", "muted"), *axis)]


def between(
    points: Sequence[tuple[float, ...]], moments: Sequence[float], index: int
) -> list[float]:
    """One of the values at each moment, interpolated."""
    values: list[float] = []
    place = 0
    for at in moments:
        while place < len(points) - 2 and points[place + 1][0] < at:
            place += 1
        before, after = points[place], points[place + 1]
        share = (at - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 1.0
        values.append(before[index] + (after[index] - before[index]) * min(1.0, max(0.0, share)))
    return values


def _edges(values: Sequence[float], top: float, height: int) -> list[int]:
    edges: list[int] = []
    total = 0.0
    for value in values:
        total += value
        edges.append(round(total / top * height * 8))
    return edges


def _cell(edges: Sequence[int], low: int) -> StyledText:
    """One cell, ``low`` eighths above the ground; it can show two parts."""
    inside = [
        (max(0, min(edge, low + 8) - max(before, low)), index)
        for index, (before, edge) in enumerate(zip((0, *edges), edges, strict=False))
    ]
    seen = [(size, index) for size, index in inside if size > 0]
    if not seen:
        return (" ", "")
    kept = sorted(sorted(seen, reverse=True)[:2], key=lambda each: each[1])
    filled = sum(size for size, _ in seen)
    lower = PARTS[kept[0][1]].style
    if len(kept) == 1 or filled < 8:
        return (HEIGHTS[filled], lower if len(kept) == 1 else PARTS[kept[-1][1]].style)
    return (HEIGHTS[8 - kept[1][0]], f"{lower}/{PARTS[kept[1][1]].style}")
