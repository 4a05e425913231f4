"""Allocates blocks of known sizes at known lines, at steady rates, short-lived or kept, in two
threads, in batches, at the end of deep calls. Prints how many of which size each function has
allocated, and in how many seconds."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from itertools import repeat

DEPTH = 40
KEPT = 100
BATCH = 5000
made: Counter[str] = Counter()
kept: list[bytes] = []


def small() -> None:
    for _ in repeat(None, 200):
        bytes(10)
    made["small"] += 200


def middle() -> None:
    for _ in repeat(None, 50):
        bytes(1000)
    made["middle"] += 50


def large() -> None:
    bytes(1_000_000)
    made["large"] += 1


def stays() -> None:
    for _ in repeat(None, KEPT):
        kept.append(bytes(300))  # noqa: PERF401 - one function, one line
    made["stays"] += KEPT


def batch() -> None:
    for _ in repeat(None, BATCH):
        bytes(200)
    made["batch"] += BATCH


def deep(depth: int = DEPTH) -> None:
    if depth:
        deep(depth - 1)
        return
    for _ in repeat(None, 60):
        bytes(2000)
    made["deep"] += 60


def beside() -> None:
    for _ in repeat(None, 100):
        bytes(500)
    made["beside"] += 100


SIZES = {
    "small": sys.getsizeof(bytes(10)),
    "middle": sys.getsizeof(bytes(1000)),
    "large": sys.getsizeof(bytes(1_000_000)),
    "stays": sys.getsizeof(bytes(300)),
    "batch": sys.getsizeof(bytes(200)),
    "deep": sys.getsizeof(bytes(2000)),
    "beside": sys.getsizeof(bytes(500)),
}


def other_thread(end: float) -> None:
    while time.monotonic() < end:
        beside()
        time.sleep(0.001)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    started = time.monotonic()
    end = started + seconds
    other = threading.Thread(target=other_thread, args=(end,))
    other.start()
    turn = 0
    while time.monotonic() < end:
        small()
        middle()
        deep()
        if turn % 40 == 0:
            large()
        if turn % 20 == 0:
            stays()
        if turn % 100 == 0:
            batch()
        turn += 1
        time.sleep(0.0005)
    other.join()
    took = time.monotonic() - started
    print(json.dumps({"seconds": took, "made": made, "sizes": SIZES}))


if __name__ == "__main__":
    main()
