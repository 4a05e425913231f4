"""Made-up readings of locks, of four threads."""

from __future__ import annotations

from tests.sample_events import sampled, target_started

from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN

NAMES = {1: "alice", 2: "bob", 3: "carol", 4: "dave"}


def wait(serial: int, for_serial: int | None = None, **more: object) -> ev.LockWait:
    plain = {"kind": "RLock", "address": serial << 8, "since_s": 1.0, "evidence": "recorded"}
    if for_serial is None:
        plain["evidence"] = ""
    return ev.LockWait(serial=serial, owner=for_serial, **{**plain, **more})  # type: ignore[arg-type]


def state_of(*readings: ev.LocksSeen) -> State:
    state = State()
    state.apply(target_started())
    for serial, name in NAMES.items():
        state.apply(ev.ThreadStarted(at=0.0, process=MAIN, serial=serial, tid=40 + serial))
        state.apply(ev.ThreadNamed(at=0.0, process=MAIN, serial=serial, name=name))
        place = ev.LineSeen(
            at=0.0, process=MAIN, line=serial, file="/app/bank.py", number=serial * 10, function="f"
        )
        state.apply(place)
    pieces = [
        ev.ThreadSlice(serial=serial, samples=90, states={S.LOCK_WAIT: 9.0}, stack=[serial])
        for serial in NAMES
    ]
    state.apply(sampled(9.0, *pieces, span_s=9.0))
    for reading in readings:
        state.apply(reading)
    return state


def seen(*waits: ev.LockWait, at: float = 9.0, **more: list[list[int]]) -> ev.LocksSeen:
    return ev.LocksSeen(at=at, process=MAIN, waits=list(waits), **more)  # type: ignore[arg-type]
