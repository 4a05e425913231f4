"""What a process did with its time, in mean numbers of threads: the numbers behind the diagnosis.

A load of 1.0 is one thread for the whole time under watch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from refwatch.model.states import ThreadState as S
from refwatch.session.process import ProcessState, ThreadRecord
from refwatch.session.state import Line

TAKES_PART = 0.2  # share of a thread's life from which it counts as one of the crowd
BRIEF = 0.1  # of the longest life among them: a thread that lived shorter is not counted
WAITING_ROOM = 0.95  # in lock_wait for more than this: waits for work or for an end, as far as seen
# Where the standard library waits for work or for another thread's end:
SERVANTS = ("threading.py", "queue.py", "concurrent/futures/thread.py")
LOCKING = frozenset({"acquire", "__enter__"})  # their functions that do take a lock


@dataclass(frozen=True)
class Load:
    """Mean numbers of threads (``running``, ``io`` ...), counts of threads, and shares 0 to 1."""

    watched_s: float
    has_gil: bool
    threads: int
    held: float
    """Share of the time with the GIL locked."""
    gil_wait: float
    native: float
    cpu_wait: float
    running: float
    """Held and native, and the wait for a CPU of threads that mostly run: on a machine that is
    taken every thread waits a little whenever it wakes."""
    native_busy: float
    """In native code or waiting for a CPU, of the threads that do little else."""
    io: float
    child: float
    lock_wait: float
    """In ``lock_wait`` for a lock that others work under; joins and empty queues are left out."""
    lock_active: float
    """The threads of that lock that are not waiting."""
    gil_threads: int
    gil_wait_share: float
    busy_threads: int
    io_threads: int
    io_share: float
    lock_threads: int
    lock_wait_share: float
    hold_s: float | None
    """Mean time between two handoffs of the GIL while it is held; None without any handoff."""
    switch_interval_s: float
    held_line: int | None
    busy_line: int | None
    lock_line: int | None


def measure(process: ProcessState, lines: Mapping[int, Line]) -> Load:
    """Add up the threads of a process that has been sampled for some time."""
    watched = process.sampled_s
    threads = [thread for thread in process.threads.values() if thread.watched_s > 0]
    seconds: defaultdict[S, float] = defaultdict(float)
    for thread in threads:
        for state, spent in thread.states.items():
            seconds[state] += spent
    gil = process.gil
    has_gil = gil.present is not False
    held = gil.held_fraction if has_gil else 0.0
    waiting = gil.contention if has_gil else 0.0
    held = seconds[S.GIL_HELD] / watched if held is None else held
    native, cpu_wait = seconds[S.NATIVE] / watched, seconds[S.CPU_WAIT] / watched
    wanting = _taking_part(threads, S.GIL_HELD, S.GIL_WAIT)
    using_io = _taking_part(threads, S.IO_WAIT)
    lock = _lock(threads, lines)
    return Load(
        watched_s=watched,
        has_gil=has_gil,
        threads=len(threads),
        held=held,
        gil_wait=seconds[S.GIL_WAIT] / watched if waiting is None else waiting,
        native=native,
        cpu_wait=cpu_wait,
        running=held + native + sum(map(_kept_from_cpu_s, threads)) / watched,
        native_busy=sum(map(_native_s, threads)) / watched,
        io=seconds[S.IO_WAIT] / watched,
        child=seconds[S.CHILD_WAIT] / watched,
        lock_wait=lock.waited_s / watched,
        lock_active=lock.active_s / watched,
        gil_threads=len(wanting),
        gil_wait_share=_share(wanting, S.GIL_WAIT),
        busy_threads=len(_taking_part(threads, S.GIL_HELD, S.NATIVE, S.CPU_WAIT)),
        io_threads=len(using_io),
        io_share=_share(using_io, S.IO_WAIT),
        lock_threads=lock.threads,
        lock_wait_share=lock.share,
        hold_s=gil.held_s / gil.handoffs if gil.handoffs else None,
        switch_interval_s=gil.switch_interval_s or 0.005,
        held_line=_hottest(threads, S.GIL_HELD),
        busy_line=_hottest(threads, S.GIL_HELD, S.NATIVE),
        lock_line=lock.line,
    )


def _taking_part(threads: Iterable[ThreadRecord], *states: S) -> list[ThreadRecord]:
    """Those that spend a good part of their life so, or as much of it as others do."""
    shares = [(thread, sum(thread.share(state) for state in states)) for thread in threads]
    most = max((share for _, share in shares), default=0.0)
    least = min(TAKES_PART, most / 4)
    crowd = [thread for thread, share in shares if share >= least > 0]
    longest = max((thread.watched_s for thread in crowd), default=0.0)
    return [thread for thread in crowd if thread.watched_s >= BRIEF * longest]


def _native_s(thread: ThreadRecord) -> float:
    seconds = thread.states.get(S.NATIVE, 0.0) + thread.states.get(S.CPU_WAIT, 0.0)
    return seconds if seconds >= thread.watched_s / 2 else 0.0


def _kept_from_cpu_s(thread: ThreadRecord) -> float:
    waited = thread.states.get(S.CPU_WAIT, 0.0)
    ran = thread.states.get(S.GIL_HELD, 0.0) + thread.states.get(S.NATIVE, 0.0)
    return waited if waited + ran >= thread.watched_s / 2 else 0.0


def _share(threads: list[ThreadRecord], state: S) -> float:
    total = sum(thread.watched_s for thread in threads)
    return sum(thread.states.get(state, 0.0) for thread in threads) / total if total else 0.0


def _hottest(threads: Iterable[ThreadRecord], *states: S) -> int | None:
    seconds: defaultdict[int, float] = defaultdict(float)
    for thread in threads:
        for (line, state), spent in thread.hot.items():
            if state in states:
                seconds[line] += spent
    return max(seconds, key=lambda line: seconds[line]) if seconds else None


@dataclass(frozen=True)
class _Lock:
    threads: int
    waited_s: float
    active_s: float
    share: float
    line: int | None


def _lock(threads: list[ThreadRecord], lines: Mapping[int, Line]) -> _Lock:
    """The threads that wait for a lock, and those that work under it meanwhile."""
    waits = {thread.serial: _lock_seconds(thread, lines) for thread in threads}
    queue = [t for t in threads if waits[t.serial] >= TAKES_PART * t.watched_s]
    line = _hottest(queue, S.LOCK_WAIT)
    holders = [t for t in threads if t not in queue and _works_at(t, lines, line)]
    waited, lived = sum(waits[t.serial] for t in queue), sum(t.watched_s for t in queue)
    crowd = [*queue, *holders]
    waiting = sum(t.states.get(s, 0.0) for t in crowd for s in (S.LOCK_WAIT, S.GIL_WAIT))
    active = sum(t.watched_s for t in crowd) - waiting
    return _Lock(len(crowd), waited, active, waited / lived if lived else 0.0, line)


def _lock_seconds(thread: ThreadRecord, lines: Mapping[int, Line]) -> float:
    """Its time in ``lock_wait``, joins and empty queues left out as far as lines tell."""
    at_lines = {line: s for (line, state), s in thread.hot.items() if state is S.LOCK_WAIT}
    if at_lines:
        return sum(s for line, s in at_lines.items() if not _is_waiting_room(lines.get(line)))
    share = thread.share(S.LOCK_WAIT)
    return thread.states[S.LOCK_WAIT] if 0 < share < WAITING_ROOM else 0.0


def _is_waiting_room(line: Line | None) -> bool:
    """Whether a thread in ``lock_wait`` here waits for work or for another's end."""
    return line is not None and line.file.endswith(SERVANTS) and line.function not in LOCKING


def _works_at(thread: ThreadRecord, lines: Mapping[int, Line], line: int | None) -> bool:
    """Whether it was seen at work in the function in which others wait for the lock."""
    place = lines.get(line) if line is not None else None
    if place is None:
        return False
    seen = (lines.get(number) for number, state in thread.hot if state is not S.LOCK_WAIT)
    return any(at and (at.file, at.function) == (place.file, place.function) for at in seen)
