"""A pipeline of three threads over blocks of numbers: one makes them, one transforms them, one
packs and counts them; with numpy where that is installed, else with the standard library. Prints
how many blocks went through a second, and the CPU time of its functions by the clock around
them."""

from __future__ import annotations

import json
import os
import queue
import random
import sys
import threading
import time
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy as np
except ImportError:
    np = None

BLOCKS = 800
SIZE = 1 << 15
WITHOUT_NUMPY = 1 << 13  # numbers in a block
Block = Any  # a numpy array, or an array
T = TypeVar("T")
Result = TypeVar("Result")

cpu_s: defaultdict[str, float] = defaultdict(float)


def make_block(number: int) -> Block:
    if np is not None:
        return np.random.default_rng(number).standard_normal(SIZE)
    chance = random.Random(number)
    return array("d", [chance.random() for _ in range(WITHOUT_NUMPY)])


def damp_wave(block: Block) -> Block:
    if np is not None:
        return np.sin(block) * np.exp(-block * block)
    return array("d", [value * value for value in block])


def sort_block(block: Block) -> Block:
    if np is None:
        return array("d", sorted(block))
    block.sort()
    return block


def pack(block: Block) -> int:
    return len(zlib.compress(block.tobytes()[: SIZE * 2], 4))


def count_buckets(block: Block) -> int:
    """In Python, as what has been left of an older program."""
    counts = [0] * 16
    for value in block[:4000]:
        counts[int(value * 7) & 15] += 1
    return max(counts)


def timed(function: Callable[[T], Result], argument: T) -> Result:
    began = time.thread_time()
    result = function(argument)
    cpu_s[function.__name__] += time.thread_time() - began
    return result


def make(blocks: int, out: queue.Queue[Block]) -> None:
    for number in range(blocks):
        out.put(timed(make_block, number))
    out.put(None)


def transform(into: queue.Queue[Block], out: queue.Queue[Block]) -> None:
    while (block := into.get()) is not None:
        out.put(timed(sort_block, timed(damp_wave, block)))
    out.put(None)


def finish(into: queue.Queue[Block]) -> None:
    while (block := into.get()) is not None:
        timed(pack, block)
        timed(count_buckets, block)


def main() -> None:
    blocks = int(BLOCKS * (float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
    first, second = queue.Queue[Block](4), queue.Queue[Block](4)
    threads = [
        threading.Thread(target=make, args=(blocks, first), name="make"),
        threading.Thread(target=transform, args=(first, second), name="transform"),
        threading.Thread(target=finish, args=(second,), name="finish"),
    ]
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    facts = {"work_s": took, "items": blocks, "per_s": blocks / took, "numpy": np is not None}
    used = time.process_time() - cpu
    print(json.dumps({**facts, "cpu_s": used, "functions_cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
