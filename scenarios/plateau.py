"""A cache that fills and is then full: growth that is no leak.

    refwatch scenarios/plateau.py

What to see: live instances of `Entry` grow by 200 a second for five seconds, and stay at 1,000
from then on (`--entries`), though entries come and go as fast as before: for each new one the
oldest leaves. There is growth since the start, but no suspect. `leak_cache.py` is the same program
without the limit.
"""

from __future__ import annotations

import argparse
import sys
import time

SIZE = 500  # bytes of an answer


class Entry:
    """An answer, and whom it was for."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answer = bytes(SIZE)


CACHE: dict[int, Entry] = {}


def answer(number: int, entries: int) -> Entry:
    """From the cache, if it is there. A full one makes room: a dict's first key is its oldest."""
    if number not in CACHE:
        if len(CACHE) == entries:
            del CACHE[next(iter(CACHE))]
        CACHE[number] = Entry(number)
    return CACHE[number]


def run(seconds: float, rate: float, entries: int) -> int:
    """Answer ``rate`` requests a second for ``seconds``; return how many there were."""
    started = time.monotonic()
    number = 0
    while (due := number / rate) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        answer(number, entries)
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description="A cache that fills and is then full.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=200.0, help="requests/s (default: 200)")
    parser.add_argument("--entries", type=int, default=1000, help="at most (default: 1000)")
    options = parser.parse_args()
    if options.seconds < 0 or options.rate <= 0 or options.entries < 1:
        parser.error("--seconds must not be negative, --rate more than 0, --entries at least 1")
    number = run(options.seconds, options.rate, options.entries)
    print(f"{number} requests, {len(CACHE)} entries kept", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
