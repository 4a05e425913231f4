"""A collector's context and a process's state, for tests that have no session."""

from __future__ import annotations

import os
from collections.abc import Callable

from refwatch.session import events as ev
from refwatch.session.process import ProcessState
from refwatch.target.context import Context
from refwatch.target.memory import RemoteMemory
from refwatch.target.probe_commands import ProbeCommand
from refwatch.wire.event import MAIN, TimedEvent


def context(
    emit: Callable[[TimedEvent], None],
    *,
    asked: Callable[[ProbeCommand], None] = lambda _: None,
    clock: Callable[[], int] = lambda: 0,
    memory: RemoteMemory | None = None,
) -> Context:
    """That of this process. ``asked`` gets what the probe is sent."""
    return Context(
        process=MAIN,
        pid=os.getpid(),
        launcher=os.getppid(),
        memory=memory,
        emit=emit,
        send=asked,
        clock=clock,
    )


def started(pid: int = 42, *, process: int = MAIN) -> ev.TargetStarted:
    return ev.TargetStarted(
        at=0.0,
        process=process,
        pid=pid,
        argv=["x.py"],
        executable="/py",
        cwd="/tmp",
        started_at="2026-01-01T00:00:00Z",
        refwatch="0",
    )


def process_state(pid: int = 42) -> ProcessState:
    """That of a process of which nothing is known yet."""
    return ProcessState(started=started(pid))
