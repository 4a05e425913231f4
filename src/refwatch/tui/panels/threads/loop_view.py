"""View of a thread's event loop: how often it was blocked, and its time by coroutine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from refwatch.readings.threads.coroutine_times import coroutine_times
from refwatch.readings.threads.state import ThreadRecord
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_count, fmt_duration, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.views.chart import bar
from refwatch.tui.views.styled_text import Line, cut, cut_middle, pad, two_ends

MOST_COROUTINES = 5


@dataclass(frozen=True)
class CoroutineView:
    """``share`` of the thread's time under watch."""

    function: str
    place: str
    seconds: float
    share: float


@dataclass(frozen=True)
class LoopView:
    """Times in seconds. ``longest_at``: the line at which most of the longest was spent."""

    kind: str
    blocked_count: int
    blocked_s: float
    longest_s: float
    longest_at: str
    exact: bool
    coroutines: tuple[CoroutineView, ...]


def view_loop(process: ProcessState, thread: ThreadRecord) -> LoopView | None:
    """Read the loop of a thread; None where it runs none."""
    loop = process.event_loops.loops.get(thread.serial)
    if loop is None:
        return None
    longest = loop.longest
    lines = longest.lines if longest is not None else []
    at = process.lines.get(lines[0][0]) if lines else None
    total = thread.watched_s or 1.0
    times = ((node, seconds) for (node, _), seconds in thread.paths.items())
    spent = coroutine_times(process.tree, process.lines, times, loop.kind)
    return LoopView(
        loop.kind,
        loop.blocked_count,
        loop.blocked_s,
        loop.longest_s,
        f"{_place(at.file, at.number)} in {printable(at.function)}" if at is not None else "",
        loop.exact is not False,
        tuple(
            CoroutineView(
                printable(one.function), _place(one.file, one.line), one.seconds,
                one.seconds / total,
            )
            for one in spent[:MOST_COROUTINES]
        ),
    )  # fmt: skip


def _place(file: str, line: int) -> str:
    return f"{printable(os.path.basename(file))}:{line}"


def draw_loop(view: LoopView, width: int) -> tuple[Line, ...]:
    """How often it was blocked, the longest time, and its time by coroutine."""
    head: Line = ((f"↻ Event loop ({view.kind})", "title"),)
    if not view.blocked_count:
        lines = [two_ends(head, (("never blocked for 0.1 s", "success"),), width)]
    else:
        times = "once" if view.blocked_count == 1 else f"{fmt_count(view.blocked_count)} times"
        text = f"blocked {times}, {fmt_duration(view.blocked_s)}"
        lines = [two_ends(head, ((text, "warning"),), width)]
        label = f"  longest {fmt_duration(view.longest_s)}"
        at = cut(f" at {view.longest_at}" if view.longest_at else "", max(4, width - len(label)))
        lines.append(((label, "strong"), (at, "foreground")))
    if not view.exact:
        lines.append((("  its turns are not read: only waits are told", "muted"),))
    lines += [_coroutine_line(each, width) for each in view.coroutines]
    return tuple(lines)


def _coroutine_line(each: CoroutineView, width: int) -> Line:
    where = pad(cut_middle(each.place, 22), 22)
    return (
        (pad(fmt_percent(each.share), 6, right=True), "strong"),
        (" ", ""),
        (bar(each.share, 6), "accent"),
        (" ", ""),
        (where, "muted"),
        (" ", ""),
        (cut(f"{each.function}  {fmt_duration(each.seconds)}", max(4, width - 37)), "foreground"),
    )
