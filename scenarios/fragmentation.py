"""Memory that was freed and stays: a few blocks in use keep all those around them resident.

    refwatch scenarios/fragmentation.py --seconds 60

Two tables are filled, one with blocks of 2 KB, which are the C heap's, and one with tuples, which
are in the arenas of Python's small-object allocator; each has `--megabytes`. Then nearly all is let
go: of the first table every 20th block stays, of the second every 200th tuple. They lie evenly
between those that went, and neither free() nor Python can give the memory between them back.

What to see: the program has a few MB in use, and over a hundred are resident. The gauge of memory
says where they are, free in the C heap and free in the arenas, and a sentence says what that is.
Neither tracemalloc nor a census has anything to show: what is free is nobody's.
"""

from __future__ import annotations

import argparse
import sys
import time

BLOCK, KEPT_BLOCK = 2_000, 20
SMALL, KEPT_SMALL = 120, 200  # bytes of a tuple of eight with what the collector has before it

BLOCKS: list[bytes] = []
TUPLES: list[tuple[int, ...]] = []


def fill(megabytes: float) -> None:
    """Both tables, one entry after the other."""
    BLOCKS.extend(bytes([1]) * BLOCK for _ in range(int(megabytes * 1e6 / BLOCK)))
    TUPLES.extend((number, *range(7)) for number in range(int(megabytes * 1e6 / SMALL)))


def let_go() -> None:
    """Nearly everything."""
    BLOCKS[:] = BLOCKS[::KEPT_BLOCK]
    TUPLES[:] = TUPLES[::KEPT_SMALL]


def run(seconds: float, megabytes: float) -> int:
    """Fill the tables, let go of them, and wait for the rest of ``seconds``; return how many bytes
    are in use."""
    started = time.monotonic()
    fill(megabytes)
    let_go()
    while (left := started + seconds - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
    return sum(map(sys.getsizeof, BLOCKS)) + sum(map(sys.getsizeof, TUPLES))


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory that was freed and stays.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--megabytes", type=float, default=60.0, help="of each (default: 60)")
    options = parser.parse_args()
    if options.seconds < 0 or options.megabytes <= 0:
        parser.error("--seconds must not be negative, and --megabytes more than 0")
    used = run(options.seconds, options.megabytes)
    had = 2 * options.megabytes
    print(f"{had:.0f} MB filled, {used / 1e6:.1f} MB of it still in use", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
