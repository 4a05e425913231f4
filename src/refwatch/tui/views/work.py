"""Progress of long-running work, on one line."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.session.events import WorkProgressed
from refwatch.text.formats import fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.views.chart import line_bar
from refwatch.tui.views.styled_text import Line, cut, fit

BAR = 20


@dataclass(frozen=True)
class WorkView:
    """``share`` done, None if unknown; ``lasts_s``: seconds at this step."""

    text: str
    share: float | None
    done: bool
    failure: str | None
    lasts_s: float = 0.0


def view_work(work: WorkProgressed | None, now: float) -> WorkView | None:
    """Read one piece of work; None if nothing was heard of it."""
    if work is None:
        return None
    failure = None if work.failure is None else printable(work.failure)
    lasts_s = float(int(max(0.0, now - work.at)))  # whole seconds: a view changes no more often
    return WorkView(printable(work.text), work.share, work.done, failure, lasts_s)


def draw_work(work: WorkView, width: int) -> Line:
    """What is being done and how far, or how it failed."""
    if work.failure is not None:
        return fit((("✕ ", "bad"), (work.failure, "foreground")), width)
    if work.done:
        return fit((("✓ ", "good"), (work.text, "foreground")), width)
    if work.share is None:
        lasts = f"  {work.lasts_s:.0f} s" if work.lasts_s else ""
        text = cut(work.text, max(8, width - 2 - len(lasts)))
        return fit((("◌ ", "accent"), (text, "foreground"), (lasts, "muted")), width)
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
