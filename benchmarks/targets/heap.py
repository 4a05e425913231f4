"""A heap of many objects, and a thread that never rests: what stops it, it feels.

    python heap.py OBJECTS SECONDS nothing|objgraph|gc

Builds the heap, then a thread looks at the clock as often as it can for so many seconds, and keeps
each gap of more than half a millisecond. A third of the time in, `objgraph` counts the heap by
`objgraph.typestats`, `gc` by `gc.get_objects` and a Counter, in another thread. Prints the gaps and
when the count began and ended, in seconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

import collections
import gc
import json
import sys
import threading
import time

LEAST_GAP_S = 0.0005


class Node:
    __slots__ = ("a", "b")

    def __init__(self, a: object, b: object) -> None:
        self.a = a
        self.b = b


def look(until: float, gaps: list[tuple[float, float]]) -> None:
    """Note (when it began, how long it was) of each gap between two looks at the clock."""
    last = time.monotonic()
    while last < until:
        for _ in range(50):
            pass
        now = time.monotonic()
        if now - last > LEAST_GAP_S:
            gaps.append((last, now - last))
        last = now


def by_objgraph() -> object:
    import objgraph

    return objgraph.typestats()


def by_gc() -> object:
    return collections.Counter(map(type, gc.get_objects()))


WAYS = {"objgraph": by_objgraph, "gc": by_gc}


def main() -> None:
    objects, seconds, way = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    gc.disable()  # its own pauses would be in the way
    heap = [Node(number, [number]) for number in range(objects // 2)]
    gaps: list[tuple[float, float]] = []
    counted: list[float] = []
    ready = time.monotonic()
    thread = threading.Thread(target=look, args=(ready + seconds, gaps), name="busy")
    thread.start()
    if way in WAYS:
        time.sleep(seconds / 3)
        counted.append(time.monotonic())
        found = WAYS[way]()
        counted.append(time.monotonic())
        del found
    thread.join()
    clock = time.time() - time.monotonic()
    facts = {"ready": ready, "clock": clock, "gaps": gaps, "counted": counted, "nodes": len(heap)}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
