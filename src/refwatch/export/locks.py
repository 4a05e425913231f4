"""Locks for which threads wait, and deadlocks, as the snapshot has them."""

from __future__ import annotations

from refwatch.export import schema_types as snap
from refwatch.export.values import rounded
from refwatch.readings.threads.lock_events import LockWait
from refwatch.session.process import ProcessState


def locks_of(process: ProcessState, now: float) -> list[snap.Lock] | None:
    """Those with the longest waits first; None where they were not read."""
    seen = process.locks.now
    if seen is None:
        return None
    end = now if process.ended_s is None else process.ended_s
    of_lock: dict[tuple[str, int], list[LockWait]] = {}
    for wait in seen.waits:
        of_lock.setdefault((wait.kind, wait.address), []).append(wait)
    found = [_lock(waits, process, end) for waits in of_lock.values()]
    return sorted(found, key=lambda lock: -lock.for_s)


def deadlocks_of(process: ProcessState) -> list[list[int]]:
    """Tids of the threads of each; each waits for the next one, the last for the first."""
    circles = process.locks.now.deadlocks if process.locks.now is not None else []
    return [
        [process.threads[serial].tid for serial in circle]
        for circle in circles
        if all(serial in process.threads for serial in circle)
    ]


def _lock(waits: list[LockWait], process: ProcessState, end: float) -> snap.Lock:
    first = min(waits, key=lambda wait: wait.since_s)
    owners = {wait.owner for wait in waits}
    owner = process.threads.get(first.owner) if first.owner is not None else None
    known = owner is not None and len(owners) == 1
    return snap.Lock(
        kind=first.kind,
        address=f"{first.address:#x}",
        owner=owner.tid if owner is not None and known else None,
        waiters=[_tid(wait, process) for wait in waits if wait.serial in process.threads],
        for_s=rounded(max(0.0, end - first.since_s)),
        evidence=first.evidence or None if known else None,
        timed=[
            _tid(wait, process) for wait in waits if wait.timed and wait.serial in process.threads
        ],
        orphaned=first.orphaned,
    )


def _tid(wait: LockWait, process: ProcessState) -> int:
    return process.threads[wait.serial].tid
