"""One function called by two others through a third, by one three times as much as by the other: in
the thread `computing` it computes for 0.2 to 3 ms at a time, in `waiting` it sleeps for 1 to 10 ms.
Prints for how long each caller had it at work, by the clock around each call."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable

Leaf = Callable[[float], None]


def compute(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def wait(seconds: float) -> None:
    time.sleep(seconds)


def through(leaf: Leaf, seconds: float) -> None:
    leaf(seconds)


def seldom(leaf: Leaf, seconds: float) -> None:
    through(leaf, seconds)


def often(leaf: Leaf, seconds: float) -> None:
    through(leaf, seconds)


CALLERS = (seldom, often, often, often)
KINDS: dict[str, tuple[Leaf, float, float]] = {
    "computing": (compute, 0.0002, 0.003),
    "waiting": (wait, 0.001, 0.01),
}


def mix(name: str, until: float, truth: dict[str, dict[str, float]]) -> None:
    leaf, least, most = KINDS[name]
    chance = random.Random(name)
    spent = {seldom.__name__: 0.0, often.__name__: 0.0}
    now = time.perf_counter()
    while now < until:
        caller, seconds = chance.choice(CALLERS), chance.uniform(least, most)
        before = time.perf_counter()
        caller(leaf, seconds)
        now = time.perf_counter()
        spent[caller.__name__] += now - before
    truth[leaf.__name__] = spent


def main() -> None:
    until = time.perf_counter() + float(sys.argv[1])
    truth: dict[str, dict[str, float]] = {}
    threads = [threading.Thread(target=mix, args=(name, until, truth), name=name) for name in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"leaves": truth}))


if __name__ == "__main__":
    main()
