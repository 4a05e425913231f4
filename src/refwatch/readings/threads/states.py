"""The states of a thread: at any sample it is in exactly one of these.

The names are those of the snapshot. Each has a letter of its own, with which the timeline strips
are written on the wire (see :func:`encode_runs`).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable


class ThreadState(enum.StrEnum):
    """What a thread was doing at a sample."""

    __hash__ = str.__hash__  # that of Enum is written in Python, and each sample needs some

    GIL_HELD = "gil_held"
    """Holds the GIL and runs."""
    GIL_WAIT = "gil_wait"
    """Wants the GIL: blocked on its condition variable, or woken from it, on a CPU, and not yet
    holder."""
    NATIVE = "native"
    """On a CPU without the GIL: zlib, numpy, hashing."""
    CPU_WAIT = "cpu_wait"
    """Runnable, waits for a CPU, with the GIL in hand or without."""
    IO_WAIT = "io_wait"
    """In a blocking system call on a descriptor."""
    LOCK_WAIT = "lock_wait"
    """In a futex that is not the GIL's: a Lock, a Condition, a Queue, a join."""
    SLEEP = "sleep"
    """In nanosleep or clock_nanosleep."""
    CHILD_WAIT = "child_wait"
    """Waits for a child process."""
    OTHER = "other"
    """Anything else: stopped, a page fault, a system call of another kind."""


COMPUTING = (ThreadState.GIL_HELD, ThreadState.NATIVE, ThreadState.CPU_WAIT)
"""On a CPU, or kept from one."""

LETTERS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "h",
    ThreadState.GIL_WAIT: "w",
    ThreadState.NATIVE: "n",
    ThreadState.CPU_WAIT: "c",
    ThreadState.IO_WAIT: "i",
    ThreadState.LOCK_WAIT: "l",
    ThreadState.SLEEP: "s",
    ThreadState.CHILD_WAIT: "p",
    ThreadState.OTHER: "o",
}
STATE_OF_LETTER: dict[str, ThreadState] = {letter: state for state, letter in LETTERS.items()}

_RUN = re.compile(r"([a-z])(\d+)")


def encode_runs(runs: Iterable[tuple[ThreadState, int]]) -> str:
    """Write runs of (state, microseconds) as text: ``h5012w14988``."""
    return "".join(f"{LETTERS[state]}{micros}" for state, micros in runs)


def decode_runs(text: str) -> list[tuple[ThreadState, int]]:
    """Read back what :func:`encode_runs` wrote; letters of no known state become ``other``."""
    return [
        (STATE_OF_LETTER.get(letter, ThreadState.OTHER), int(micros))
        for letter, micros in _RUN.findall(text)
    ]
