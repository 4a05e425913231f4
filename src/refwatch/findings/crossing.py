"""Time that a process spends on what crosses to other processes: pickling, sending, receiving.

By the leaf lines of Python's own multiprocessing and concurrent.futures, where their C functions
are called: pickling in ``reduction.py``, pipes in ``connection.py``. Threads that a pool has for it
count as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from refwatch.readings.threads.state import Line
from refwatch.readings.threads.states import COMPUTING
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState

FOLDERS = ("/multiprocessing/", "/concurrent/futures/process.py", "/loky/", "/billiard/")
RUNNING = (*COMPUTING, S.GIL_WAIT)
SENDS = ("send", "put", "feed", "write")
RECEIVES = ("recv", "receive", "get", "read", "poll", "wait", "select")


class Crossing(Struct, frozen=True, kw_only=True):
    """Seconds of all threads. ``receiving_s`` is mostly the wait for something to come."""

    pickling_s: float
    sending_s: float
    receiving_s: float
    other_s: float


def crossing_of(process: ProcessState) -> Crossing | None:
    """None where nothing crosses."""
    sums = {"pickling_s": 0.0, "sending_s": 0.0, "receiving_s": 0.0, "other_s": 0.0}
    for line, state, seconds in _hot(process):
        place = process.lines.get(line)
        if place is None or state is S.CHILD_WAIT or not any(f in place.file for f in FOLDERS):
            continue
        sums[_kind(place, state)] += seconds
    return Crossing(**sums) if any(sums.values()) else None


def _hot(process: ProcessState) -> Iterator[tuple[int, S, float]]:
    hot = [thread.hot for thread in process.threads.values()]
    for lines in [*hot, *(crowd.hot for crowd in process.crowds.values())]:
        for (line, state), seconds in lines.items():
            yield line, state, seconds


def _kind(place: Line, state: S) -> str:
    function = place.function.rpartition(".")[2].lower()
    unpickles = function == "get" and state in RUNNING  # queues.py calls loads() on that line
    if place.file.endswith("/reduction.py") or unpickles:
        return "pickling_s"
    if any(word in function for word in SENDS):
        return "sending_s"
    return "receiving_s" if any(word in function for word in RECEIVES) else "other_s"
