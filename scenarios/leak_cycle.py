"""Rings of objects with the collector off: memory that nobody holds, and nobody frees.

    refwatch scenarios/leak_cycle.py --seconds 60

Each tree is a `Branch` and its three `Leaf` objects, which know their branch. When the program lets
a tree go, its parts still refer to each other; only the collector could free them, and
`gc.disable()` keeps it from coming, as some programs do for speed.

What to see: live instances grow by 50 a second of `Branch` (`--rate`) and by 150 of `Leaf`. Both
become suspects after some ten seconds, and no chain leads to a module, a frame or a thread: they
hold each other and nothing else does. They are garbage. `gc.collect()` at the end frees them all.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time

LEAVES = 3


class Branch:
    """Has leaves."""

    def __init__(self) -> None:
        self.leaves = [Leaf(self) for _ in range(LEAVES)]


class Leaf:
    """Knows its branch: that closes the ring."""

    def __init__(self, branch: Branch) -> None:
        self.branch = branch


def run(seconds: float, rate: float) -> int:
    """Grow ``rate`` trees a second for ``seconds`` and keep none; return how many there were."""
    started = time.monotonic()
    number = 0
    while (due := number / rate) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        Branch()
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description="Rings of objects with the collector off.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=50.0, help="trees/s (default: 50)")
    options = parser.parse_args()
    if options.seconds < 0 or options.rate <= 0:
        parser.error("--seconds must not be negative, and --rate more than 0")
    gc.collect()  # what the imports have left is not to be counted below
    gc.disable()
    number = run(options.seconds, options.rate)
    print(f"{number} trees let go, {gc.collect()} objects collected", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
