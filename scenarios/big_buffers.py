"""A few objects that are huge: most of the memory in a handful of blocks.

    refwatch scenarios/big_buffers.py --alloc exact

Ten times a second a frame comes, in turn a `bytes` and an `array` of doubles, 16 MB each
(`--megabytes`), and the newest four are kept.

What to see: a census counts four objects of no account, and two lines have all of the memory: the
one in `photo` two blocks of 16 MB, the one in `samples` as well. In the gauge they are the C heap
in use, since none fits into an arena of Python's; what is free there is the place of those that
went, where the next ones go.
"""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections import deque

KEPT = 4
FRAMES_HZ = 10.0

frames: deque[bytes | array[float]] = deque(maxlen=KEPT)


def photo(size: int) -> bytes:
    return b"\xff" * size


def samples(size: int) -> array[float]:
    return array("d", [0.5]) * (size // 8)


def run(seconds: float, megabytes: float) -> int:
    """Take frames for ``seconds``; return how many there were."""
    size = int(megabytes * 1e6)
    started = time.monotonic()
    number = 0
    while (due := number / FRAMES_HZ) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        frames.append(samples(size) if number % 2 else photo(size))
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description="A few objects that are huge.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--megabytes", type=float, default=16.0, help="of each (default: 16)")
    options = parser.parse_args()
    if options.seconds < 0 or options.megabytes <= 0:
        parser.error("--seconds must not be negative, and --megabytes more than 0")
    number = run(options.seconds, options.megabytes)
    print(f"{number} frames, {len(frames)} of them kept", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
