"""Objects of several types with known numbers of references, step by step, that die in the end.
Prints for each step when the change began and was done (CLOCK_MONOTONIC, seconds) and the numbers
from then on. Each step holds 0.6 seconds at least; a rest at the start lets the watch find them."""

from __future__ import annotations

import json
import sys
import time

REST_S = 2.0
LEAST_S = 0.6
NUMBERS = (0, 1, 2, 10, 100_000, 5, 0)
"""How many times each object is in the list; each has one more than the one before it."""


class Plain:
    pass


class Slots:
    """Its instances have no weak references."""

    __slots__ = ("value",)


seed = len(sys.argv) + 1_000  # what is computed from it is a constant of no code
plain = Plain()
slots = Slots()
items = [seed]
table = {"seed": seed}
group = {seed}
row = (seed, seed)
text = "text" * seed
data = b"data" * seed
whole = seed**9
real = seed / 7
made = type("Made", (list,), {})()  # its class has no other name than in it

NAMES = [
    "plain",
    "slots",
    "items",
    "table",
    "group",
    "row",
    "text",
    "data",
    "whole",
    "real",
    "made",
]


def fill(holder: list[object], number: int) -> dict[str, int]:
    """Put each object into the holder so many times; return how many references it has then."""
    holder.clear()
    counts: dict[str, int] = {}
    for index, name in enumerate(NAMES):
        times = NUMBERS[number] and NUMBERS[number] + index
        holder += [globals()[name]] * times
        counts[name] = 1 + times
    return counts


def main() -> None:
    each = max(LEAST_S, float(sys.argv[1]) / (len(NUMBERS) + 1))
    holder: list[object] = []
    steps: list[dict[str, object]] = []
    clock = time.time() - time.monotonic()
    time.sleep(REST_S)
    for number in range(len(NUMBERS)):
        began = time.monotonic()
        counts = fill(holder, number)
        steps.append({"began": began, "done": time.monotonic(), "truth": counts})
        time.sleep(each)
    began = time.monotonic()
    for name in NAMES:
        del globals()[name]
    gone = {"began": began, "done": time.monotonic(), "truth": dict.fromkeys(NAMES, 0)}
    time.sleep(each)
    ended = time.monotonic()
    print(json.dumps({"clock": clock, "steps": [*steps, gone], "ended": ended}))


if __name__ == "__main__":
    main()
