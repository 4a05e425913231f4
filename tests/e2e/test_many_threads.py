"""More threads than the limit on open files leaves room for: all are watched, and how is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refwatch.readings.threads.states import ThreadState

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Bench, Reader

    from refwatch.session.process import ProcessState

TARGET = """
import sys, threading, time
over = threading.Event()
def sleeper():
    while not over.is_set():
        time.sleep(0.05)
threads = [threading.Thread(target=over.wait, name=f"waits-{n}") for n in range(150)]
threads.append(threading.Thread(target=sleeper, name="the last"))
for thread in threads:
    thread.start()
sys.stdin.readline()
over.set()
for thread in threads:
    thread.join()
"""
OPEN_FILES = 320


def test_all_are_watched(bench: Bench, reader: Callable[..., Reader]) -> None:
    command = " ".join([*bench.command, "--headless", "-o", "snapshot.json", bench.script(TARGET)])
    running = bench.start(["sh", "-c", f"ulimit -n {OPEN_FILES}; exec {command}"])

    def seen(process: ProcessState) -> bool:
        known = {one.name: one.watched_s for one in process.threads.values()}
        return known.get("waits-149", 0.0) > 0.5 and known.get("the last", 0.0) > 0.5

    bench.wait_seen(running.pid, seen)
    running.say("go\n")
    done = running.end()
    assert done.status == 0, done
    snapshot = reader(bench.read_snapshot())
    assert len(snapshot.process.threads) == 152
    assert snapshot.share("waits-149", ThreadState.LOCK_WAIT) > 0.8
    assert snapshot.share("the last", ThreadState.SLEEP) > 0.5
    (said,) = (one.reason for one in snapshot.snapshot.limits if one.reading == "threads")
    assert "leaves room for those of 32 threads" in said
