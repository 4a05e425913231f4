"""Why a number of a snapshot is null: every one that is gets a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refwatch.model import snapshot as snap
from refwatch.session.state import State

NOT_TAKEN = "not taken"


def limits_of(
    state: State,
    target: snap.Target,
    cost: snap.Cost,
    sampling: snap.Sampling,
    processes: Sequence[snap.Process],
) -> list[snap.Limit]:
    """What the session said is limited, and a reason for every other null of the snapshot."""
    limits = {
        reading: reason.encode("utf-8", "backslashreplace").decode()
        for reading, reason in state.limits.items()
    }
    for reading, reason in _missing(state, target, cost, sampling):
        limits.setdefault(reading, reason)
    for process in processes:
        for reading, reason in _missing_of(process, _general(state)):
            limits.setdefault(reading, reason)
    limits.setdefault("census", NOT_TAKEN)
    limits.setdefault("allocations", NOT_TAKEN)
    return [snap.Limit(reading, reason) for reading, reason in limits.items()]


def _general(state: State) -> str:
    """The reason when nobody gave one."""
    if state.exited is not None:
        return "the target ended before it could be read"
    if state.ended is not None:
        return "the watch ended before it could be read"
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
        yield "exit_code", "the status of the target's end did not reach refwatch"


def _missing_of(process: snap.Process, general: str) -> Iterator[tuple[str, str]]:
    gil, memory = process.gil, process.memory
    if gil.present is False:
        yield "gil", "this interpreter runs without a GIL"
    elif None in {gil.present, gil.held_fraction, gil.switch_interval_s}:
        yield "gil", general
    if memory.rss is None:
        yield "memory", general
    if memory.uss is None:
        yield "memory.uss", general
    if process.ppid is None:
        yield "ppid", NOT_TAKEN
    if any(thread.samples == 0 for thread in process.threads):
        yield "thread times", "a thread ended before it was sampled, or was not sampled yet"
    if any(thread.ident is None for thread in process.threads):
        yield "thread ident", "a thread that Python does not know, or not yet, has none"
