"""Threads that wait for one lock: waiting that is no fault of the GIL.

    refwatch scenarios/lock_contention.py

Four `worker` threads share one `threading.Lock`. The owner sleeps while it holds it, as a program
does that calls a database or writes a file under a lock.

What to see: each worker is in `lock_wait` about three quarters of the time and in `sleep` for the
rest. The line that waits is the `with lock` in `work`; the line that sleeps is the one inside it.
The GIL is free nearly all the time and nobody waits for it. The main thread sits in `join`, which
is `lock_wait` too. Four threads get no more turns than one would: try `--threads 1`.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time

HOLD_S = 0.01  # for which the owner keeps the lock
REST_S = 0.001  # between two turns, so that the lock goes to a thread that waits for it


def work(
    lock: threading.Lock,
    until: float,
    stop: threading.Event,
    waits_s: list[list[float]],
    index: int,
) -> None:
    """Take turns until the time ``until`` (of ``time.monotonic``) or until told to stop; note for
    each how many seconds it took to get the lock."""
    while time.monotonic() < until and not stop.is_set():
        asked = time.monotonic()
        with lock:
            waits_s[index].append(time.monotonic() - asked)
            time.sleep(HOLD_S)
        time.sleep(REST_S)


def run(seconds: float, count: int) -> list[list[float]]:
    """Let ``count`` threads take turns for ``seconds``; return each one's waits in seconds."""
    stop, lock = threading.Event(), threading.Lock()
    waits_s: list[list[float]] = [[] for _ in range(count)]
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=work, args=(lock, until, stop, waits_s, i), name=f"worker-{i}")
        for i in range(count)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:  # Ctrl-C comes here too: each thread ends after its next turn
        stop.set()
    return waits_s


def main() -> None:
    parser = argparse.ArgumentParser(description="Threads that wait for one lock.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--threads", type=int, default=4, help="how many (default: 4)")
    options = parser.parse_args()
    if options.seconds < 0 or options.threads < 1:
        parser.error("--seconds must not be negative, and --threads at least 1")
    started = time.monotonic()
    waits_s = run(options.seconds, options.threads)
    took = time.monotonic() - started
    share = sum(map(sum, waits_s)) / (took * len(waits_s))
    print(
        f"{sum(map(len, waits_s))} turns of {len(waits_s)} threads in {took:.1f} s; "
        f"each waited {share:.0%} of the time for the lock",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
