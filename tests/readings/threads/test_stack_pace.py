"""When whole stacks are read."""

from __future__ import annotations

import time
from itertools import pairwise

from refwatch.readings.threads.stack_pace import StackPace

MS = 1_000_000


def readings(period_ms: float, *, cost_ms: float = 0.0) -> list[int]:
    """The numbers of the samples, of a hundred so far apart, that read stacks."""
    pace, found = StackPace(), list[int]()

    def read() -> None:
        found.append(number)
        until = time.thread_time_ns() + cost_ms * MS
        while time.thread_time_ns() < until:
            pass

    for number in range(1, 101):
        pace.sampled(number, int(number * period_ms * MS), read)
    return found


def test_with_every_tenth_of_a_thousand_samples_a_second() -> None:
    assert readings(1.0) == list(range(10, 101, 10))


def test_as_often_where_there_are_fewer_samples() -> None:
    assert readings(4.0) == list(range(3, 101, 3))
    assert readings(10.0) == list(range(1, 101))


def test_with_every_tenth_sample_where_they_take_long() -> None:
    found = readings(4.0, cost_ms=1.0)
    assert {after - before for before, after in pairwise(found)} == {10}
