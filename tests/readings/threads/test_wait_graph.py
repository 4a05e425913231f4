"""Circles of threads that wait for one another."""

from __future__ import annotations

import random

import pytest

from refwatch.readings.threads.wait_graph import chain_from, find_cycles


@pytest.mark.parametrize(
    ("waits_for", "cycles"),
    [
        ({}, []),
        ({1: 2}, []),
        ({1: 2, 2: 3, 3: 4}, []),
        ({1: 2, 2: 1}, [[1, 2]]),
        ({2: 1, 1: 3, 3: 2}, [[1, 3, 2]]),
        ({7: 7}, [[7]]),
        ({1: 2, 2: 3, 3: 2, 9: 1, 8: 9}, [[2, 3]]),
        ({4: 5, 5: 4, 1: 2, 2: 1, 0: 1, 6: 5}, [[1, 2], [4, 5]]),
    ],
)
def test_every_circle_is_found_once(waits_for: dict[int, int], cycles: list[list[int]]) -> None:
    assert find_cycles(waits_for) == cycles


@pytest.mark.parametrize("seed", range(20))
def test_circles_at_random(seed: int) -> None:
    rng = random.Random(seed)
    waits_for = {n: rng.randrange(60) for n in rng.sample(range(50), 40)}
    cycles = find_cycles(waits_for)
    for cycle in cycles:
        assert cycle[0] == min(cycle)
        assert all(waits_for[a] == b for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    inside = [thread for cycle in cycles for thread in cycle]
    assert len(inside) == len(set(inside))
    for thread, first in waits_for.items():  # who comes back to itself is in one
        after, steps = first, 0
        while after != thread and after in waits_for and steps < 100:
            after, steps = waits_for[after], steps + 1
        assert (after == thread) == (thread in inside)


def test_a_chain_ends_with_who_waits_for_nobody_or_comes_again() -> None:
    assert chain_from(1, {1: 2, 2: 3}) == [1, 2, 3]
    assert chain_from(1, {1: 2, 2: 3, 3: 2}) == [1, 2, 3, 2]
    assert chain_from(1, {1: 1}) == [1, 1]
    assert chain_from(1, {}) == [1]
