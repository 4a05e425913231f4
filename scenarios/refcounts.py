"""The life of one object: each reference that comes and goes.

    refwatch scenarios/refcounts.py

What to see: the watched object `page` has as many references as the program says, line by line:
1, 2, 3 as it gets a second name and a place in a list, 4 while a function has it as its argument,
3 again when that returns, 4 with a closure, still 4 with a weak reference, which counts for
nothing, and then back, one by one. At 0 the object is gone, at that very moment: the line
says so and its curve ends. `shelf`, the list, is watched too and has 1 all the time until its end.
"""

from __future__ import annotations

import argparse
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Page:
    """What is watched."""


class Step(NamedTuple):
    """What the program has just done, and how many references the page has now."""

    done: str
    references: int


page: Page
alias: Page
shelf: list[Page]
recall: Callable[[], Page]
reminder: weakref.ref[Page]


def read(text: Page) -> Iterator[Step]:  # noqa: ARG001 - that it has the page is all it is for
    """A function that runs on until the next step; ``text`` is its own reference."""
    yield Step("read(page)", 4)


def remember(text: Page) -> Callable[[], Page]:
    """A closure: the function that is returned keeps ``text``."""
    return lambda: text


def life() -> Iterator[Step]:
    """The steps. What stands before a ``yield`` has been done when its step is handed out."""
    global page, alias, shelf, recall, reminder  # noqa: PLW0603 - refwatch watches what is global
    page = Page()
    yield Step("page = Page()", 1)
    alias = page  # another name, the same object
    yield Step("alias = page", 2)
    shelf = [page]  # a list refers to what is in it
    yield Step("shelf = [page]", 3)
    yield from read(page)  # an argument is a local name of the function
    yield Step("read() has returned", 3)
    recall = remember(page)
    yield Step("recall = a closure over page", 4)
    reminder = weakref.ref(page)  # does not keep it alive, so it is not counted
    yield Step("reminder = weakref.ref(page)", 4)
    del recall
    yield Step("del recall", 3)
    shelf.clear()
    yield Step("shelf.clear()", 2)
    del alias
    yield Step("del alias", 1)
    del page  # the last one
    yield Step("del page", 0)
    del shelf, reminder


STEPS = 11


def main() -> None:
    parser = argparse.ArgumentParser(description="The life of one object.")
    parser.add_argument("--seconds", type=float, default=11.0, help="how long (default: 11)")
    options = parser.parse_args()
    if options.seconds < 0:
        parser.error("--seconds must not be negative")
    started = time.monotonic()
    for number, step in enumerate(life(), start=1):
        at = time.monotonic() - started
        print(f"{at:6.2f} s  references: {step.references}  {step.done}", flush=True)
        time.sleep(max(0.0, started + options.seconds * number / STEPS - time.monotonic()))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
