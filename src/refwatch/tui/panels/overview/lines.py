"""Drawing of the Overview's parts, for any width and height."""

from __future__ import annotations

from refwatch.findings.types import Verdict, VerdictKind
from refwatch.readings.threads.states import ThreadState
from refwatch.text.formats import fmt_bytes, fmt_clock, fmt_duration, fmt_percent, fmt_rate
from refwatch.text.sanitize import printable
from refwatch.tui.panels.overview.view import EventView, Gauge, HeapView, OverviewView, Trend
from refwatch.tui.views.chains import chain_line
from refwatch.tui.views.chart import chart, line_bar, nice_top, sparkline, stacked
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    cut,
    cut_middle,
    fit,
    pad,
    width_of,
    wrap,
)
from refwatch.tui.views.thread_groups import fmt_alive, fmt_times
from refwatch.tui.views.threads import ThreadView, fill, fmt_state

VERDICT_STYLES: dict[VerdictKind, str] = {
    "gil_bound": "gil_wait",
    "lock_bound": "lock_wait",
    "io_bound": "io_wait",
    "native_parallel": "native",
    "process_parallel": "native",
    "single_thread_cpu": "gil_held",
    "idle": "muted",
    "undecided": "muted",
}
HISTORY_S = 30.0
"""Longest history of a gauge, seconds."""


def draw_first(view: tuple[str, Verdict], width: int, height: int) -> tuple[Line, ...]:
    """The worst trouble, if any, and the verdict."""
    trouble, verdict = view
    first = wrap(printable(trouble), max(10, width - 4), 1) if trouble else []
    lines: list[Line] = [(("▌ ", "warning"), (text, "warn")) for text in first]
    return (*lines, *draw_verdict(verdict, width, height - len(lines)))[:height]


def draw_verdict(view: Verdict, width: int, height: int) -> tuple[Line, ...]:
    """The sentence in bold and its advice, with a bar in the verdict's colour."""
    style = "error" if view.evidence.get("deadlocked") else VERDICT_STYLES[view.kind]
    sentence = printable(view.sentence)
    advice = printable(view.advice)
    room = max(10, width - 4)
    head = wrap(sentence, room, max(1, height - 1) if advice else height)
    tail = wrap(advice, room, max(0, height - len(head)))
    edge: StyledText = ("▌ ", style)
    lines: list[Line] = [(edge, (text, "strong")) for text in head]
    lines += [(edge, (text, "foreground")) for text in tail]
    return tuple(lines[:height])


def draw_heap(view: HeapView, width: int, height: int) -> tuple[Line, ...]:
    """Number of objects and growing classes, and what holds the first of them; the largest object
    if nothing grows."""
    edge: StyledText = ("▌ ", "warning" if view.growing else "muted")
    line: list[StyledText] = [edge, (f"Heap: {view.objects:,} objects", "foreground")]
    if view.garbage:
        line.append((f", {view.garbage:,} garbage", "warn"))
    for index, (name, per_second) in enumerate(view.growing):
        more: list[StyledText] = [
            ("; growing: " if index == 0 else ", ", "foreground"),
            (name, "strong"),
            (f" +{fmt_rate(per_second)}", "warn"),
        ]
        if index and width_of((*line, *more)) > width:
            break
        line += more
    if not view.growing:
        if view.why_not:
            line.append((f"; {view.why_not}", "muted"))
        large: Line = (edge, (f"largest: {view.large}", "warn"))
        lines = (fit(tuple(line), width), *((fit(large, width),) if view.large else ()))
        return lines[:height]
    held: Line = chain_line(view.chain, width - 7) if view.chain else ((view.no_chain, "muted"),)
    head: Line = (edge, ("held ", "foreground")) if view.chain else (edge,)
    return (fit(tuple(line), width), fit((*head, *held), width))[:height]


def draw_gauge(gauge: Gauge, width: int, height: int) -> tuple[Line, ...]:
    """The number, its bar, and its history below."""
    value: list[StyledText] = [(gauge.value, f"{gauge.style}-bold"), (f" {gauge.unit}", "muted")]
    room = width - width_of(value) - 1
    if gauge.fraction is not None and room >= 6:
        value += [(" ", ""), *line_bar(gauge.fraction, room, gauge.style)]
    if height < 2 or not gauge.points:
        return (fit(tuple(value), width),)
    seconds = gauge.points[-1][0] - gauge.points[0][0]
    window = min(HISTORY_S, max(seconds, 5.0))
    rows = sparkline(gauge.points, width, height - 1, gauge.top, window)
    area = fill(ThreadState.GIL_WAIT) if gauge.style == ThreadState.GIL_WAIT else gauge.style
    return (fit(tuple(value), width), *(((text, area),) for text in rows))


