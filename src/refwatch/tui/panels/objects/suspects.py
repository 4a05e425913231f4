"""Lines above and below the Objects table: growing classes, running work, the panel's edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from refwatch.session.events import WorkProgressed
from refwatch.text.formats import (
    fmt_duration,
    fmt_moment,
    fmt_number,
    fmt_plural,
    fmt_rate,
    fmt_seconds,
    fmt_signed,
)
from refwatch.text.sanitize import printable
from refwatch.tui.panels.objects.table import SUSPECT, fmt_name
from refwatch.tui.panels.objects.view import ObjectsView, Suspect, cancelled
from refwatch.tui.views.baselines import clamp
from refwatch.tui.views.chains import chain_line
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    fit,
    pad,
    separated,
    width_of,
)
from refwatch.tui.views.work import draw_work, view_work

LINES = 2
"""Lines per suspect."""
PART = "held in scattered places; most likely part of what grows above"
FAILURE_S = 15.0
"""Seconds that a failure is shown."""


def draw_suspects(view: ObjectsView, width: int, limit: int, *, may_ask: bool) -> tuple[Line, ...]:
    """Two lines per suspect: its numbers, and what keeps it alive. ``may_ask``: a search can be
    started."""
    shown = view.suspects[:limit]
    numbers = [_numbers(each) for each in shown]
    columns = [column for column in zip(*numbers, strict=True) if any(column)]
    numbers = list(zip(*columns, strict=True))
    sizes = [max(map(len, column)) for column in columns]
    while len(sizes) > 1 and sum(sizes) + 2 * len(sizes) > width - 24:
        sizes.pop()
    room = width - len(SUSPECT) - sum(sizes) - 2 * len(sizes)
    names = [fmt_name(*each.judged.name, room) for each in shown]
    name_width = max((width_of(name) for name in names), default=0)
    lines: list[Line] = []
    for each, name, texts in zip(shown, names, numbers, strict=True):
        styled: list[StyledText] = [
            (SUSPECT, "warn"),
            *name,
            (" " * (name_width - width_of(name)), ""),
        ]
        for place, size in enumerate(sizes):
            styled += [("  ", ""), (pad(texts[place], size, right=place < 2), _STYLES[place])]
        lines += [tuple(styled), _held_by(each, width, may_ask=may_ask)]
    return tuple(lines)


_STYLES = ("warn", "foreground", "muted", "muted", "muted")


def _numbers(each: Suspect) -> tuple[str, ...]:
    """Most important first; the last ones give way."""
    judged = each.judged
    return (
        fmt_signed(judged.per_second, fmt_rate),
        f"{fmt_number(each.instances)} now",
        each.where,
        f"since {fmt_moment(judged.since_s)}",
        f"steady {judged.r2:.2f}",
    )


def _held_by(each: Suspect, width: int, *, may_ask: bool) -> Line:
    indent = " " * len(SUSPECT)
    if each.chain is None:
        key: Line = (("; ", "muted"), ("enter", "key"), (" looks", "muted")) if may_ask else ()
        return fit(((indent, ""), (each.no_chain, "muted"), *key), width)
    if each.part:
        return fit(((indent, ""), (PART, "muted")), width)
    if not each.chain:
        return fit(((indent, ""), (each.no_chain, "muted")), width)
    return ((indent, ""), *chain_line(each.chain, width - len(indent)))


def draw_calm(view: ObjectsView, width: int) -> Line:
    """One line for when nothing is suspect: why, and on what evidence."""
    mark, text = _calm(view)
    style = {"✓": "good", "!": "warn"}.get(mark, "accent")
    return fit(((f"{mark} ", style), (text, "foreground" if mark == "!" else "muted")), width)


def _calm(view: ObjectsView) -> tuple[str, str]:
    census, judged = view.census, view.judged
    failed = f"no heap count: {printable(census.failure)}" if census.failure is not None else ""
    why_not = printable(judged.because(over=view.over))
    if not judged.by:
        counting = census.counting and not census.taken
        running = "the first heap count (census) is running …" if counting else why_not
        return ("!", failed) if failed else ("·" if view.over else "◌", running)
    rests = f"{fmt_plural(census.taken, 'census', 'censuses')} over {fmt_duration(census.span_s)}"
    kept = "kept" if view.over else "keeps"
    if "census" in judged.by:
        calm = f"nothing {kept} growing ({rests})" + (f"; now {failed}" if failed else "")
    else:
        calm = f"no class that is counted live {kept} growing"
    if why_not:
        calm += f"; {why_not}"
    if not view.slower:
        return "◌" if why_not else "✓", calm
    (name, per_second), *more = view.slower
    others = f" and {len(more)} more" if more else ""
    grows = f"{name} +{fmt_rate(per_second)}{others}"
    return "◌", f"ever slower, like a cache that fills: {grows}; else {calm}"


def draw_edge(view: ObjectsView, baseline: int, width: int) -> Line:
    """What the table has, how old it is, and the baseline of growth."""
    live = sum(row.live for row in view.rows)
    since = view.baselines[clamp(baseline, view.baselines)]
    classes = fmt_plural(live, "class", "classes")
    types = fmt_plural(len(view.rows) - live, "type")
    counted = f"no live counts: {view.not_live}" if view.not_live and not live else ""
    full = [counted or f"{classes} live", f"{types} by census", f"growth since {since}"]
    short = [counted or f"{live:,} live", types, f"since {since.name}"]
    least = ["no live counts" if counted else short[0], *short[1:]]
    long, brief = _census_age(view), _census_age(view).partition(",")[0]
    for texts, age in ((full, long), (short, long), (short, brief), (least, brief)):
        line = _dotted([*texts[:2], age, texts[2]])
        if width_of(line) <= width:
            return line
    return fit(line, width)


def _census_age(view: ObjectsView) -> str:
    census = view.census
    if census.counting:
        return f"◌ census running, paused {fmt_duration(census.pause_s)}"
    if not census.taken:
        return "no census yet" if not view.over else "no census"
    age = fmt_seconds(view.end_s - census.taken_s)
    return f"census {age} ago, paused {fmt_duration(census.pause_s)}"


def _dotted(texts: Sequence[str]) -> Line:
    parts = (((text, "accent" if text.startswith("◌") else "muted"),) for text in texts)
    return separated(parts, (" · ", "fill-sleep"))


def draw_work_line(view: ObjectsView, width: int) -> Line:
    """The newest work that is running or has just failed; else empty."""
    name = running(view) or _failed(view)
    work = view_work(view.work.get(name), view.end_s)
    if work is None:
        return ()
    hint: Line = () if work.done else (("  x", "key"), (" cancels", "muted"))
    return (*draw_work(work, max(10, width - width_of(hint))), *hint)


def running(view: ObjectsView) -> str:
    """Name of the newest running search or graph; empty if there is none."""
    return "" if view.over else _newest(view, lambda work: not work.done)


def _failed(view: ObjectsView) -> str:
    return _newest(view, lambda work: _has_just_failed(work, view.end_s))


def _has_just_failed(work: WorkProgressed, now: float) -> bool:
    failure = work.failure
    return failure is not None and not cancelled(failure) and now - work.at < FAILURE_S


def _newest(view: ObjectsView, wanted: Callable[[WorkProgressed], bool]) -> str:
    names = [
        name
        for name, work in view.work.items()
        if name.startswith(("chains ", "graph ")) and wanted(work)
    ]
    return names[-1] if names else ""
