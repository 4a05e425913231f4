"""5,000 watched objects and 2,000 classes, and work that uses them: what counting them costs.

Where refwatch can be imported, the objects are watched by `refwatch.watch`, which does nothing in a
bare run. The work begins after a rest in which the watch finds them all."""

from __future__ import annotations

import contextlib
import json
import sys
import time

OBJECTS, CLASSES = 5_000, 2_000
REST_S = 3.0


class Thing:
    def __init__(self, number: int) -> None:
        self.number = number


things = [Thing(number) for number in range(OBJECTS)]
classes = [type(f"Class{number}", (), {"number": number}) for number in range(CLASSES)]


def watch() -> None:
    with contextlib.suppress(ImportError):
        import refwatch

        for thing in things:
            refwatch.watch(thing, f"thing {thing.number}")  # type: ignore[attr-defined, unused-ignore]


def work(rounds: int) -> int:
    """References to each object come and go, and an instance of each class lives for a moment."""
    total = 0
    for number in range(rounds):
        held = [thing for thing in things if thing.number % 3 != number % 3]
        total += sum(thing.number for thing in held)
        made = [cls() for cls in classes]
        total += len(made)
    return total


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    watch()
    time.sleep(REST_S)
    started, cpu = time.perf_counter(), time.process_time()
    work(int(15_000 * scale))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
