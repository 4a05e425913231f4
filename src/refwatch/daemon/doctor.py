"""What this machine and an interpreter allow: a small target is watched for a moment, for real."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import time

from msgspec import Struct

from refwatch.daemon.heap_watch import HeapOptions
from refwatch.daemon.launcher import reap_copies
from refwatch.daemon.process_watch import ProcessMonitor
from refwatch.daemon.session_dir import SessionDirectory
from refwatch.daemon.target import TargetSpec
from refwatch.readings.allocations.collector import AllocationOptions
from refwatch.readings.objects.state import References
from refwatch.readings.threads.budget import SamplingBudget
from refwatch.readings.threads.states import ThreadState
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration
from refwatch.wire.connections import Listener
from refwatch.wire.event import MAIN, TimedEvent

LIMIT_S = 10.0
REAP_S = 2.0  # for a copy of the target to end that was told to
THINGS = 100
PROGRAM = f"""
import sys, threading
class Thing:
    pass
things = [Thing() for _ in range({THINGS})]
thing = things[0]
gate = threading.Lock()
gate.acquire()
threading.Thread(target=gate.acquire, name="waits", daemon=True).start()
def spin():
    while True:
        pass
threading.Thread(target=spin, name="spins", daemon=True).start()
sys.stdin.read()
"""


class Reading(Struct, frozen=True):
    """One reading: whether it works here, and how or why not."""

    name: str
    works: bool
    detail: str


def examine(executable: str) -> list[Reading]:
    """Watch a program of ours run by ``executable``; at most some seconds. Raises SessionError."""
    session = SessionDirectory.create("doctor")
    try:
        with session.listen(session.probe_path) as listener:
            spec = TargetSpec(executable, ["-c", PROGRAM], "doctor")
            spec.children = None
            target = subprocess.Popen(
                spec.argv,
                env=spec.environment(os.getpid(), session.probe_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                return _judge(*_watch(target.pid, listener))
            finally:
                target.kill()
                target.communicate()
                _reap(target.pid)
    finally:
        session.remove()
        session.unlock()


def _reap(target: int) -> None:
    """Wait for the target's copies, which are children of this process."""
    end = time.monotonic() + REAP_S
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            reap_copies(target)
            time.sleep(0.001)


def _watch(pid: int, listening: socket.socket) -> tuple[list[TimedEvent], State]:
    events: list[TimedEvent] = []
    state = State()

    def emit(event: TimedEvent) -> None:
        events.append(event)
        state.apply(event)

    emit(
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=pid,
            argv=[],
            executable="",
            cwd="",
            started_at="",
            refwatch="",
        )
    )
    watch = ProcessMonitor(
        process=MAIN,
        pid=pid,
        launcher=os.getpid(),
        zero_ns=time.monotonic_ns(),
        rate_hz=1000.0,
        options=HeapOptions(allocations=AllocationOptions(mode="off")),
        emit=emit,
        fold=lambda: state.references_of(MAIN),
        mark=lambda *_: None,
        watched=(),
        found=lambda _: None,
        budget=SamplingBudget(),
    )
    watch.start()
    listener = Listener(listening)
    connections: list[socket.socket] = []
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not watch.over and not _seen_enough(events, state):
        for connection in listener.accept():
            connections.append(connection)
            watch.peers.add(connection)
        watch.peers.flush()
        watch.peers.read()
        wait = watch.step()
        if watch.sampling:
            time.sleep(wait)
        else:
            select.select([listener], [], [], min(wait, 0.01))
    watch.end("the checkup is over")
    for connection in connections:
        connection.close()
    return events, state


def _seen_enough(events: list[TimedEvent], state: State) -> bool:
    slices = sum(isinstance(event, ev.Sampled) for event in events)
    kinds = {type(event) for event in events}
    if slices < 6 or not {ev.ProcessMeasured, ev.GcMeasured, ev.ThreadNamed} <= kinds:
        return False
    known, limits = _known(state)
    counted = "references" in limits or (_references(known) and _instances(known) is not None)
    taken = "census" in limits or known.census.taken or known.failure is not None
    return bool(counted and taken)


