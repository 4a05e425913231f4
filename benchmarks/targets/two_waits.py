"""Threads that sleep, select and wait for a lock in turn, each at a line of its own: `long` for 30,
20 and 40 ms, `short` for 5 ms each, `working` for as long as `long` and with 5 ms of computing
before each. Prints for how long each thread was at each line, by the clock around it."""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable

WAITS_MS = {"long": (30, 20, 40), "short": (5, 5, 5), "working": (30, 20, 40)}
WORK_S = {"long": 0.0, "short": 0.0, "working": 0.005}

near, far = socket.socketpair()
held = threading.Lock()


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def io_wait(seconds: float) -> None:
    select.select([near], [], [], seconds)


def lock_wait(seconds: float) -> None:
    held.acquire(timeout=seconds)


def work(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


WAITS: tuple[Callable[[float], None], ...] = (sleep, io_wait, lock_wait)


def turns(name: str, until: float, truth: dict[str, dict[str, float]]) -> None:
    at = dict.fromkeys(("work", *(wait.__name__ for wait in WAITS)), 0.0)
    began = now = time.perf_counter()
    while now < until:
        for wait, ms in zip(WAITS, WAITS_MS[name], strict=True):
            for line, seconds in ((work, WORK_S[name]), (wait, ms / 1e3)):
                before = time.perf_counter()
                line(seconds)
                now = time.perf_counter()
                at[line.__name__] += now - before
    truth[name] = {**at, "lived_s": now - began}


def main() -> None:
    held.acquire()
    until = time.perf_counter() + float(sys.argv[1])
    truth: dict[str, dict[str, float]] = {}
    threads = [
        threading.Thread(target=turns, args=(name, until, truth), name=name) for name in WAITS_MS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"threads": truth}))


if __name__ == "__main__":
    main()
