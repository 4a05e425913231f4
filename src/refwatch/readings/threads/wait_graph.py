"""Circles of threads that wait for one another."""

from __future__ import annotations

from collections.abc import Mapping


def find_cycles(waits_for: Mapping[int, int]) -> list[list[int]]:
    """Every circle among threads that each wait for one other, ``waits_for[thread]``; each thread
    of a circle waits for the next, the last for the first. The lowest number stands first."""
    cycles: list[list[int]] = []
    done: set[int] = set()
    for start in sorted(waits_for):
        path: list[int] = []
        thread: int | None = start
        while thread is not None and thread not in done:
            done.add(thread)
            path.append(thread)
            thread = waits_for.get(thread)
        if thread in path:
            cycle = path[path.index(thread) :]
            lowest = cycle.index(min(cycle))
            cycles.append(cycle[lowest:] + cycle[:lowest])
    return cycles


def chain_from(thread: int, waits_for: Mapping[int, int]) -> list[int]:
    """The thread, that for which it waits, and so on; a thread that comes again ends it, and stands
    there twice."""
    chain = [thread]
    while (after := waits_for.get(chain[-1])) is not None:
        chain.append(after)
        if after in chain[:-1]:
            break
    return chain