def _known(state: State) -> tuple[References, dict[str, str]]:
    process = state.main
    return (process.references, process.limits) if process else (References(), {})


def _references(known: References) -> int | None:
    """Of the program's ``thing``."""
    found = (one.references for one in known.watched.values() if one.found.name.endswith("thing"))
    return next(found, None)


def _instances(known: References) -> int | None:
    """Live ones of the program's class."""
    found = (one.series.last() for one in known.classes.values() if one.name == "Thing")
    return next(found, None)


def _judge(events: list[TimedEvent], state: State) -> list[Reading]:
    _, limits = _known(state)
    return [
        *_judge_threads(events, limits),
        *_judge_process(events, limits),
        *_judge_references(state),
    ]


def _judge_references(state: State) -> list[Reading]:
    known, limits = _known(state)
    unread = limits.get("interpreter", "no count was read")
    not_live = limits.get("references", limits.get("outside reading", unread))
    references, instances = _references(known), _instances(known)
    of_things = known.census.types.get(("__main__", "Thing"))
    how = f"in a hidden copy, for which it stood still {fmt_duration(known.census.pause_s)}"
    no_census = limits.get("census") or known.failure or unread
    outside = "read from outside"
    return [
        _counted("references", references, 2, f"of watched objects, {outside}", not_live),
        _counted("live instances", instances, THINGS, f"of Python's classes, {outside}", not_live),
        _counted("census", of_things.count if of_things else None, THINGS, how, no_census),
    ]


def _counted(name: str, count: int | None, expected: int, how: str, missing: str) -> Reading:
    """A reading whose number is known."""
    if count is None:
        return Reading(name, works=False, detail=missing)
    if count != expected:
        return Reading(name, works=False, detail=f"{count} were counted where there are {expected}")
    return Reading(name, works=True, detail=how)


def _judge_threads(events: list[TimedEvent], limits: dict[str, str]) -> list[Reading]:
    found = next((e for e in events if isinstance(e, ev.InterpreterFound)), None)
    samples = [e for e in events if isinstance(e, ev.Sampled)]
    states = {s for e in samples for piece in e.threads for s in piece.states}
    gil = "GIL" not in limits and any(e.gil is not None for e in samples)
    no_gil = "no GIL in this build" if found is not None and not found.gil else None
    lines = any(isinstance(e, ev.LineSeen) for e in events)
    unread = limits.get("outside reading", limits.get("interpreter", "no sample was taken"))
    taken, span = sum(e.samples for e in samples), sum(e.span_s for e in samples)
    return [
        Reading(
            "interpreter",
            found is not None,
            f"CPython {found.python}" if found else limits.get("interpreter", "no answer"),
        ),
        Reading(
            "outside",
            "outside reading" not in limits and bool(samples),
            f"{taken / span:.0f} samples a second" if span else unread,
        ),
        Reading(
            "thread states",
            ThreadState.LOCK_WAIT in states,
            "from /proc/PID/task/TID/syscall and schedstat" if states else unread,
        ),
        Reading(
            "GIL",
            gil,
            "holder, waiters and handoffs" if gil else limits.get("GIL", no_gil or unread),
        ),
        Reading(
            "stacks",
            lines and "stacks" not in limits,
            "frames and source lines" if lines else limits.get("stacks", unread),
        ),
    ]


def _judge_process(events: list[TimedEvent], limits: dict[str, str]) -> list[Reading]:
    measured = [e for e in events if isinstance(e, ev.ProcessMeasured)]
    named = any(isinstance(e, ev.ThreadNamed) for e in events)
    collected = any(isinstance(e, ev.GcMeasured) for e in events)
    private = any(e.uss is not None for e in measured)
    return [
        Reading("thread names", named, "asked of the probe, once a second"),
        Reading("memory and CPU", bool(measured), "by psutil" if measured else "no reading"),
        Reading("private memory (USS)", private, limits.get("uss", "from /proc/PID/smaps_rollup")),
        Reading("garbage collector", collected, "gc.get_stats(), once a second"),
    ]
