"""View of one thread, and glyphs and words of thread states."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState
from refwatch.text.sanitize import printable
from refwatch.tui.views.pointed import Pointed, at
from refwatch.tui.views.styled_text import Line, width_of

SERIAL_BITS = 40
GLYPHS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "●",
    ThreadState.GIL_WAIT: "○",
    ThreadState.NATIVE: "◆",
    ThreadState.CPU_WAIT: "◇",
    ThreadState.IO_WAIT: "▼",
    ThreadState.LOCK_WAIT: "■",
    ThreadState.SLEEP: "·",
    ThreadState.CHILD_WAIT: "▲",
    ThreadState.OTHER: "?",
}
WORDS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "holds GIL",
    ThreadState.GIL_WAIT: "GIL wait",
    ThreadState.NATIVE: "native",
    ThreadState.CPU_WAIT: "CPU wait",
    ThreadState.IO_WAIT: "I/O wait",
    ThreadState.LOCK_WAIT: "lock wait",
    ThreadState.SLEEP: "sleep",
    ThreadState.CHILD_WAIT: "child wait",
    ThreadState.OTHER: "other",
}


def fill(state: ThreadState) -> str:
    """Style of an area of this state."""
    return f"fill-{state}"


@dataclass(frozen=True, kw_only=True)
class ThreadView:
    """One thread. Shares are of its time under watch."""

    key: int
    """Of it among the threads of all processes: see :func:`thread_key`."""
    pid: int
    """Of its process."""
    name: str
    alive: bool
    state: ThreadState | None
    shares: tuple[float, ...]
    """In the order of ThreadState."""
    cpu: float
    """Recent share of one CPU."""
    line: str
    """``file:line function`` of the innermost frame, if known."""
    place: str
    """``file:line`` of it."""
    count: int = 0
    """Of a group: the number of threads there ever were; 0 for a thread."""
    count_alive: int = 0
    """Of these, those that are alive."""
    members: tuple[ThreadView, ...] = ()
    """Of a group that is open: those alive and the newest of the others."""
    open: bool = False
    deadlocked: bool = False
    """It waits for ever, in a circle with others."""


def thread_key(process: int, serial: int) -> int:
    """One number for a thread, by the number of its process and its serial there."""
    return process << SERIAL_BITS | serial


def of_key(key: int) -> tuple[int, int]:
    """(number of the process, serial)"""
    return key >> SERIAL_BITS, key & (1 << SERIAL_BITS) - 1


def view_thread(process: ProcessState, thread: ThreadRecord) -> ThreadView:
    total = thread.watched_s or 1.0
    shares = tuple(thread.states.get(each, 0.0) / total for each in ThreadState)
    place, function = fmt_line(process, thread.stack[0]) if thread.stack else ("", "")
    line = f"{place} {function}".strip()
    name = thread_name(thread)
    key = thread_key(process.number, thread.serial)
    return ThreadView(
        key=key,
        pid=process.pid,
        name=name,
        alive=thread.alive,
        state=thread.state,
        shares=shares,
        cpu=thread.cpu_now,
        line=line,
        place=place,
        deadlocked=process.locks.in_deadlock(thread.serial),
    )


def newest_sample(process: ProcessState, now: float) -> float:
    """The time up to which a process's strips are known, seconds: other events may be newer."""
    if process.ended_s is not None:
        return process.ended_s
    looked = 0
    newest = 0.0
    for thread in process.threads.values():
        if thread.alive and thread.strip:
            runs = thread.strip.runs(now - 2.0, now + 1.0)
            newest = max(newest, runs[-1][1] if runs else 0.0)
            looked += 1
        if looked >= 4:
            return newest
    return newest or now


LATE_S = 0.5  # so long timelines wait for a process whose samples are late


def known_until(processes: Iterable[ProcessState], now: float) -> float:
    """The time up to which the strips of all of them are known, seconds, but for those whose
    samples are late."""
    ends = [newest_sample(process, now) for process in processes]
    newest = max(ends, default=now)
    return min((end for end in ends if end >= newest - LATE_S), default=newest)


_WISHES = (
    ThreadState.GIL_HELD,
    ThreadState.GIL_WAIT,
    ThreadState.NATIVE,
    ThreadState.CPU_WAIT,
)


def wish_to_run(seconds: Mapping[ThreadState, float]) -> float:
    """Seconds that a thread ran or was kept from running by others."""
    return sum(seconds.get(state, 0.0) for state in _WISHES)


def thread_name(thread: ThreadRecord) -> str:
    """Its name, or its tid if Python does not know it."""
    return printable(thread.name) or f"tid {thread.tid}"


def fmt_line(process: ProcessState, number: int) -> tuple[str, str]:
    """(``file.py:12``, function) of a line id."""
    line = process.lines.get(number)
    if line is None:
        return "", ""
    return printable(f"{os.path.basename(line.file)}:{line.number}"), printable(line.function)


def point_at(process: ProcessState, number: int) -> Pointed | None:
    """The place of a line id."""
    line = process.lines.get(number)
    return None if line is None else at(line.file, line.number, process.started.cwd)


def point_at_thread(process: ProcessState, thread: ThreadRecord) -> Pointed:
    """Its innermost line; the name of one whose stack is not read."""
    found = point_at(process, thread.stack[0]) if thread.stack else None
    return found or Pointed(text=thread_name(thread))


def fmt_state(state: ThreadState | None, alive: bool, *, deadlocked: bool = False) -> Line:
    """Glyph and word in the state's colour."""
    if not alive:
        return (("✕ ended", "muted"),)
    if deadlocked:
        return ((f"{GLYPHS[ThreadState.LOCK_WAIT]} deadlock", "bad"),)
    if state is None:
        return (("  new", "muted"),)
    return ((f"{GLYPHS[state]} {WORDS[state]}", str(state)),)


def fitting_states(used: Collection[ThreadState], width: int) -> tuple[ThreadState, ...]:
    """The legend's states: all if they fit, else those in use, as many as fit."""
    everything = tuple(ThreadState)
    if width_of(legend(everything)) <= width:
        return everything
    states = [state for state in everything if state in used]
    while states and width_of(legend(tuple(states))) > width + 2:  # it ends with a gap
        states.pop()
    return tuple(states)


def legend(states: tuple[ThreadState, ...] = tuple(ThreadState)) -> Line:
    """Glyph and word of each state, in its colour, on one line."""
    styled: list[tuple[str, str]] = []
    for state in states:
        styled += [(GLYPHS[state], str(state)), (f" {WORDS[state]}  ", "muted")]
    return tuple(styled)
