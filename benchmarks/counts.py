"""Counts over time, held against a target's own: live instances of classes, references of objects.

A target of this kind goes in steps, and prints of each when it was done and which numbers were true
until the next began. Every reading in that time must be right, but for the first 0.2 seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from benchmarks.readings import Facts, Reading

from refwatch.export.schema_types import Process

SETTLE_S = 0.2  # after a change, at ten readings a second
ALIASED = ("Parent", "Registered")
"""Other references to these come as well, which their own count cannot tell from instances: what
it says is right again from the next census on."""
BUSY = "Busy"
BUSY_SLACK = 2  # one instance is being made, and the call that makes it refers to the class
DEAD_S = 0.5  # from an object's end until it is known

Series = Sequence[tuple[float, int]]
"""(seconds, count): each holds until the next."""


def windows(facts: Facts) -> Iterator[tuple[float, float, dict[str, int]]]:
    """(from, until, the numbers that are true then) of each step, in the snapshot's time."""
    shift = facts["clock"] - facts["started"]
    steps = facts["steps"]
    ends = [*(step["began"] for step in steps[1:]), facts["ended"]]
    for step, end in zip(steps, ends, strict=True):
        yield step["done"] + shift + SETTLE_S, end + shift, step["truth"]


def within(series: Series, since: float, until: float) -> list[int]:
    """Every count that the series has between two times, the one at the first included."""
    before = bisect_right(series, since, key=itemgetter(0))
    return [count for at, count in series[max(0, before - 1) :] if at < until]


def summed(all_series: Iterable[Series]) -> Series:
    """Series of the same thing added up: a dataclass with slots is made twice under one name."""
    changes: list[tuple[float, int]] = []
    for series in all_series:
        before = 0
        for at, count in series:
            changes.append((at, count - before))
            before = count
    total = 0
    found: list[tuple[float, int]] = []
    for at, change in sorted(changes):
        total += change
        found.append((at, total))
    return found


def compare(name: str, series: Series, facts: Facts, slack: int) -> Reading:
    """One row: in how many steps each reading was right, and the first that was not."""
    right, wrong = 0, ""
    steps = list(windows(facts))
    for number, (since, until, truth) in enumerate(steps):
        counts = within(series, since, until)
        if counts and all(abs(count - truth[name]) <= slack for count in counts):
            right += 1
        elif not wrong:
            said = ", ".join(map(str, counts[:4])) or "none"
            wrong = f"; in step {number} {said}, truly {truth[name]}"
    bound = f"{len(steps)} steps" + (f" +- {slack}" if slack else "")
    return Reading(name, f"{right} right{wrong}", bound, right == len(steps))


def classes(process: Process, facts: Facts) -> Iterator[Reading]:
    """Live instances of each class at every reading; of those that are ALIASED, after a census."""
    names = facts["steps"][0]["truth"]
    for name in names:
        own = [
            one
            for one in process.classes
            if one.module == "__main__" and one.name.rpartition(".")[2] == name
        ]
        if name in ALIASED:
            rested = facts["rested"] + facts["clock"] - facts["started"]
            series = summed(one.series for one in own)
            counted = next((count for at, count in reversed(series) if at < rested), None)
            truth = facts["steps"][-1]["truth"][name]
            yield Reading(f"{name}, after a census", str(counted), str(truth), counted == truth)
        else:
            slack = BUSY_SLACK if name == BUSY else 0
            yield compare(name, summed(one.series for one in own), facts, slack)


def references(process: Process, facts: Facts) -> Iterator[Reading]:
    """References of watched objects, and when each was known to be dead."""
    gone = facts["steps"][-1]["done"] + facts["clock"] - facts["started"]
    for name in facts["steps"][0]["truth"]:
        own = [one for one in process.watched if one.name.rpartition(".")[2] == name]
        if len(own) != 1:
            yield Reading(name, f"watched {len(own)} times", "once", ok=False)
            continue
        yield compare(name, own[0].series, facts, slack=0)
        died = own[0].died_s
        late = f"{died - gone:.3f} s" if died is not None else "never"
        ok = died is not None and -0.05 <= died - gone <= DEAD_S
        yield Reading(f"{name}, known to be dead after", late, f"<= {DEAD_S:.3f} s", ok)
