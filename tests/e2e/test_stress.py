"""Kills at random moments: whoever goes, the rest goes on, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import until

from refwatch.session.recording import read_recording
from refwatch.session.state import State
from refwatch.target.proc import children_of, is_copy

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Terminal

    Open = Callable[..., Terminal]

LAST_S = 1.5  # of a session, at most, that its recording lacks when the daemon is killed
ROUNDS = int(os.environ.get("STRESS_ROUNDS", "200"))
FAMILY = """
    import os, signal, sys, threading, time
    class Thing: pass
    things = []
    def grow():
        while True:
            things.append(Thing())
            time.sleep(0.002)
    def child():
        threading.Thread(target=grow, daemon=True).start()
        end = time.monotonic() + 20
        while time.monotonic() < end and os.getppid() == parent:
            sum(range(2000)); time.sleep(0.001)
        os._exit(0)
    parent = os.getpid()
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0: child()
        pids.append(pid)
    threading.Thread(target=grow, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.readline()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print("done", flush=True)
    os._exit(5)
    """


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_random_moments(bench: Bench, open_terminal: Open) -> None:
    chance = random.Random(7)
    script = bench.script(FAMILY)
    for number in range(ROUNDS):
        record = bench.folder / f"{number}.rwr"
        running = bench.start_watched("--record", record, script)
        assert running.line() == "ready"
        daemon = bench.daemon_of(running.pid)
        viewer = open_terminal("attach")
        (target,) = (pid for pid in children_of(running.pid) if pid != daemon and not is_copy(pid))
        victims = {"child": [*children_of(target)], "target": [target], "daemon": [daemon]}
        victims["viewer"] = [viewer.pid]
        kind = chance.choice(["child", "target", "daemon", "copy", "viewer"])
        time.sleep(2 * chance.random())
        victims["copy"] = [pid for pid in children_of(running.pid) if is_copy(pid)]
        for pid in victims[kind][:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed = time.time()
        time.sleep(chance.random() / 4)
        done = running.end(b"go\n")
        said = f"round {number}, {kind}: {done}"
        assert done.status == (137 if kind == "target" else 5), said
        if kind != "target":
            assert "done" in done.lines, said
        viewer.close()
        if kind != "daemon":
            until(lambda: not bench.sessions(), f"the end of the session; {said}")
        state = State()
        for event in read_recording(record).events:
            state.apply(event)
        assert state.main is not None, said
        assert len(state.processes) == 4, said
        if kind == "daemon":
            began = datetime.fromisoformat(state.main.started.started_at).timestamp()
            assert began + state.now > killed - LAST_S, said
        else:
            assert state.main.ended_s is not None, said
        record.unlink()
    bench.watched("-c", "pass")  # tidies up after the daemons that were killed
