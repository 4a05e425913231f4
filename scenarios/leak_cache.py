"""A cache that nothing ever leaves: the most common leak.

    refwatch scenarios/leak_cache.py --seconds 60

Some 200 times a second a request comes (`--rate`) whose number was never seen before, and the
answer is kept, just in case.

What to see: live instances of `Entry` grow by 200 a second, while `Request`, of which as many are
made, stays at 1 or none. After some ten seconds of growth `Entry` is a suspect, and the chain says
who keeps it: an `Entry` is the value of a key of a `dict`, which is the global `CACHE` of the
module `__main__`. `plateau.py` is the same program with a limit to its cache.
"""

from __future__ import annotations

import argparse
import sys
import time

SIZE = 500  # bytes of an answer


class Request:
    """Lives as long as it takes to answer it."""

    def __init__(self, number: int) -> None:
        self.number = number


class Entry:
    """An answer, and whom it was for."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.answer = bytes(SIZE)


CACHE: dict[int, Entry] = {}


def answer(request: Request) -> Entry:
    """From the cache, if it is there; the numbers never come again, so it never is."""
    if request.number not in CACHE:
        CACHE[request.number] = Entry(request.number)
    return CACHE[request.number]


def run(seconds: float, rate: float) -> int:
    """Answer ``rate`` requests a second for ``seconds``; return how many there were."""
    started = time.monotonic()
    number = 0
    while (due := number / rate) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        answer(Request(number))
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description="A cache that nothing ever leaves.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=200.0, help="requests/s (default: 200)")
    options = parser.parse_args()
    if options.seconds < 0 or options.rate <= 0:
        parser.error("--seconds must not be negative, and --rate more than 0")
    print(f"{run(options.seconds, options.rate)} requests, {len(CACHE)} entries kept", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
