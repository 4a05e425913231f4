"""Causes that decide the verdict before any scoring: work of child processes, threads that do not
move, a blocked event loop, a collector that takes most of the time. Each is measured on its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from os.path import basename
from typing import NamedTuple

from refwatch.findings import locks
from refwatch.findings.collecting import line_of_most
from refwatch.findings.load import Utilization, hottest_line
from refwatch.findings.parties import ThreadParty
from refwatch.findings.places import is_waiting_room
from refwatch.findings.sentences import Lines, at_line
from refwatch.findings.types import VerdictKind
from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import COMPUTING
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration, fmt_percent, fmt_plural
from refwatch.text.sanitize import shorten, shorten_path

CHILD = 0.2  # mean threads waiting for a child process, from which on it does the work
MOSTLY_IDLE = 0.5  # CPUs in use, below which the children's work tells where the time goes
SOME_CPU = 0.05  # CPUs in use by children, from which on their work counts
STILL_S, STILL = 3.0, 0.2  # seconds, and share of the time, in which no thread moved
STUCK_S = 5.0  # that a single thread must have waited for a lock
MOST = 0.9  # share of that time that a thread must have waited for a lock
BLOCKED = 0.1  # share of the time that an event loop is blocked, and
BLOCKED_S = 0.5  # seconds
COLLECTING = 0.3  # share of the time in the cyclic collector
WATCH = "Watch the child itself:"
QUIET: frozenset[VerdictKind] = frozenset({"io_bound", "lock_bound", "idle", "undecided"})


class MeasuredCause(NamedTuple):
    """A verdict to be. ``kind`` None keeps the kind with the best score; ``sure`` is 0 to 1."""

    kind: VerdictKind | None
    sentence: str
    advice: str
    sure: float


def children_sentence(process: ProcessState) -> str:
    """CPU time of child processes, in a sentence; empty if there were none."""
    last = process.memory
    if last is None or last.children_cpu_s is None:
        return ""
    if not last.children and not last.children_cpu_s:
        return ""
    number = fmt_plural(last.children, "child", "children")
    if last.children_unseen:
        number = f"at least {number}" if last.children else "children"
    them = "it is" if number == "1 child" else "they are"
    return f"{number} used {last.children_cpu_s:.2f} CPU s; {them} not watched"


def known_limits(process: ProcessState) -> dict[str, str]:
    """The limits of a process; with children, also that they are not watched."""
    sentence = children_sentence(process)
    return {**process.limits, "children": sentence} if sentence else process.limits


def own_share(process: ProcessState) -> float:
    """The process's share of the CPU time of itself and its children, 0 to 1."""
    last = process.memory
    if last is None or not last.children_cpu_s:
        return 1.0
    own = last.user_s + last.system_s
    return own / (own + last.children_cpu_s)


def deadlock_cause(state: State) -> MeasuredCause | None:
    """Threads of a process wait for one another for ever; the rest of the program may go on."""
    for process in state.processes.values():
        found = locks.deadlock(process)
        if found is not None:
            sentence, advice = found
            where = f"process {process.pid}: " if len(state.processes) > 1 else ""
            return MeasuredCause("lock_bound", where + sentence, advice, 0.95)
    return None


def measured_cause(
    kind: VerdictKind, load: Utilization, process: ProcessState, lines: Lines
) -> MeasuredCause | None:
    """A measured cause, if there is one. ``kind`` is the one with the best score."""
    return (
        _children(kind, load, process)
        or _unmoved(kind, load, process, lines)
        or _loop(kind, process, lines)
        or _collector(load, process)
    )


def _children(kind: VerdictKind, load: Utilization, process: ProcessState) -> MeasuredCause | None:
    last, sentence = process.memory, children_sentence(process)
    waits = load.child > CHILD and load.on_cpu < MOSTLY_IDLE
    share = fmt_percent(_longest_child_wait(load, process))
    if last is None or not sentence:
        if not waits or kind != "undecided":
            return None
        sentence = f"waits for a child process {share} of the time"
        return MeasuredCause("undecided", sentence, f"{WATCH} only this process is read.", 0.3)
    theirs = (last.children_cpu_s or 0.0) / max(last.at, 1e-9)
    most = theirs >= SOME_CPU and own_share(process) <= 0.5
    beside = last.children_s >= load.watched_s / 2 and kind in QUIET
    if load.running >= MOSTLY_IDLE or not (most or beside):
        return None
    if waits:
        sentence = f"waits for a child {share} of the time; {sentence}"
    advice = f"{WATCH} what this process's own threads do says little."
    return MeasuredCause("undecided", sentence, advice, 0.3)


def _longest_child_wait(load: Utilization, process: ProcessState) -> float:
    """Share of the time, 0 to 1, for which one thread waits for a child: several may at once."""
    waits = (each.states.get(S.CHILD_WAIT, 0.0) for each in process.threads.values())
    return min(1.0, max(waits, default=0.0) / load.watched_s or load.child)


def _unmoved(
    kind: VerdictKind, load: Utilization, process: ProcessState, lines: Lines
) -> MeasuredCause | None:
    """All or several threads have waited for locks without a break."""
    still = process.unmoved_s
    threads = process.threads.values()
    if still >= max(STILL_S, STILL * load.watched_s):
        stuck = [thread for thread in threads if _waits_s(thread, lines) >= MOST * still]
        if not stuck:
            return _all_wait(load, still) if kind == "idle" else None
        wait = f"{fmt_plural(len(stuck), 'thread')} {'waits' if len(stuck) == 1 else 'wait'}"
        who = f"nothing has moved for {fmt_duration(still)}: {wait}"
        return _stuck(who, stuck, process, lines)
    stuck = [thread for thread in threads if _is_stuck(thread, load, lines)]
    if len(stuck) < 2 or load.lock.holders:
        return None
    still = min(thread.unmoved_s for thread in stuck)
    who = f"{len(stuck)} threads have not moved for {fmt_duration(still)}: they wait"
    return _stuck(who, stuck, process, lines)


