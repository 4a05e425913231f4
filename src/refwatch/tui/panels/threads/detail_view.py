"""View of one thread: states, stack with source, and hot lines by state."""

from __future__ import annotations

import heapq
import os
from dataclasses import dataclass, field

from refwatch.readings.threads.events import END
from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_count, fmt_duration, fmt_percent, fmt_plural
from refwatch.text.sanitize import printable
from refwatch.tui.panels.threads.loop_view import LoopView, draw_loop, view_loop
from refwatch.tui.source import Source
from refwatch.tui.subject import Subject
from refwatch.tui.views.chart import bar
from refwatch.tui.views.interpreters import interpreter_of
from refwatch.tui.views.lock_waits import Told, view_lock_wait
from refwatch.tui.views.pointed import Pointed, at, placed
from refwatch.tui.views.styled_text import Line, cut, cut_middle, pad, two_ends, wrap
from refwatch.tui.views.threads import GLYPHS, WORDS, fmt_state, newest_sample, thread_name
from refwatch.tui.views.timeline import Runs

HOT_LINES = 8
"""Per state."""


@dataclass(frozen=True)
class Frame:
    """``text``: the source line, empty if unreadable."""

    file: str
    number: int
    function: str
    text: str
    pointed: Pointed | None = None
    """Where it can be read."""


@dataclass(frozen=True)
class Hot:
    """``share`` of the thread's time in that state."""

    frame: Frame
    seconds: float
    share: float


@dataclass(frozen=True, kw_only=True)
class DetailView:
    """Times in seconds; ``states`` and ``hot`` by descending time."""

    serial: int
    name: str
    alive: bool
    state: ThreadState | None
    facts: tuple[tuple[str, str], ...]
    states: tuple[tuple[ThreadState, float, float], ...]
    """(state, seconds, share)"""
    stack: tuple[Frame, ...]
    left_out: int
    """Frames that would come after the first END of them."""
    hot: tuple[tuple[ThreadState, float, tuple[Hot, ...]], ...]
    """(state, seconds in it, its lines)"""
    deadlocked: bool
    locks: Told
    """What it waits for, who has it, and who waits for it."""
    strip: Runs = field(compare=False)
    end_s: float
    """Time of the newest sample."""
    loop: LoopView | None = None
    """Its event loop, if it runs one."""


def view_detail(subject: Subject, serial: int, source: Source) -> DetailView | None:
    """Read one thread; None if it is gone."""
    process = subject.process
    thread = process.threads.get(serial) if process is not None else None
    if process is None or thread is None:
        return None
    return view_record(process, thread, subject.now, source)


def view_record(
    process: ProcessState, thread: ThreadRecord, now: float, source: Source
) -> DetailView:
    """Read one thread, or what has its form."""
    total = thread.watched_s or 1.0
    ranked = sorted(thread.states.items(), key=lambda item: -item[1])
    waits = thread.alive or process.exited is not None
    return DetailView(
        serial=thread.serial,
        name=thread_name(thread),
        alive=thread.alive,
        state=thread.state,
        facts=_facts(thread, interpreter_of(process, thread.serial)),
        states=tuple((each, seconds, seconds / total) for each, seconds in ranked),
        stack=tuple(_frame(process, number, source) for number in thread.stack),
        left_out=thread.left_out,
        hot=tuple(
            (each, seconds, _hot(process, thread, each, seconds, source))
            for each, seconds in ranked
            if seconds / total >= 0.005
        ),
        deadlocked=process.locks.in_deadlock(thread.serial),
        locks=view_lock_wait(process, thread.serial, now) if waits else (),
        strip=thread.strip,
        end_s=newest_sample(process, now),
        loop=view_loop(process, thread),
    )


def _facts(thread: ThreadRecord, interpreter: str) -> tuple[tuple[str, str], ...]:
    ended = "" if thread.ended_s is None else f" to {fmt_duration(thread.ended_s)}"
    daemon = {True: "yes", False: "no", None: "-"}[thread.daemon]
    ident = "-" if thread.ident is None else f"{thread.ident:#x}"
    counters = thread.counters
    own, forced = counters.voluntary_switches, counters.involuntary_switches
    where = (("interpreter", interpreter),) if interpreter else ()
    return (
        *where,
        ("CPU", f"{fmt_duration(counters.cpu_s)}, now {fmt_percent(thread.cpu_now)}"),
        ("waited for a CPU", fmt_duration(counters.cpu_wait_s)),
        ("switches", f"{fmt_count(own)} own, {fmt_count(forced)} forced"),
        (
            "page faults",
            f"{fmt_count(counters.minor_faults)} minor, {fmt_count(counters.major_faults)} major",
        ),
        ("watched", f"from {fmt_duration(thread.started_s)}{ended}"),
        ("samples", fmt_count(thread.samples)),
        ("tid", str(thread.tid)),
        ("ident", ident),
        ("daemon", daemon),
    )


def _frame(process: ProcessState, number: int, source: Source) -> Frame:
    line = process.lines.get(number)
    if line is None:
        return Frame("?", 0, "?", "")
    path = line.file
    if not path.startswith("<"):
        path = os.path.join(process.started.cwd, path)
    return Frame(
        printable(line.file),
        line.number,
        printable(line.function),
        printable(source(path, line.number)),
        at(path, line.number),
    )


