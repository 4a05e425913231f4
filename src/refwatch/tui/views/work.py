"""How far a piece of long work has come, on one line."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.model.events import WorkProgressed
from refwatch.tui.views.chart import line_bar
from refwatch.tui.views.formats import fmt_percent
from refwatch.tui.views.spans import Line, cut, fit, safe

BAR = 20


@dataclass(frozen=True)
class WorkView:
    """``share`` is 0 to 1, None when nobody knows; ``failure`` says what went wrong."""

    text: str
    share: float | None
    done: bool
    failure: str | None


def view_work(work: WorkProgressed | None) -> WorkView | None:
    """Read one piece of work; None where nothing has been heard of it."""
    if work is None:
        return None
    failure = None if work.failure is None else safe(work.failure)
    return WorkView(safe(work.text), work.share, work.done, failure)


def draw_work(work: WorkView, width: int) -> Line:
    """What is being done, its bar and per cent; or that it went wrong, and why."""
    if work.failure is not None:
        return fit((("✕ ", "bad"), (work.failure, "foreground")), width)
    if work.done or work.share is None:
        mark = ("✓ ", "good") if work.done else ("◌ ", "accent")
        return fit((mark, (work.text, "foreground")), width)
    text = cut(work.text, max(8, width - BAR - 10))
    bar = line_bar(work.share, BAR, "accent")
    return fit(
        (
            ("◌ ", "accent"),
            (text, "foreground"),
            ("  ", ""),
            *bar,
            (f" {fmt_percent(work.share)}", "strong"),
        ),
        width,
    )
