"""Whoever is killed, the others go on to their right end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    Wait = Callable[[Callable[[], object], str], None]

# Says when it is watched, waits for a word, does things that meet the probe, and ends with 5.
TARGET = """
import os, signal, sys, threading
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
print("ready", flush=True)
word = sys.stdin.readline().strip()
for _ in range(3):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
thread = threading.Thread(target=print, args=("a thread says", word))
thread.start()
thread.join()
sys.exit(5)
"""
OUTPUT = ["a thread says go"]


def is_gone(pid: int) -> bool:
    """Ended; its parent may not have looked yet."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def target_of(bench: Bench, refwatch: int) -> int:
    """The pid of the target: the process that runs the script."""
    others = set(bench.processes()) - {refwatch, bench.daemon_of(refwatch)}
    assert len(others) == 1
    return others.pop()


def test_the_daemon_is_killed(bench: Bench, wait_until: Wait) -> None:
    running = bench.start_watched("-o", "snapshot.json", bench.script(TARGET))
    assert running.line() == "ready"
    daemon = bench.daemon_of(running.pid)

    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: is_gone(daemon), "the daemon's end")
    done = running.end(b"go\n")

    assert (done.status, done.lines) == (5, OUTPUT)
    assert [line[:10] for line in done.err.decode().splitlines()] == ["refwatch: "]
    assert b"the daemon is gone" in done.err
    assert not (bench.folder / "snapshot.json").exists()


def test_what_a_killed_daemon_leaves_is_removed_by_the_next(bench: Bench, wait_until: Wait) -> None:
    running = bench.start_watched(bench.script(TARGET))
    assert running.line() == "ready"
    daemon = bench.daemon_of(running.pid)
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: is_gone(daemon), "the daemon's end")
    os.kill(running.pid, signal.SIGKILL)  # so that nobody can tidy up
    running.end(b"go\n")
    assert len(bench.sessions()) == 1

    bench.watched("-c", "pass")

    assert bench.sessions() == []


def test_a_session_that_goes_on_is_not_removed_by_the_next(bench: Bench) -> None:
    running = bench.start_watched(bench.script(TARGET))
    assert running.line() == "ready"
    before = bench.sessions()

    bench.watched("-c", "pass")

    assert bench.sessions() == before
    assert len(before) == 1
    assert running.end(b"go\n").summary


def test_the_target_is_killed(bench: Bench) -> None:
    running = bench.start_watched("-o", "snapshot.json", bench.script(TARGET))
    assert running.line() == "ready"

    os.kill(target_of(bench, running.pid), signal.SIGKILL)
    done = running.ended()

    assert done.status == 137
    assert "ended by SIGKILL" in done.summary
    snapshot = bench.read_snapshot()
    assert snapshot.target.exit_code == 137
    assert snapshot.processes[0].exit_code == 137
    assert snapshot.processes[0].ended_s is not None


def test_refwatch_is_killed(bench: Bench, wait_until: Wait) -> None:
    """The target goes on; the daemon sees its end and writes what was asked for."""
    running = bench.start_watched("-o", "snapshot.json", bench.script(TARGET))
    assert running.line() == "ready"
    daemon = bench.daemon_of(running.pid)

    os.kill(running.pid, signal.SIGKILL)
    running.process.wait()
    assert not is_gone(daemon)
    done = running.end(b"go\n")

    assert done.lines == OUTPUT
    wait_until((bench.folder / "snapshot.json").exists, "the snapshot")
    snapshot = bench.read_snapshot()
    assert snapshot.target.exit_code is None
    assert snapshot.processes[0].ended_s is not None
    wait_until(lambda: is_gone(daemon), "the daemon's end")


def test_the_daemon_is_asked_to_end(bench: Bench, wait_until: Wait) -> None:
    """SIGTERM: it writes what it has; the target goes on."""
    running = bench.start_watched("-o", "snapshot.json", bench.script(TARGET))
    assert running.line() == "ready"
    daemon = bench.daemon_of(running.pid)

    os.kill(daemon, signal.SIGTERM)
    wait_until((bench.folder / "snapshot.json").exists, "the snapshot")
    assert bench.read_snapshot().target.exit_code is None
    done = running.end(b"go\n")

    assert (done.status, done.lines) == (5, OUTPUT)


def test_both_are_killed_at_once(bench: Bench, wait_until: Wait) -> None:
    """The target is left quite alone."""
    script = bench.script(TARGET + "\n")
    running = bench.start_watched(script)
    assert running.line() == "ready"
    daemon, target = bench.daemon_of(running.pid), target_of(bench, running.pid)

    for pid in (running.pid, daemon):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_gone(daemon), "the daemon's end")
    done = running.end(b"go\n")

    assert done.lines == OUTPUT
    wait_until(lambda: is_gone(target), "the target's end")
    bench.watched("-c", "pass")  # tidies up
