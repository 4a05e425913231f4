"""Four threads that do nothing but run Python. Prints each one's own CPU time, so that the share of
the GIL it truly had is known: a thread that only computes is on a CPU while it holds the GIL."""

from __future__ import annotations

import json
import sys
import threading
import time

THREADS = 4


def spin(until: float, cpu_s: dict[str, float]) -> None:
    value = 0
    while time.perf_counter() < until:
        for _ in range(2_000):
            value = (value * 3 + 1) & 0xFFFF
    cpu_s[threading.current_thread().name] = time.thread_time()


def main() -> None:
    seconds = float(sys.argv[1])
    cpu_s: dict[str, float] = {}
    started = time.perf_counter()
    threads = [
        threading.Thread(target=spin, args=(started + seconds, cpu_s), name=f"spin-{index}")
        for index in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    print(json.dumps({"took_s": took, "cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
