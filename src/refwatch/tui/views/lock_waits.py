"""What a thread waits for, who has it, and what that one waits for: in lines."""

from __future__ import annotations

from refwatch.readings.threads.lock_events import LocksSeen, LockWait
from refwatch.readings.threads.wait_graph import chain_from
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_duration
from refwatch.tui.views.threads import fmt_line, thread_name

MOST = 6  # threads of a chain that are shown
KINDS = {
    "Lock": "a Lock",
    "RLock": "an RLock",
    "Condition": "a notification (Condition, Event, Queue)",
    "Thread": "the end of a thread",
}

Told = tuple[tuple[str, str], ...]
"""(text, style) of each line."""


def view_lock_wait(process: ProcessState, serial: int, now: float) -> Told:
    """What a thread waits for and has; nothing where it neither waits for a lock nor has one."""
    seen = process.locks.now
    if seen is None:
        return ()
    waits = {wait.serial: wait for wait in seen.waits}
    end = now if process.ended_s is None else process.ended_s
    lines: list[tuple[str, str]] = []
    if serial in waits:
        lines += _chain(serial, waits, process, seen, end)
    lines += _waiters(serial, waits, process, end)
    return tuple(lines)


def _chain(
    serial: int, waits: dict[int, LockWait], process: ProcessState, seen: LocksSeen, end: float
) -> list[tuple[str, str]]:
    dead = process.locks.in_deadlock(serial)
    owners = {wait.serial: wait.owner for wait in waits.values() if wait.owner is not None}
    chain = chain_from(serial, owners)
    lines = [("Deadlock: these threads wait for one another for ever", "bad")] if dead else []
    if not dead and any(serial in circle for circle in seen.timed_cycles):
        lines.append(("These threads wait for one another until a time-out ends it", "warn"))
    for one in dict.fromkeys(chain[:MOST]):
        if one in waits:
            who = "waits" if one == serial else f"{_name(process, one)} waits"
            what = f"{_what(waits[one], process)}{_since(waits[one], end)}"
            stuck = process.locks.in_deadlock(one)
            lines.append((f"{who} for {what}", "bad" if stuck else "foreground"))
    last = chain[-1]
    if last not in waits and last != serial:
        lines.append((f"{_name(process, last)} is{_at(process, last)}", "foreground"))
    return lines


def _waiters(
    serial: int, waits: dict[int, LockWait], process: ProcessState, end: float
) -> list[tuple[str, str]]:
    """For which of its locks others wait."""
    behind: dict[tuple[str, int], list[LockWait]] = {}
    for wait in waits.values():
        if wait.owner == serial and wait.serial != serial:
            behind.setdefault((wait.kind, wait.address), []).append(wait)
    lines: list[tuple[str, str]] = []
    for (kind, _), some in list(behind.items())[:MOST]:
        names = ", ".join(_name(process, wait.serial) for wait in some[:3])
        more = len(some) - 3
        names += f" and {more} more" if more > 0 else ""
        first = min(some, key=lambda wait: wait.since_s)
        verb = "waits" if len(some) == 1 else "wait"
        what = "end" if kind == "Thread" else kind
        lines.append((f"{names} {verb} for this thread's {what}{_since(first, end)}", "warn"))
    return lines


def _what(wait: LockWait, process: ProcessState) -> str:
    if wait.owner is None:
        lost = " whose owner has ended" if wait.orphaned else ""
        return f"{KINDS[wait.kind]}{lost}"
    name = _name(process, wait.owner)
    if wait.kind == "Thread":
        return f"the end of {name}"
    if wait.owner == wait.serial:
        return f"{KINDS[wait.kind]} that it has itself"
    how = "is inside with of" if wait.evidence == "with" else "owns"
    return f"{KINDS[wait.kind]} that {name} {how}"


def _since(wait: LockWait, end: float) -> str:
    timed = ", with a time-out" if wait.timed else ""
    return f", {fmt_duration(max(0.0, end - wait.since_s))}{timed}"


def _name(process: ProcessState, serial: int) -> str:
    thread = process.threads.get(serial)
    return thread_name(thread) if thread is not None else "?"


def _at(process: ProcessState, serial: int) -> str:
    thread = process.threads.get(serial)
    place = fmt_line(process, thread.stack[0]) if thread is not None and thread.stack else ("", "")
    return f" at {place[0]}, in {place[1]}" if place[0] else " where no Python line is known"
