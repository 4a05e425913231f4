"""Reasons for what a snapshot lacks: each null has one among its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refwatch.export import schema_types as snap
from refwatch.findings.blockers import known_limits
from refwatch.readings.objects.state import KEEP_DEAD
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.wire.event import MAIN

NOT_TAKEN = "not taken"
OWNERLESS = {
    "Lock": "CPython does not record who has a Lock, and no thread was seen inside with lock",
    "RLock": "its owner is no thread of the process, or nobody owned it at that moment",
    "Condition": "a notification has no owner",
    "Thread": "which thread's end is waited for is not known",
}
LOCKS_OUTSIDE = "which lock a thread waits for is read from outside only"
ONLY_OUTSIDE = "whole stacks are read from outside only"
NO_TASKS = "nobody has looked at the tasks of its loops"
TRIO = "those of trio are not read"
GARBAGE_INSIDE = "the census was taken in the target; garbage is searched in copies only"
GARBAGE_NOT_LOOKED = "not searched: there are too many objects"


def limits_of(
    state: State,
    target: snap.Target,
    cost: snap.Cost,
    sampling: snap.Sampling,
    processes: Sequence[snap.Process],
) -> list[snap.Limit]:
    """The limits of each process, and a reason for every other null of the snapshot."""
    rows: list[snap.Limit] = []
    for process in processes:
        record = state.processes[process.number]
        limits = dict(known_limits(record))
        reasons = [
            *(_missing(state, target, cost, sampling) if process.number == MAIN else ()),
            *_missing_of(process, record, _general(state)),
            *_missing_references(process, record, state),
            *_missing_allocations(process, record, state),
        ]
        for reading, reason in reasons:
            limits.setdefault(reading, reason)
        rows += _rows(limits, process.number)
    if not processes:
        reasons = [("census", _not_yet(state)), ("allocations", _general(state))]
        rows = _rows(dict([*_missing(state, target, cost, sampling), *reasons]), None)
    return rows


def _rows(limits: Mapping[str, str], process: int | None) -> list[snap.Limit]:
    return [
        snap.Limit(reading=reading, reason=reason, process=process)
        for reading, reason in limits.items()
    ]


def _general(state: State) -> str:
    """The reason for a null that has no other."""
    if state.exited is not None:
        return "the target ended before it could be read"
    if state.ended is not None:
        return "the session ended before it could be read"
    return "not read yet"


def _missing(
    state: State, target: snap.Target, cost: snap.Cost, sampling: snap.Sampling
) -> Iterator[tuple[str, str]]:
    general = _general(state)
    if target.python is None:
        yield "interpreter", general
    if cost.probe_cpu_s is None:
        yield "cost", general
    if sampling.method == "none":
        yield "samples", general
    if state.exited is not None and state.exited.exit_code is None:
        yield "exit_code", "the target's exit status did not reach refwatch"


def _missing_of(
    process: snap.Process, record: ProcessState, general: str
) -> Iterator[tuple[str, str]]:
    gil, memory = process.gil, process.memory
    if gil.present is False:
        yield "gil", "this interpreter runs without a GIL"
    elif None in {gil.present, gil.held_fraction, gil.switch_interval_s}:
        yield "gil", general
    if memory.rss is None:
        yield "memory", general
    if memory.uss is None:
        yield (
            "memory.uss",
            general if record.private is None else "not read again since the resident size changed",
        )
    if process.ppid is None:
        yield "ppid", NOT_TAKEN
    if any(loop.tasks is None for loop in process.loops):
        listed = record.event_loops.tasks is not None
        reason = TRIO if listed else record.event_loops.failure or NO_TASKS
        yield "tasks", reason
    if process.stacks is None:
        yield "stacks", ONLY_OUTSIDE if "outside reading" in record.limits else general
    yield from _missing_locks(process, record, general)
    if any(thread.samples == 0 for thread in process.threads):
        yield "thread times", "a thread ended before it was sampled, or was not sampled yet"
    if any(thread.ident is None for thread in process.threads):
        yield "thread ident", "a thread that Python does not know, or not yet, has no ident"


def _missing_locks(
    process: snap.Process, record: ProcessState, general: str
) -> Iterator[tuple[str, str]]:
    if process.locks is None:
        yield "locks", LOCKS_OUTSIDE if "outside reading" in record.limits else general
        return
    seen = record.locks.now
    if seen is not None and seen.left_out:
        yield "locks.waiters", f"{seen.left_out} further waits are not told"
    unknown = {lock.kind for lock in process.locks if lock.owner is None}
    if unknown:
        yield "locks.owner", "; ".join(OWNERLESS[kind] for kind in sorted(unknown))


def _not_yet(state: State) -> str:
    if state.exited is not None:
        return "the target ended before one was taken"
    if state.ended is not None:
        return "the session ended before one was taken"
    return "not taken yet"


def _why_no_census(record: ProcessState, state: State) -> str:
    return record.limits.get("census") or record.references.failure or _not_yet(state)


def _missing_references(
    process: snap.Process, record: ProcessState, state: State
) -> Iterator[tuple[str, str]]:
    failure = record.references.failure
    no_census = _why_no_census(record, state)
    if process.census is None:
        yield "census", no_census
    elif failure is not None:
        yield "census", f"not taken again: {failure}"
    if process.census is not None and process.census.garbage is None:
        inside = process.census.method == "inside"
        yield "census.garbage", GARBAGE_INSIDE if inside else GARBAGE_NOT_LOOKED
    not_live = record.limits.get("references") or record.limits.get("outside reading")
    if not any(row.exact for row in process.classes):
        yield "classes", not_live or no_census
    if "references" in record.limits:
        yield "watched", record.limits["references"]
    elif record.references.forgets_objects:
        yield "watched", f"only the last {KEEP_DEAD} objects that have died are kept"
    yield from _missing_watched(process.watched, _general(state))


def _missing_allocations(
    process: snap.Process, record: ProcessState, state: State
) -> Iterator[tuple[str, str]]:
    recorded = record.allocations
    if process.allocations is None:
        off = recorded.switched_s is not None and recorded.mode == "off"
        yield "allocations", "switched off" if off else _general(state)
    elif recorded.mode == "exact" and not recorded.traces.number:
        yield "allocations", recorded.failure or _not_yet(state)
    elif recorded.mode == "exact" and recorded.failure is not None:
        yield "allocations", f"not counted again: {recorded.failure}"
    if process.memory_split is None:
        census = process.census
        if census is None:
            yield "memory split", f"it comes with a census: {_why_no_census(record, state)}"
        elif census.method == "inside":
            yield (
                "memory split",
                "the census was taken in the target; memory is split in copies only",
            )
        else:
            yield "memory split", _general(state)


def _missing_watched(watched: Sequence[snap.Watched], general: str) -> Iterator[tuple[str, str]]:
    if any(each.immortal for each in watched):
        yield "watched.references", "references to immortal objects are not counted"
    elif any(each.references is None for each in watched):
        yield "watched.references", general
    raw = "an object died before its raw counts were read, or they have not been read yet"
    if any(each.ctypes is None for each in watched):
        yield "watched.ctypes", raw
    if any(each.getrefcount is None for each in watched):
        yield "watched.getrefcount", raw
    if any(each.getrefcount_offset is None for each in watched):
        yield "watched.getrefcount_offset", raw
