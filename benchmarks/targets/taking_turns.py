"""A thread that waits in turn at three lines, for a known time each, and computes a little between:
every function is named after the state that it waits in."""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time

WAITS_MS = {"sleep": 7, "io_wait": 5, "lock_wait": 9}
WORK_S = 0.0005


def work() -> None:
    until = time.perf_counter() + WORK_S
    while time.perf_counter() < until:
        pass


def main() -> None:
    near, _far = socket.socketpair()
    lock = threading.Lock()
    lock.acquire()
    waited = dict.fromkeys(WAITS_MS, 0.0)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)

    def io_wait(seconds: float) -> None:
        select.select([near], [], [], seconds)

    def lock_wait(seconds: float) -> None:
        lock.acquire(timeout=seconds)

    def turns() -> None:
        until = time.monotonic() + float(sys.argv[1])
        while time.monotonic() < until:
            for wait in (sleep, io_wait, lock_wait):
                work()
                seconds = WAITS_MS[wait.__name__] / 1e3
                wait(seconds)  # what it takes to get a CPU afterwards is no wait at this line
                waited[wait.__name__] += seconds

    thread = threading.Thread(target=turns, name="turns")
    thread.start()
    thread.join()
    print(json.dumps({"waited_s": waited, "each": "5 to 9 ms each"}))


if __name__ == "__main__":
    main()
