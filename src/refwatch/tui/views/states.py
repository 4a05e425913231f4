"""How a thread's state is shown: a glyph, a word of its own, and a short heading."""

from __future__ import annotations

from refwatch.readings.threads.states import ThreadState
from refwatch.tui.views.spans import Line

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
HEADINGS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "held",
    ThreadState.GIL_WAIT: "wait",
    ThreadState.NATIVE: "natv",
    ThreadState.CPU_WAIT: "runq",
    ThreadState.IO_WAIT: "i/o",
    ThreadState.LOCK_WAIT: "lock",
    ThreadState.SLEEP: "slp",
    ThreadState.CHILD_WAIT: "chld",
    ThreadState.OTHER: "othr",
}
"""For columns of four cells."""


def fill(state: ThreadState) -> str:
    """The style of an area of this state."""
    return f"fill-{state}"


def legend(states: tuple[ThreadState, ...] = tuple(ThreadState)) -> Line:
    """Glyph and word of each state, in its colour, on one line."""
    spans: list[tuple[str, str]] = []
    for state in states:
        spans += [(GLYPHS[state], str(state)), (f" {WORDS[state]}  ", "muted")]
    return tuple(spans)


EXPLAINED: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "runs Python code: holds the GIL",
    ThreadState.GIL_WAIT: "wants the GIL and waits for it",
    ThreadState.NATIVE: "on a CPU without the GIL: zlib, numpy, hashing",
    ThreadState.CPU_WAIT: "ready to run, waits for a CPU",
    ThreadState.IO_WAIT: "blocked in a system call on a descriptor",
    ThreadState.LOCK_WAIT: "blocked on a lock, a condition, a queue or a join",
    ThreadState.SLEEP: "sleeps",
    ThreadState.CHILD_WAIT: "waits for a child process",
    ThreadState.OTHER: "anything else: stopped, a page fault",
}
