"""What the Refcounts panel says below its table: one object in full, and how to read the rest."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.text.formats import fmt_count, fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.panels.refcounts.view import RefcountsView, Watched, counts_over_time, rises
from refwatch.tui.views.baselines import within
from refwatch.tui.views.chart import chart
from refwatch.tui.views.spans import Line, Span, fit, width_of, wrap

SOURCES = {
    "main": "bound in __main__",
    "option": "named by --watch",
    "script": "named by refwatch.watch()",
    "viewer": "named in a viewer",
}
GAP = "  "


@dataclass(frozen=True)
class Chosen:
    """The object under the cursor, with what it is compared with."""

    view: RefcountsView
    one: Watched
    baseline: int


def draw_edge(view: RefcountsView, baseline: int, width: int) -> Line:
    """The baseline, the offset between the raw readings, and what ``held`` means."""
    parts: list[Line] = []
    if view.baselines:
        chosen = view.baselines[within(baseline, view.baselines)]
        parts.append((("since ", "muted"), (str(chosen), "primary-bold")))
    if view.reason:
        parts.append((("! ", "warn"), (view.reason, "foreground")))
    if view.offset is not None:
        more = f"{abs(view.offset)} {'more' if view.offset > 0 else 'less'}"
        text = f"getrefcount reads {more if view.offset else 'the same'} here"
        parts.append(((text, "foreground"),))
    if any(one.held for one in view.objects):
        short: Line = (("held", "accent"), (": refwatch holds one", "muted"))
        long: Line = (*short, (", for no weak reference is possible", "muted"))
        parts.append(long if width_of(_joined([*parts, long])) <= width else short)
    return fit(_joined(parts), width)


def _joined(parts: list[Line]) -> Line:
    spans: list[Span] = []
    for part in parts:
        if spans:
            spans.append((GAP, ""))
        spans += part
    return tuple(spans)


def draw_facts(chosen: Chosen, width: int) -> tuple[Line, ...]:
    """One object: what it is and how it is watched; its raw readings, who asked for it, where it
    is. On one line if that has room for both."""
    one = chosen.one
    what: list[Line] = [
        ((printable(one.name), "strong"), ("  ", ""), (printable(one.type), "foreground"))
    ]
    if one.died_s is not None:
        what.append(((f"died at {fmt_duration(one.died_s)}", "foreground"),))
    elif one.immortal:
        what.append((("immortal: what is read is no count, and it never dies", "foreground"),))
    elif one.held:
        what.append((("held: one raw reference is refwatch's own", "accent"),))
    else:
        what.append((("weak reference", "muted"),))
    more: list[Line] = []
    if one.ctypes is not None and one.getrefcount is not None:
        more.append(((f"raw: ctypes {one.ctypes}, getrefcount {one.getrefcount}", "foreground"),))
    more.append(((SOURCES.get(one.source, printable(one.source)), "muted"),))
    more.append(((printable(one.address), "muted"),))
    both = _joined([*what, *more])
    if width_of(both) <= width:
        return (both,)
    return fit(_joined(what), width), fit(_joined(more), width)


def draw_history(chosen: Chosen, width: int, height: int) -> tuple[Line, ...]:
    """The facts, and below them the count from the baseline on."""
    view, one = chosen.view, chosen.one
    lines: list[Line] = [*draw_facts(chosen, width)]
    points = _points(view, one, chosen.baseline)
    room = height - len(lines)
    if points and room > 3:
        values = counts_over_time(view, one, chosen.baseline, width)
        grows = rises(view.growth(one, chosen.baseline), values)
        top = round_up(max(count for _, count in points))
        style = "warning" if grows else "primary"
        lines += chart(points, width, room, style, top, fmt_count, fmt_duration, whole=True)
    return tuple(lines[:height])


def round_up(count: float) -> float:
    """The top of an axis for counts: two digits, even, a little above the count."""
    step = max(2.0, 10.0 ** (len(str(int(count))) - 2) * 2)
    return (count * 1.02 // step + 1) * step


def _points(view: RefcountsView, one: Watched, baseline: int) -> list[tuple[float, float]]:
    """(time, count) from the baseline to now, or to its death."""
    if one.immortal:
        return []
    since = view.since(baseline)
    until = view.now_s if one.died_s is None else one.died_s
    before = one.steps.at(since)
    points = [(since, float(before))] if before is not None else []
    points += [(at, float(count)) for at, count in one.steps if since < at <= until]
    if points and until > points[-1][0]:
        points.append((until, points[-1][1]))
    return points


EMPTY = (
    "Names bound in __main__ are watched by themselves, as soon as they hold an object.",
    "+ watches another one now: pkg.mod.name.attr",
    "--watch pkg.mod.name on the command line does so from the start.",
    'refwatch.watch(obj, "name") in the program watches any object.',
    "w in the Objects panel, or on whoever refers to an object, watches that one.",
)


def draw_empty(reason: str, width: int) -> tuple[Line, ...]:
    """What to do where nothing is watched; first why that is, where it is known."""
    lines: list[Line] = [(("Nothing is watched yet.", "strong"),), ()]
    if reason:
        lines = [(("! ", "warn"), (line, "foreground")) for line in wrap(reason, width - 2, 2)]
        lines.append(())
    lines += [((line, "muted"),) for text in EMPTY for line in wrap(text, width, 3)]
    return tuple(lines)
