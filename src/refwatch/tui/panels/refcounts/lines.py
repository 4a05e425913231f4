"""Lines below the Refcounts table: one object in full, and how to read the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.readings.objects.records import WatchedRecord
from refwatch.text.formats import fmt_count, fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.panels.refcounts.view import RefcountsView, counts_over_time, rises
from refwatch.tui.views.baselines import clamp
from refwatch.tui.views.chart import chart, step_points
from refwatch.tui.views.styled_text import Line, fit, separated, width_of, wrap

SOURCES = {
    "main": "bound in __main__",
    "option": "named by --watch",
    "script": "named by refwatch.watch()",
    "viewer": "named in a viewer",
}


@dataclass(frozen=True)
class Chosen:
    """The object under the cursor, and the baseline."""

    view: RefcountsView
    record: WatchedRecord
    baseline: int


def draw_edge(view: RefcountsView, baseline: int, width: int) -> Line:
    """The baseline, the offset between the raw readings, and what ``held`` means."""
    parts: list[Line] = []
    if view.baselines:
        chosen = view.baselines[clamp(baseline, view.baselines)]
        parts.append((("since ", "muted"), (str(chosen), "primary-bold")))
    if view.reason:
        parts.append((("! ", "warn"), (view.reason, "foreground")))
    if view.offset is not None:
        more = f"{abs(view.offset)} {'more' if view.offset > 0 else 'less'}"
        text = f"getrefcount reads {more if view.offset else 'the same'} here"
        parts.append(((text, "foreground"),))
    if any(record.found.held for record in view.objects):
        short: Line = (("held", "accent"), (": refwatch holds it", "muted"))
        long: Line = (*short, (", as no weak reference is possible", "muted"))
        parts.append(long if width_of(separated([*parts, long])) <= width else short)
    return fit(separated(parts), width)


def draw_facts(chosen: Chosen, width: int) -> tuple[Line, ...]:
    """One object: type, kind of watch, raw readings, who asked for it, address. On one line if it
    fits."""
    record = chosen.record
    what: list[Line] = [
        (
            (printable(record.found.name), "strong"),
            ("  ", ""),
            (printable(record.found.type), "foreground"),
        )
    ]
    if record.ended_s is not None:
        what.append(((f"died at {fmt_duration(record.ended_s)}", "foreground"),))
    elif record.found.immortal:
        what.append((("immortal: never freed, and what is read is no count", "foreground"),))
    elif record.found.held:
        what.append((("held: one raw reference is refwatch's own", "accent"),))
    else:
        what.append((("weak reference", "muted"),))
    more: list[Line] = []
    if record.ctypes is not None and record.getrefcount is not None:
        more.append(
            ((f"raw: ctypes {record.ctypes}, getrefcount {record.getrefcount}", "foreground"),)
        )
    more.append(((SOURCES.get(record.found.source, printable(record.found.source)), "muted"),))
    more.append(((printable(record.found.address), "muted"),))
    both = separated([*what, *more])
    if width_of(both) <= width:
        return (both,)
    return fit(separated(what), width), fit(separated(more), width)


def draw_history(chosen: Chosen, width: int, height: int) -> tuple[Line, ...]:
    """The facts, and below them the count since the baseline."""
    view, record = chosen.view, chosen.record
    lines: list[Line] = [*draw_facts(chosen, width)]
    points = _points(view, record, chosen.baseline)
    room = height - len(lines)
    if points and room > 3:
        values = counts_over_time(view, record, chosen.baseline, width)
        grows = rises(view.growth(record, chosen.baseline), values)
        top = round_up(max(count for _, count in points))
        style = "warning" if grows else "primary"
        lines += chart(points, width, room, style, top, fmt_count, fmt_duration, whole=True)
    return tuple(lines[:height])


def round_up(count: float) -> float:
    """Round top of an axis for counts."""
    step = max(2.0, 10.0 ** (len(str(int(count))) - 2) * 2)
    return (count * 1.02 // step + 1) * step


def _points(view: RefcountsView, record: WatchedRecord, baseline: int) -> list[tuple[float, float]]:
    """(time, count) since the baseline, until its death."""
    until = view.now_s if record.ended_s is None else record.ended_s
    return [] if record.found.immortal else step_points(record.series, view.since(baseline), until)


EMPTY = (
    "Names bound in __main__ are watched automatically once they hold an object.",
    "+ watches another object: pkg.mod.name.attr",
    "--watch pkg.mod.name on the command line does so from the start.",
    'refwatch.watch(obj, "name") in the program watches any object.',
    "w in the Objects panel, or on a referrer of an object, watches that one.",
)


def draw_empty(reason: str, width: int) -> tuple[Line, ...]:
    """What to do when nothing is watched, after the reason if known."""
    lines: list[Line] = [(("Nothing is watched yet.", "strong"),), ()]
    if reason:
        lines = [(("! ", "warn"), (line, "foreground")) for line in wrap(reason, width - 2, 2)]
        lines.append(())
    lines += [((line, "muted"),) for text in EMPTY for line in wrap(text, width, 3)]
    return tuple(lines)
