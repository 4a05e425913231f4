"""Blocks that live for a moment: much is allocated, nothing is kept, and one line is hot.

    refwatch scenarios/churn.py --alloc burst

A hundred times a second the same four functions run. Each has one line that allocates, of which the
program knows how often it runs and how large its blocks are.

What to see: resident memory stays as it is, and nothing of it is a leak; yet the line in `hot`
allocates 200,000 blocks a second (`--rate`), over 50 MB, the one in `warm` a tenth of the blocks,
and the one in `large` few blocks that make the most bytes of all. The one in `cool` is hardly to be
found among them. At its end the program prints its own count of each line as JSON: what the
estimates of burst mode are to be held against.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from itertools import repeat

TICKS = 100  # a second
OBJECT = sys.getsizeof(b"")  # bytes that an object has beside its contents


def hot(blocks: int) -> None:
    for _ in repeat(None, blocks):
        bytes(240)


def warm(blocks: int) -> None:
    for _ in repeat(None, blocks):
        bytes(1_000)


def large(blocks: int) -> None:
    for _ in repeat(None, blocks):
        bytes(100_000)


def cool(blocks: int) -> None:
    for _ in repeat(None, blocks):
        bytes(40)


LINES: tuple[tuple[Callable[[int], None], int, float], ...] = (
    (hot, 240, 1.0),
    (warm, 1_000, 0.1),
    (large, 100_000, 0.005),
    (cool, 40, 0.0025),
)
"""(function, contents of one of its blocks in bytes, blocks for each block of ``hot``)"""


def run(seconds: float, rate: float) -> dict[str, object]:
    """Allocate for ``seconds``; return the true rates."""
    counts = dict.fromkeys((function for function, _, _ in LINES), 0)
    started = time.monotonic()
    tick = 0
    while (due := tick / TICKS) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        tick += 1
        for function, _, share in LINES:
            blocks = round(tick * rate * share / TICKS) - counts[function]
            function(blocks)
            counts[function] += blocks
    took = max(time.monotonic() - started, 1e-9)
    lines = [
        {
            "function": function.__name__,
            "line": function.__code__.co_firstlineno + 2,
            "blocks": counts[function],
            "bytes": counts[function] * (size + OBJECT),
            "blocks_per_s": counts[function] / took,
            "bytes_per_s": counts[function] * (size + OBJECT) / took,
        }
        for function, size, _ in LINES
    ]
    return {"seconds": took, "lines": lines}


def main() -> None:
    parser = argparse.ArgumentParser(description="Blocks that live for a moment.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument(
        "--rate", type=float, default=200_000.0, help="blocks/s of the hot line (default: 200,000)"
    )
    options = parser.parse_args()
    if options.seconds < 0 or options.rate <= 0:
        parser.error("--seconds must not be negative, and --rate more than 0")
    print(json.dumps(run(options.seconds, options.rate)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