def _stuck(
    who: str, stuck: Sequence[ThreadRecord], process: ProcessState, lines: Lines
) -> MeasuredCause:
    where: defaultdict[str, list[ThreadRecord]] = defaultdict(list)
    for thread in stuck:
        where[short_place(_lock_line(thread, lines), lines)].append(thread)
    places = " and ".join(list(where)[:2]) + (" …" if len(where) > 2 else "")
    first = ", ".join(f"{_names(some)} at {place}" for place, some in list(where.items())[:3])
    serials = {thread.serial for thread in stuck}
    advice = locks.timed_circle(process, serials)
    if advice is None:
        having = locks.owner(process, serials)
        advice = f"Unless another thread releases these locks, this is a deadlock: {first}."
        advice = f"{having}; they wait: {first}." if having else advice
    return MeasuredCause("undecided", f"{who} for locks at {places}", advice, 0.9)


def _all_wait(load: Utilization, still: float) -> MeasuredCause:
    """All threads wait where the standard library does: for work, an event, or a thread's end."""
    who = "the only thread waits" if load.threads == 1 else f"all {load.threads} threads wait"
    sentence = f"nothing has moved for {fmt_duration(still)}: {who} for work, an event or an end"
    advice = "Only a signal or a time-out can wake one of them; if none comes, they wait for ever."
    return MeasuredCause("idle", sentence, advice, 0.9)


def _is_stuck(thread: ThreadRecord, load: Utilization, lines: Lines) -> bool:
    """Whether it has waited in one go, for most of the time."""
    waited = _waits_s(thread, lines)
    return thread.unmoved_s >= max(MOST * waited, load.watched_s / 2) and waited >= STUCK_S


def lock_waits(thread: ThreadRecord, lines: Lines) -> dict[int, float]:
    """Line -> seconds of its waits for locks, other than for work or a thread's end."""
    return {
        line: seconds
        for (line, state), seconds in thread.hot.items()
        if state is S.LOCK_WAIT and line in lines and not is_waiting_room(lines[line])
    }


def _waits_s(thread: ThreadRecord, lines: Lines) -> float:
    return sum(lock_waits(thread, lines).values())


def _lock_line(thread: ThreadRecord, lines: Lines) -> int | None:
    waits = lock_waits(thread, lines)
    return max(waits, key=lambda line: waits[line], default=None)


def short_place(line: int | None, lines: Lines) -> str:
    """``file:line`` without the folder; ``?`` if unknown."""
    place = lines.get(line) if line is not None else None
    return f"{shorten_path(basename(place.file), 32)}:{place.number}" if place else "?"


def _names(some: Sequence[ThreadRecord]) -> str:
    first = shorten(some[0].name or f"tid {some[0].tid}", 16)
    return first if len(some) == 1 else f"{first} and {len(some) - 1} more"


def _loop(kind: VerdictKind, process: ProcessState, lines: Lines) -> MeasuredCause | None:
    """A callback blocks an event loop."""
    worst = max(process.threads.values(), key=_blocked_s, default=None)
    if worst is None or kind in ("gil_bound", "native_parallel"):
        return None
    blocked = _blocked_s(worst)
    share = blocked / worst.watched_s if worst.watched_s else 0.0
    if blocked < BLOCKED_S or share < BLOCKED:
        return None
    doing: defaultdict[str, float] = defaultdict(float)
    for (_, state), seconds in worst.loop_blocked.items():
        doing["computing" if state in COMPUTING else state.value] += seconds
    most = max(doing, key=lambda what: doing[what])
    states = COMPUTING if most == "computing" else (S(most),)
    line = hottest_line([ThreadParty("", 1, {}, worst.loop_blocked, blocked)], *states)
    place = lines.get(line) if line is not None else None
    function = f" in {shorten(place.function, 32)}" if place else ""
    sentence = f"the event loop is blocked {fmt_percent(share)} of the time: {most}{function}"
    where = at_line(line, lines)
    if most == "computing":
        advice = f"Compute beside the loop (run_in_executor){where}: no other task runs meanwhile."
        return MeasuredCause(None, sentence, advice, 0.9)
    advice = f"Await it, or call it in asyncio.to_thread{where}: no other task runs meanwhile."
    return MeasuredCause("undecided", sentence, advice, 0.9)


def _blocked_s(thread: ThreadRecord) -> float:
    return sum(thread.loop_blocked.values())


def _collector(load: Utilization, process: ProcessState) -> MeasuredCause | None:
    if load.collecting < COLLECTING:
        return None
    rounds = sum(generation.collections for generation in process.gc)
    often = f" in {fmt_plural(rounds, 'collection')}" if rounds else ""
    took = fmt_duration(load.collecting * load.watched_s)
    sentence = (
        f"the cyclic collector takes {fmt_percent(load.collecting)} of the time: {took}{often}"
    )
    advice = "Run it less often (gc.set_threshold), or exempt long-lived objects (gc.freeze)"
    where = at_line(line_of_most(process), process.lines, "; most of it is set off at ")
    advice = f"{advice}{where}."
    return MeasuredCause(None, sentence, advice, 0.9)