_NO_READING: tuple[Line, ...] = ((("no reading yet", "muted"),),)


def draw_memory(trend: Trend, width: int, height: int) -> tuple[Line, ...]:
    """Resident memory over the session."""
    if not trend.points:
        return _NO_READING
    top = nice_top(max((value for _, value in trend.points), default=1.0) * 1.05, 2.0)
    return chart(trend.points, width, height, "primary", top, fmt_bytes, fmt_duration)


def draw_cpu(trend: Trend, width: int, height: int) -> tuple[Line, ...]:
    """CPUs in use over the session."""
    if not trend.points:
        return _NO_READING
    top = nice_top(max((value for _, value in trend.points), default=1.0) * 1.02)
    digits = 2 if top <= 0.2 else 1
    return chart(
        trend.points,
        width,
        height,
        "gil_held",
        top,
        lambda cpus: f"{cpus:.{digits}f}",
        fmt_duration,
    )


def draw_busiest(view: OverviewView, width: int, height: int) -> tuple[Line, ...]:
    """One thread per line: name, state, shares, CPU, top line."""
    names = [f"{each.name} {fmt_times(each)}" if each.count else each.name for each in view.threads]
    longest = max((width_of(((name, ""),)) for name in names), default=0)
    part = 3 if any(each.count for each in view.threads) else 4
    name = max(10, min(longest, 20, width // part))
    spare = width - name - 11 - 6 - 2
    line_room = min(24, spare - 15) if spare >= 15 + 14 else 0
    bar_room = spare - (line_room + 1 if line_room else 0)
    return tuple(
        _busy_line(thread, name, bar_room, line_room) for thread in view.threads[:height]
    ) or ((("no thread yet", "muted"),),)


def _busy_line(thread: ThreadView, name: int, bar_room: int, line_room: int) -> Line:
    parts = zip((fill(state) for state in ThreadState), thread.shares, strict=True)
    state = fmt_state(thread.state, thread.alive, deadlocked=thread.deadlocked)
    ((state_text, state_style),) = state
    called: Line = ((pad(thread.name, name), "strong"),)
    if thread.count:
        times = f" {fmt_times(thread)}"
        short = cut(thread.name, max(6, name - len(times)))
        called = ((short, "strong"), (pad(times, name - width_of(((short, ""),))), "muted"))
        state_text, state_style = fmt_alive(thread), "foreground"
    line: list[StyledText] = [
        *called,
        (" ", ""),
        (pad(state_text, 11), state_style),
        (" ", ""),
        *stacked(parts, max(4, bar_room)),
        (pad(fmt_percent(thread.cpu), 6, right=True), ""),
    ]
    if line_room:
        line += [(" ", ""), (cut_middle(thread.place, line_room), "muted")]
    return tuple(line)


_LEVELS = {"warning": ("! ", "warn"), "error": ("✕ ", "bad")}


def draw_events(view: OverviewView, width: int, height: int) -> tuple[Line, ...]:
    """Missing readings, then the newest events."""
    lines: list[Line] = []
    for reading, reason in view.limits[: max(1, height // 3)]:
        lines += _hang((("not read ", "warn"),), f"{reading}: {reason}", "foreground", width)
    said = {f"{reading}: {reason}" for reading, reason in view.limits}
    for event in view.events:
        if len(lines) >= height:
            break
        if event.text not in said:
            lines += _event_lines(event, width)
    return tuple(lines[:height])


def _event_lines(event: EventView, width: int) -> list[Line]:
    mark, style = _LEVELS.get(event.level, ("", "foreground"))
    head: Line = ((fmt_clock(event.at), "muted"), (" ", ""))
    return _hang((*head, (mark, style)) if mark else head, event.text, style, width)


def _hang(head: Line, text: str, style: str, width: int) -> list[Line]:
    """The text after a head, hanging indent."""
    indent = width_of(head)
    pieces = wrap(text, max(8, width - indent), 3)
    lines: list[Line] = [
        (*head, (piece, style)) if y == 0 else ((" " * indent, ""), (piece, style))
        for y, piece in enumerate(pieces)
    ]
    return lines or [head]


def draw_text(text: str, width: int, height: int) -> tuple[Line, ...]:
    """A reason, muted."""
    return tuple(((line, "muted"),) for line in wrap(text, width, height))
