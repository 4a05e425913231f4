"""Makes cyclic garbage beside a heap that stays, and collects it: young generations as they fill,
and all of it now and then. Prints how long the collector worked, by the clock in `gc.callbacks`."""

from __future__ import annotations

import gc
import json
import sys
import time

STAYS = 200_000
ROUND = 20_000  # cycles between two collections of everything

spent_s = 0.0
count = 0
began_s = 0.0


class Node:
    def __init__(self) -> None:
        self.other = self


def measure(phase: str, _: dict[str, int]) -> None:
    global spent_s, count, began_s  # noqa: PLW0603 - a callback of the collector's
    if phase == "start":
        began_s = time.perf_counter()
    else:
        spent_s += time.perf_counter() - began_s
        count += 1


def make_garbage() -> None:
    for _ in range(ROUND):
        Node()


def main() -> None:
    gc.callbacks.append(measure)
    until = time.perf_counter() + float(sys.argv[1])
    stays = [[number] for number in range(STAYS)]
    rounds = 0
    while time.perf_counter() < until:
        make_garbage()
        gc.collect()
        rounds += 1
    facts = {"collecting_s": spent_s, "collections": count, "rounds": rounds, "stays": len(stays)}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
