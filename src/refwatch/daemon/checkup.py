"""What this machine and an interpreter allow: a small target is watched for a moment, for real."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from dataclasses import dataclass

from refwatch.daemon.connections import Listener
from refwatch.daemon.session_dir import SessionDirectory
from refwatch.daemon.target import TargetSpec
from refwatch.daemon.watch import Watch
from refwatch.model import events as ev
from refwatch.model.states import ThreadState

LIMIT_S = 5.0
PROGRAM = """
import sys, threading
gate = threading.Lock()
gate.acquire()
threading.Thread(target=gate.acquire, name="waits", daemon=True).start()
def spin():
    while True:
        pass
threading.Thread(target=spin, name="spins", daemon=True).start()
sys.stdin.read()
"""


@dataclass(frozen=True)
class Reading:
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
            target = subprocess.Popen(
                spec.argv,
                env=spec.environment(os.getpid(), session.probe_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                return _judge(_watch(target.pid, listener))
            finally:
                target.kill()
                target.communicate()
    finally:
        session.remove()
        session.unlock()


def _watch(pid: int, listening: socket.socket) -> list[ev.Event]:
    events: list[ev.Event] = []
    watch = Watch(pid, time.monotonic_ns(), 1000.0, events.append)
    watch.start()
    listener = Listener(listening)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not watch.over and not _seen_enough(events):
        for connection in listener.accept():
            watch.take_probe(connection)
        watch.read_probe()
        wait = watch.step()
        if watch.sampling:
            time.sleep(wait)
        else:
            select.select([listener], [], [], min(wait, 0.01))
    watch.end("the checkup is over")
    return events


def _seen_enough(events: list[ev.Event]) -> bool:
    slices = sum(isinstance(event, ev.Sampled) for event in events)
    kinds = {type(event) for event in events}
    return slices >= 6 and {ev.ProcessMeasured, ev.GcMeasured, ev.ThreadNamed} <= kinds


def _judge(events: list[ev.Event]) -> list[Reading]:
    limits = {e.reading: e.reason for e in events if isinstance(e, ev.ReadingLimited)}
    found = next((e for e in events if isinstance(e, ev.InterpreterFound)), None)
    samples = [e for e in events if isinstance(e, ev.Sampled)]
    states = {s for e in samples for piece in e.threads for s in piece.states}
    gil = [e.gil for e in samples if e.gil is not None]
    lines = any(isinstance(e, ev.LineSeen) for e in events)
    measured = [e for e in events if isinstance(e, ev.ProcessMeasured)]
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
            bool(gil) and "GIL" not in limits,
            "holder, waiters and handoffs"
            if gil and "GIL" not in limits
            else limits.get(
                "GIL", unread if found is None or found.gil else "no GIL in this build"
            ),
        ),
        Reading(
            "stacks",
            lines and "stacks" not in limits,
            "frames and source lines" if lines else limits.get("stacks", unread),
        ),
        Reading(
            "thread names",
            any(isinstance(e, ev.ThreadNamed) for e in events),
            "asked of the probe, once a second",
        ),
        Reading(
            "memory and CPU",
            bool(measured),
            "by psutil" if measured else "no reading",
        ),
        Reading(
            "private memory (USS)",
            any(e.uss is not None for e in measured),
            limits.get("uss", "from /proc/PID/smaps_rollup"),
        ),
        Reading(
            "garbage collector",
            any(isinstance(e, ev.GcMeasured) for e in events),
            "gc.get_stats(), once a second",
        ),
    ]
