"""Rates of allocation as burst mode estimates them, held against a target's own count."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.common import BenchmarkError
from benchmarks.readings import Facts, Reading, near

from refwatch.export.schema_types import Process

SHARE = 0.10  # of the truth
BLOCKS_ONLY = {"stays"}  # the list in which they stay grows, too


def allocating(process: Process, facts: Facts) -> Iterator[Reading]:
    """Bytes and blocks per second of the line of each function that allocates most."""
    found = process.allocations
    if found is None or found.mode != "burst" or not found.window_s:
        raise BenchmarkError("there is nothing of burst mode in the snapshot")
    for function, count in facts["made"].items():
        lines = [line for line in found.lines if line.function == function]
        if not lines:
            raise BenchmarkError(f"no line of {function} in the snapshot")
        line = max(lines, key=lambda one: one.size)
        blocks, size = line.count / found.window_s, line.size / found.window_s
        truth = count / facts["seconds"]
        yield near(f"{function} blocks/s", blocks, truth, SHARE * truth)
        if function not in BLOCKS_ONLY:
            truth *= facts["sizes"][function]
            yield near(f"{function} bytes/s", size, truth, SHARE * truth)
