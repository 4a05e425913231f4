"""When an object dies: at the last reference, or when the collector comes.

    refwatch scenarios/lifetimes.py

What to see: the watched `single` has 1 reference, and dies in the moment in which that goes. `one`
and `two` refer to each other: they have 2 references each, and still 1 when their names are gone.
No name leads to them any more, yet they live on until the collector comes, and die then. The lines
printed are by `__del__` and by the callback of a weak reference, so they are the truth to compare
with: refwatch keeps no object alive by watching it.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import weakref
from collections.abc import Iterator


class Mortal:
    """Says when it dies."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.friend: Mortal | None = None

    def __del__(self) -> None:
        say(f"__del__ of {self.name}")


single: Mortal
one: Mortal
two: Mortal
reminder: weakref.ref[Mortal]
started = time.monotonic()


def say(what: str) -> None:
    print(f"{time.monotonic() - started:6.2f} s  {what}", flush=True)


def lives() -> Iterator[str]:
    """What is done, step by step; each text is said before the next thing happens."""
    global single, one, two, reminder  # noqa: PLW0603 - refwatch watches what is global
    single = Mortal("single")
    reminder = weakref.ref(single, lambda _: say("the weak reference is told of it"))
    yield "del single: its only reference"
    del single
    one, two = Mortal("one"), Mortal("two")
    one.friend, two.friend = two, one
    yield "del one, two: they still refer to each other"
    del one, two
    yield "gc.collect()"
    gc.collect()
    yield "that is all"


STEPS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description="When an object dies.")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long (default: 8)")
    options = parser.parse_args()
    if options.seconds < 0:
        parser.error("--seconds must not be negative")
    gc.disable()  # it comes when it is called, not at a moment of its own
    for number, what in enumerate(lives(), start=1):
        time.sleep(max(0.0, started + options.seconds * number / STEPS - time.monotonic()))
        say(what)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
