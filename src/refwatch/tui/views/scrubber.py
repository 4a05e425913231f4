"""View of the scrubber: position in a recording."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.text.formats import fmt_duration
from refwatch.tui.views.styled_text import Line


@dataclass(frozen=True)
class ScrubberView:
    """Both times in seconds."""

    at_s: float
    length_s: float
    paused: bool


def bar_of(length_s: float, width: int) -> tuple[int, int]:
    """(first cell, number of cells) of the bar."""
    digits = _digits(length_s)
    first = digits + 4
    return first, max(1, width - first - digits - 2)


def _digits(length_s: float) -> int:
    """Width of a time."""
    return max(7, len(fmt_duration(length_s)))


def time_at(x: int, length_s: float, width: int) -> float | None:
    """Time at a cell, seconds; None beside the bar."""
    first, cells = bar_of(length_s, width)
    return nearest_time(x, length_s, width) if first <= x < first + cells else None


def nearest_time(x: int, length_s: float, width: int) -> float:
    """The same; beside the bar that of its nearer end."""
    first, cells = bar_of(length_s, width)
    return length_s * min(max(x - first, 0), cells - 1) / max(1, cells - 1)


def draw_scrubber(view: ScrubberView, width: int, height: int) -> tuple[Line, ...]:
    """One line: ``▶  0:12 ━━━━●────────  1:02:03``."""
    _, cells = bar_of(view.length_s, width)
    digits = _digits(view.length_s)
    share = min(view.at_s / view.length_s, 1.0) if view.length_s > 0 else 0.0
    before = round(share * (cells - 1))
    line: Line = (
        (" ⏸ " if view.paused else " ▶ ", "key"),
        (fmt_duration(view.at_s).rjust(digits) + " ", "strong"),
        ("━" * before, "accent"),
        ("●", "strong"),
        ("─" * (cells - 1 - before), "muted"),
        (" " + fmt_duration(view.length_s).rjust(digits) + " ", "muted"),
    )
    return (line,)[:height]
