"""Four threads of pure-Python arithmetic: the GIL as a bottleneck.

    refwatch scenarios/threads_cpu.py

What to see: the GIL is held nearly all the time, and by one thread after another. Each of the four
`cruncher` threads holds it a quarter of the time and waits for it the rest (`gil_held` about 25 %,
`gil_wait` about 75 %); the timeline strips show it go round some 200 times a second, once in each
switch interval. The hot line is the one in `crunch` that multiplies. The main thread sits in
`join`, which is `lock_wait`. Four threads finish no more rounds than one would: try `--threads 1`.
With `--rounds` the work is the same for any number of threads, and what differs is how long it
takes.
"""

from __future__ import annotations

import argparse
import math
import sys
import threading
import time

STEPS = 1_000  # of arithmetic between two looks at the clock, some 50 microseconds


def crunch(value: int) -> int:
    """One round: a thousand steps of a linear congruential generator."""
    for _ in range(STEPS):
        value = (value * 1_103_515_245 + 12_345) % 2_147_483_648
    return value


def work(index: int, until: float, most: int, stop: threading.Event, rounds: list[int]) -> None:
    """Do at ``most`` so many rounds, until the time ``until`` (of ``time.monotonic``) or until told
    to stop."""
    value = index
    while rounds[index] < most and time.monotonic() < until and not stop.is_set():
        value = crunch(value)
        rounds[index] += 1


def run(seconds: float, count: int, most: int = sys.maxsize) -> list[int]:
    """Let ``count`` threads work for ``seconds``, or until each has done at ``most`` so many
    rounds; return how many each has done."""
    stop = threading.Event()
    rounds = [0] * count
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(
            target=work, args=(index, until, most, stop, rounds), name=f"cruncher-{index}"
        )
        for index in range(count)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:  # Ctrl-C comes here too: no thread may keep the process alive
        stop.set()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="Threads of pure-Python arithmetic.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--threads", type=int, default=4, help="how many (default: 4)")
    parser.add_argument("--rounds", type=int, help="of all threads together, instead of --seconds")
    options = parser.parse_args()
    if options.seconds < 0 or options.threads < 1:
        parser.error("--seconds must not be negative, and --threads at least 1")
    if options.rounds is None:
        rounds = run(options.seconds, options.threads)
    else:
        rounds = run(math.inf, options.threads, math.ceil(options.rounds / options.threads))
    shares = ", ".join(f"{count / max(1, sum(rounds)):.0%}" for count in rounds)
    print(f"{sum(rounds)} rounds by {len(rounds)} threads; their shares: {shares}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
