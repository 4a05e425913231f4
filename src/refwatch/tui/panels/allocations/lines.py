"""Lines around the Allocations panel's table: mode and quality of the figures, range, empty
state."""

from __future__ import annotations

from refwatch.readings.allocations.state import By
from refwatch.text.formats import (
    fmt_bytes,
    fmt_count,
    fmt_duration,
    fmt_percent,
    fmt_plural,
    fmt_seconds,
)
from refwatch.tui.panels.allocations.table import HIDINGS, Arranged, TableOptions
from refwatch.tui.panels.allocations.view import AllocationsView, Between
from refwatch.tui.views.styled_text import Line, StyledText, fit, two_ends, width_of, wrap
from refwatch.wire.commands import Mode

WORDS: dict[Mode, str] = {"exact": "exact", "burst": "sampled", "off": "off"}
GLYPHS: dict[Mode, str] = {"exact": "●", "burst": "◐", "off": "○"}
GAP = "  "
COSTS: dict[Mode, str] = {
    "exact": "every block is seen from now on (tracemalloc); until it is switched off, the program "
    "allocates more slowly and needs more memory",
    "burst": "some blocks are sampled in short windows; the program pays a small share of its time",
    "off": "nothing is traced, at no cost",
}
"""What a mode sees, and what it costs."""


def draw_how(figures: Between, width: int) -> Line:
    """The mode, what its figures are, and how exact."""
    view = figures.view
    styled: list[StyledText] = [(f"{GLYPHS[view.mode]} {WORDS[view.mode]}", "title"), (GAP, "")]
    if view.mode == "off" and not view.reason:
        styled.append(("nothing is traced now; from before: ", "foreground"))
    if view.failure:
        styled += [("! ", "warn"), (f"not counted: {view.failure}", "foreground"), (GAP, "")]
    facts = () if view.reason else _facts(figures)
    room = width - width_of(styled)
    while len(facts) > 1 and len(", ".join(facts)) > room:
        facts = facts[:-1]
    styled.append((", ".join(facts), "foreground"))
    if view.note and not view.reason:
        styled += [(GAP, ""), (view.note, "muted")]
    return fit(tuple(styled), width)


def _facts(figures: Between) -> tuple[str, ...]:
    """The most important facts first."""
    view = figures.view
    if view.shown == "exact":
        traces = figures.until.traces
        begun = view.switched_s or 0.0
        deep = f"{fmt_plural(traces.frames, 'frame')} deep"
        seen = f"{fmt_bytes(traces.traced)} in {fmt_count(traces.blocks)} blocks"
        counted = f"counted {fmt_seconds(view.now.at - traces.taken_s)} ago"
        return (
            seen,
            f"all that was allocated since {fmt_duration(begun)}" if begun else "all blocks",
            deep,
            counted,
            f"pause {fmt_duration(traces.pause_s)}",
            f"peak {fmt_bytes(traces.peak)}",
        )
    windows = figures.windows
    return (
        "estimates ± standard error",
        fmt_plural(windows.count, "window"),
        f"{fmt_percent(windows.coverage)} of the time observed",
        f"{fmt_bytes(figures.total)}/s",
        f"{fmt_count(windows.samples)} blocks sampled",
        f"cost {fmt_percent(view.tracing)} of the program's time",
    )


def draw_range(figures: Between, options: TableOptions, arranged: Arranged, width: int) -> Line:
    """The marks compared, and what is hidden."""
    styled: list[StyledText] = [
        ("from ", "muted"),
        (str(figures.since.baseline), "primary-bold"),
        (" until ", "muted"),
        (str(figures.until.baseline) if options.until is not None else "now", "primary-bold"),
    ]
    if figures.view.shown == "exact" and figures.since.awaited:
        styled += [(GAP, ""), ("◌ ", "accent"), ("the mark is being counted", "muted")]
    if options.hidden:
        what = "standard library" if options.hidden == HIDINGS[1] else "libraries"
        unit = "" if figures.view.shown == "exact" else "/s"
        size = f"{fmt_bytes(arranged.hidden_size)}{unit}"
        text = f"{what} hidden: {arranged.hidden:,} of {arranged.groups:,}, {size}"
        styled += [(GAP, ""), (text, "accent")]
    keys: Line = (("b", "key"), (" from  ", "muted"), ("B", "key"), (" until", "muted"))
    if len(figures.view.marks) > 1 and width_of(styled) + width_of(keys) + 2 <= width:
        return two_ends(tuple(styled), keys, width)
    return fit(tuple(styled), width)


def fmt_totals(options: TableOptions, shown: int, arranged: Arranged) -> str:
    """``12 lines``, ``3 of 12 lines``."""
    what = {By.LINE: "line", By.FILE: "file", By.TRACEBACK: "traceback"}[options.by]
    of = fmt_plural(arranged.groups, what)
    return of if shown == arranged.groups else f"{shown:,} of {of}"


def draw_empty(view: AllocationsView, width: int, height: int) -> tuple[Line, ...]:
    """Why there is nothing to see, and what can be done about it."""
    lines: list[Line] = [((text, "strong"),) for text in wrap(view.reason, width, 3)]
    if not view.over:
        lines.append(())
        for mode in ("burst", "exact", "off"):
            head = f"{GLYPHS[mode]} {WORDS[mode]}".ljust(11)
            style = "title" if mode == view.mode else "muted"
            for index, text in enumerate(wrap(COSTS[mode], max(8, width - 11), 3)):
                lines.append(((head if index == 0 else " " * 11, style), (text, "muted")))
        lines += [(), (("t", "key"), (" switches to the next one", "muted"))]
    return tuple(lines[:height])
