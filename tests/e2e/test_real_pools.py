"""Servers, test runners and pools as they are used, by their own packages."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from refwatch.session.state import State

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    from refwatch.export.schema_types import Process

WORK = """
    import time
    def work(n):
        end = time.process_time() + {seconds}  # as much of it on a busy machine
        while time.process_time() < end: n += 1
        return n
    """


def workers(processes: list[Process], function: str) -> list[Process]:
    """Children that were seen in this function."""
    return [
        process
        for process in processes
        if process.number != 1
        and any(line.function == function for thread in process.threads for line in thread.hot)
    ]


def test_gunicorn(bench: Bench) -> None:
    """The master, and two workers that answer requests: each with its lines, until all end."""
    bench.write(
        "app.py",
        WORK.format(seconds=0.02)
        + """
    def app(environ, start_response):
        work(0)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]
    """,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "app:app"]
    running = bench.start_watched("-o", "snapshot.json", *words)
    bench.wait_state(running.pid, lambda state: len(state.processes) == 3)
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/")
                connection.getresponse().read()
                connection.close()
            except OSError:
                over.wait(0.05)

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        bench.wait_state(running.pid, both_in("work"))
    finally:
        over.set()
        for thread in asking:
            thread.join()
    running.process.send_signal(signal.SIGTERM)
    done = running.ended()
    assert done.status == 0, done
    master, *found = bench.read_snapshot().processes
    assert len(found) == 2
    assert workers(found, "work") == found
    assert all(process.start_method == "fork" and process.ppid == master.pid for process in found)


def both_in(function: str, number: int = 2) -> Callable[[State], object]:
    """So many children were seen in this function."""

    def seen(state: State) -> bool:
        found = [one for one in state.processes.values() if one.number != 1]
        return number <= sum(
            any(line.function == function for line in one.lines.values()) for one in found
        )

    return seen


def test_pytest_with_two_workers(bench: Bench) -> None:
    bench.write(
        "test_much.py",
        WORK.format(seconds=0.4)
        + """
    import pytest
    @pytest.mark.parametrize("n", range(6))
    def test_work(n):
        assert work(n) > n
    """,
    )
    words = ["-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "test_much.py"]
    snapshot = bench.snapshot(*words)
    found = workers(snapshot.processes, "work")
    assert len(found) == 2
    assert all(process.start_method == "subprocess" for process in found)
    assert snapshot.verdict.kind == "process_parallel"


def test_joblib(bench: Bench) -> None:
    script = bench.script(
        WORK.format(seconds=0.5)
        + """
    from joblib import Parallel, delayed
    if __name__ == "__main__":
        print(len(Parallel(n_jobs=2)(delayed(work)(n) for n in range(4))))
    """
    )
    snapshot = bench.snapshot(script)
    assert len(workers(snapshot.processes, "work")) >= 2
    assert snapshot.target.exit_code == 0
