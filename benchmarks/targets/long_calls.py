"""One long C call that keeps the GIL, twice: `sum` computes, `usleep` (called through PyDLL, which
does not let the GIL go) sleeps with it. The `waiter` thread wants the GIL all the while. Prints how
long each call took."""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time

REST_S = 0.3  # before each call: time enough to be seen as a thread


def size_for(seconds: float) -> int:
    """How many numbers this machine adds up in so many seconds, about."""
    before = time.perf_counter()
    sum(range(2_000_000))
    return int(2_000_000 * seconds / (time.perf_counter() - before))


def timed_sum(size: int, took: dict[str, float]) -> None:
    time.sleep(REST_S)
    before = time.perf_counter()
    sum(range(size))
    took["sum"] = time.perf_counter() - before


def timed_usleep(micros: int, took: dict[str, float]) -> None:
    usleep = ctypes.PyDLL(None).usleep
    time.sleep(REST_S)
    before = time.perf_counter()
    usleep(micros)
    took["usleep"] = time.perf_counter() - before


def wait(done: threading.Event) -> None:
    while not done.is_set():
        time.sleep(0.001)


def main() -> None:
    seconds = float(sys.argv[1])
    took: dict[str, float] = {}
    done = threading.Event()
    waiter = threading.Thread(target=wait, args=(done,), name="waiter")
    waiter.start()
    callers = [
        threading.Thread(target=timed_sum, args=(size_for(seconds), took), name="sum"),
        threading.Thread(target=timed_usleep, args=(int(seconds * 1e6), took), name="usleep"),
    ]
    for caller in callers:
        caller.start()
        caller.join()
    time.sleep(REST_S)
    done.set()
    waiter.join()
    print(json.dumps({**took, "rested": REST_S}))


if __name__ == "__main__":
    main()
