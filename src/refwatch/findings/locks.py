"""What is known of who waits for whose lock, in sentences."""

from __future__ import annotations

from collections.abc import Collection
from os.path import basename

from refwatch.findings.places import SERVANTS
from refwatch.findings.sentences import NAME
from refwatch.readings.threads.lock_events import LocksSeen, LockWait
from refwatch.readings.threads.state import Line
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_plural
from refwatch.text.sanitize import shorten, shorten_path

TOLD = 4  # threads of a circle that are named
ORDER = "Take these locks in one order everywhere"
DOING: dict[S | None, str] = {
    S.IO_WAIT: "in input or output",
    S.LOCK_WAIT: "waiting",
    S.SLEEP: "asleep",
    S.CHILD_WAIT: "waiting for a child process",
    S.GIL_WAIT: "waiting for the GIL",
    S.OTHER: "blocked",
    None: "running",
}


def deadlock(process: ProcessState) -> tuple[str, str] | None:
    """(sentence, advice) about threads that wait for one another for ever; None where none do."""
    seen = process.locks.now
    if seen is None or not seen.deadlocks:
        return None
    waits = {wait.serial: wait for wait in seen.waits}
    circle, *others = sorted(seen.deadlocks, key=len)
    if not waits.keys() >= set(circle):
        return None
    more = f" (and {fmt_plural(len(others), 'more deadlock')})" if others else ""
    sentence = f"deadlock{more}: {_circle(circle, waits, process)}"
    behind = _behind(seen, waits)
    advice = _why(circle, waits, process)
    if behind:
        verb = "waits" if behind == 1 else "wait"
        advice += f" {fmt_plural(behind, 'more thread')} {verb} behind."
    return sentence, advice


def timed_circle(process: ProcessState, of: Collection[int]) -> str | None:
    """About threads, some of these among them, that waited for one another until a time-out ended
    it, or will; None where none did."""
    seen = process.locks.circle
    circles = [c for c in seen.timed_cycles if not set(c).isdisjoint(of)] if seen else []
    if seen is None or not circles:
        return None
    waits = {wait.serial: wait for wait in seen.waits}
    circle = min(circles, key=len)
    if not waits.keys() >= set(circle):
        return None
    text = _circle(circle, waits, process)
    return f"A deadlock until a time-out ends it: {text}. {_why(circle, waits, process)}"


def owner(process: ProcessState, of: Collection[int] | None = None) -> str | None:
    """Who has the lock for which most threads wait, of these threads or of all, and where it is;
    else who had it when they waited longest. None where that is not known, or where it waits for a
    lock itself."""
    told = _owner(process.locks.now, process, of, past=process.ended_s is not None)
    return told or _owner(process.locks.longest, process, of, past=True)


def _owner(
    seen: LocksSeen | None, process: ProcessState, of: Collection[int] | None, *, past: bool
) -> str | None:
    waits = [w for w in seen.waits if w.kind in ("Lock", "RLock")] if seen is not None else []
    waits = [wait for wait in waits if of is None or wait.serial in of]
    lost = [wait for wait in waits if wait.orphaned]
    if lost:
        who = fmt_plural(len(lost), "thread")
        return f"The owner of the {lost[0].kind} for which {who} waited has ended without a release"
    waiting = {wait.serial for wait in waits}
    having = [w for w in waits if w.owner in process.threads and w.owner not in waiting]
    if not having:
        return None
    locks = [(wait.owner, wait.kind, wait.address) for wait in having]
    most = max(locks, key=locks.count)
    first, count = having[locks.index(most)], locks.count(most)
    assert first.owner is not None
    verb = "waited" if past else "waits" if count == 1 else "wait"
    place = process.lines.get(first.owner_line)
    where = f" at {_short(place)}" if place is not None else ""
    who = f"{name_of(process, first.owner)} {'had' if past else 'has'} the {first.kind}"
    whom = f"for which {fmt_plural(count, 'thread')} {verb}"
    return f"{who} {whom}, {DOING[first.owner_state]}{where}"


def name_of(process: ProcessState, serial: int) -> str:
    """A thread's name, shortened."""
    thread = process.threads.get(serial)
    return "?" if thread is None else shorten(thread.name or f"tid {thread.tid}", NAME)


def place_of(process: ProcessState, serial: int) -> str:
    """`` at file:line``: where a thread is, outside of the library that it waits in; empty where
    that is not known."""
    thread = process.threads.get(serial)
    lines = process.lines
    places = [lines[line] for line in thread.stack if line in lines] if thread else []
    own = [place for place in places if not place.file.endswith(SERVANTS)] or places
    return f" at {_short(own[0])}" if own else ""


def _short(place: Line) -> str:
    return f"{shorten_path(basename(place.file), 32)}:{place.number}"


def what_of(wait: LockWait) -> str:
    """What it waits for: ``a Lock``, ``the end``."""
    return {
        "Lock": "a Lock",
        "RLock": "an RLock",
        "Condition": "a notification",
        "Thread": "the end",
    }[wait.kind]


def _circle(circle: list[int], waits: dict[int, LockWait], process: ProcessState) -> str:
    if len(circle) == 1:
        (serial,) = circle
        what = f"{what_of(waits[serial])} that it has itself"
        if waits[serial].kind == "Thread":
            what = "its own end"
        return f"{name_of(process, serial)} waits for {what}{place_of(process, serial)}"
    parts: list[str] = []
    for index, serial in enumerate(circle[:TOLD]):
        after = name_of(process, circle[(index + 1) % len(circle)])
        end = "the end of " if waits[serial].kind == "Thread" else ""
        verb = "waits for" if not index else "for"
        who = f"{name_of(process, serial)} {verb} {end}{after}"
        parts.append(who + place_of(process, serial))
    left = len(circle) - TOLD
    return ", ".join(parts) + (f", and so on round {len(circle)} threads" if left > 0 else "")


def _why(circle: list[int], waits: dict[int, LockWait], process: ProcessState) -> str:
    """Who has what, and what would end it."""
    if len(circle) == 1:
        kind = waits[circle[0]].kind
        if kind == "Thread":
            return "A thread cannot wait for its own end."
        return "An RLock may be taken again by its owner, a Lock may not."
    has: list[str] = []
    joins = False
    for index, serial in enumerate(circle[:TOLD]):
        wait, after = waits[serial], circle[(index + 1) % len(circle)]
        if wait.kind == "Thread":
            joins = True
            continue
        inside = "is inside with of" if wait.evidence == "with" else "owns"
        has.append(
            f"{name_of(process, after)} {inside} the {wait.kind} that {name_of(process, serial)} "
            "waits for"
        )
    advice = "Join a thread only after releasing what it needs" if joins else ORDER
    return f"{advice}: {', '.join(has)}."


def _behind(seen: LocksSeen, waits: dict[int, LockWait]) -> int:
    """The number of threads that wait for one in a deadlock, or for one that does."""
    stuck = {serial for circle in seen.deadlocks for serial in circle}
    inner = set(stuck)
    for _ in range(len(waits)):
        more = {w.serial for w in waits.values() if w.owner in inner and w.serial not in inner}
        if not more:
            break
        inner |= more
    return len(inner - stuck)
