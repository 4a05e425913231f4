"""Four threads that compute, with the switch interval that the second argument says, in ms. By the
clock, each notes when it first and last had the GIL in each turn. The turn ended between that and
when the next thread had it: one that must wait for a CPU notes nothing. Prints the interval and the
medians of what the turns took at least and at most, seconds."""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from itertools import pairwise

THREADS = 4

owner = 0
first_s = last_s = 0.0
turns: list[tuple[float, float]] = []  # first and last seen


def take_turns(me: int, until: float) -> None:
    global owner, first_s, last_s  # noqa: PLW0603 - what a turn is shows only in what all share
    now = time.perf_counter()
    while now < until:
        now = time.perf_counter()
        if owner != me:  # the GIL may have come and gone since that reading of the clock
            turns.append((first_s, last_s))
            owner = me
            first_s = now = time.perf_counter()
        last_s = now


def main() -> None:
    interval_s = float(sys.argv[2]) / 1e3 if len(sys.argv) > 2 else 0.005
    sys.setswitchinterval(interval_s)
    until = time.perf_counter() + float(sys.argv[1])
    threads = [
        threading.Thread(target=take_turns, args=(1 + index, until)) for index in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    least_s = statistics.median(last - first for first, last in turns[1:])
    most_s = statistics.median(after - first for (first, _), (after, _) in pairwise(turns[1:]))
    facts = {"interval_s": interval_s, "turns": len(turns)}
    print(json.dumps({**facts, "least_s": least_s, "most_s": most_s}))


if __name__ == "__main__":
    main()