def _hot(
    process: ProcessState, thread: ThreadRecord, each: ThreadState, total: float, source: Source
) -> tuple[Hot, ...]:
    lines = [(seconds, line) for (line, of), seconds in thread.hot.items() if of is each]
    return tuple(
        Hot(_frame(process, line, source), seconds, seconds / total if total else 0.0)
        for seconds, line in heapq.nlargest(HOT_LINES, lines)
    )


def draw_facts(view: DetailView, width: int, height: int) -> tuple[Line, ...]:
    """The thread's numbers, one per line."""
    label = max(len(name) for name, _ in view.facts)
    room = max(1, width - label - 2)
    lines: list[Line] = [
        ((pad(name, label, right=True), "muted"), ("  ", ""), (cut(value, room), "foreground"))
        for name, value in view.facts
    ]
    return tuple(lines[:height])


def draw_states(view: DetailView, width: int, height: int) -> tuple[Line, ...]:
    """Each state with its bar, share and seconds."""
    room = max(4, width - 13 - 7 - 9)
    return tuple(
        (
            (pad(f"{GLYPHS[state]} {WORDS[state]}", 13), str(state)),
            (bar(share, room), str(state)),
            (pad(fmt_percent(share), 6, right=True), "strong"),
            (pad(fmt_duration(seconds), 9, right=True), "muted"),
        )
        for state, seconds, share in view.states[:height]
    ) or ((("not sampled yet", "muted"),),)


def draw_stack(view: DetailView, width: int) -> tuple[Line, ...]:
    """Innermost first; two lines per frame: place, source."""
    lines: list[Line] = []
    for depth, frame in enumerate(view.stack):
        if depth == END and view.left_out:
            lines.append(((f"  … {fmt_plural(view.left_out, 'frame')} left out …", "muted"),))
        mark = "▶ " if depth == 0 else "  "
        where = cut_middle(f"{frame.file}:{frame.number}", max(8, width - len(frame.function) - 5))
        line: Line = (
            (mark, "accent"),
            (cut(frame.function, max(8, width - 12)), "strong"),
            ("  ", ""),
            (where, "muted"),
        )
        lines.append(placed(line, frame.pointed))
        if frame.text:
            lines.append((("    ", ""), (cut(frame.text, width - 4), "foreground")))
    return tuple(lines) or ((("no Python frame was read", "muted"),),)


def draw_hot(view: DetailView, width: int) -> tuple[Line, ...]:
    """For each state the lines where its time was spent, most first."""
    lines: list[Line] = [
        ((part, style),) for text, style in view.locks for part in wrap(text, width, 2)
    ]
    if view.loop is not None:
        lines += draw_loop(view.loop, width)
    for state, seconds, hot in view.hot:
        if lines:
            lines.append(())
        head = ((f"{GLYPHS[state]} {_SAYS[state]}", str(state)),)
        lines.append(two_ends(head, ((fmt_duration(seconds), "muted"),), width))
        lines += [_hot_line(each, state, width) for each in hot]
        if not hot:
            lines.append((("  no Python line was seen in this state", "muted"),))
    return tuple(lines) or ((("not sampled yet", "muted"),),)


def draw_preview(view: DetailView, width: int, height: int) -> tuple[Line, ...]:
    """Hot lines, and the stack if there is room."""
    lines = draw_hot(view, width)
    if len(lines) + 4 <= height:
        title: Line = (("Stack, innermost first", "muted"),)
        lines = (*lines, (), title, *draw_stack(view, width))
    return lines[:height]


_SAYS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "Holds the GIL",
    ThreadState.GIL_WAIT: "Waits for the GIL",
    ThreadState.NATIVE: "Runs without the GIL",
    ThreadState.CPU_WAIT: "Ready, waiting for CPU",
    ThreadState.IO_WAIT: "Waits for input or output",
    ThreadState.LOCK_WAIT: "Waits for a lock",
    ThreadState.SLEEP: "Sleeps",
    ThreadState.CHILD_WAIT: "Waits for a child process",
    ThreadState.OTHER: "In other states",
}


def _hot_line(hot: Hot, state: ThreadState, width: int) -> Line:
    frame = hot.frame
    where = pad(cut_middle(f"{os.path.basename(frame.file)}:{frame.number}", 22), 22)
    text = frame.text or f"in {frame.function}"
    line: Line = (
        (pad(fmt_percent(hot.share), 6, right=True), "strong"),
        (" ", ""),
        (bar(hot.share, 6), str(state)),
        (" ", ""),
        (where, "muted"),
        (" ", ""),
        (cut(text, max(4, width - 37)), "foreground"),
    )
    return placed(line, frame.pointed)


def draw_title(view: DetailView, width: int) -> Line:
    """The thread's name and its state now."""
    return two_ends(
        ((" esc ← ", "muted"), (view.name, "strong")),
        (*fmt_state(view.state, view.alive, deadlocked=view.deadlocked), (" ", "")),
        width,
    )
