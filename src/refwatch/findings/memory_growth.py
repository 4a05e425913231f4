"""Growth and fragmentation of resident memory, in one sentence: what grows while Python's blocks do
not, and what is free but not returned to the system.

It uses the memory splits of the censuses. Memory grows if each of the newest splits is larger than
all of the oldest within the time considered, so that memory that comes and goes does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from refwatch.readings.allocations.state import Allocations
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_seconds

RECENT_S = 60.0  # the time considered; longer if it has fewer than MOST splits
MOST = 12  # splits
FEW = 3  # splits that must agree: the newest, and for growth the oldest
GROWN = 8 << 20  # bytes, and
GROWN_SHARE = 0.1  # of the memory before: less is no growth
PYTHON_SHARE = 0.2  # of the growth, above which Python's blocks have grown, too
MAIN_SHARE = 0.6  # of the growth, from which on it is in one part
GARBAGE_SHARE = 0.2  # of the growth, from which on garbage explains it
FREE = 32 << 20  # bytes, and
FREE_SHARE = 0.4  # of the resident memory: less is no fragmentation
STALE_S = 30.0  # age at which the newest split is too old; three times their distance if longer

PYTHON_USED, PYTHON_FREE, C_USED, C_FREE, FILES, OTHER = range(6)  # as parts_of has them
LARGE = "larger than 512 bytes"  # SMALL_REQUEST_THRESHOLD of CPython's Objects/obmalloc.c


class Growth(NamedTuple):
    """Growth of the resident memory and of its parts in bytes, over ``seconds``."""

    seconds: float
    rss: float
    parts: list[float]


def memory_sentence(allocations: Allocations, process: ProcessState) -> str:
    """What grew while Python's blocks did not, or else what is fragmented: one or two lines; empty
    if neither."""
    points = _recent(list(allocations.splits))
    if len(points) < FEW or _stale(points, process):
        return ""
    garbage = process.references.census.garbage_sizes
    growing = _growing(allocations, points, garbage) if len(points) >= 2 * FEW else ""
    return growing or _fragmented(points, garbage)


def _recent(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    if not points:
        return []
    since = points[-1][0] - RECENT_S
    number = sum(point[0] >= since for point in points)
    return points[-max(number, MOST) :]


def _stale(points: list[tuple[float, ...]], process: ProcessState) -> bool:
    """Whether the newest split is much older than the newest reading of the process."""
    last = process.rss_series.last()
    between = (points[-1][0] - points[0][0]) / (len(points) - 1)
    return last is not None and last[0] - points[-1][0] > max(STALE_S, 3 * between)


def garbage_share(grown: float, sizes: Sequence[tuple[float, int]], since: float) -> str:
    """How much of a growth of ``grown`` bytes ``since`` a time in seconds is garbage, or was at its
    peak; empty if little. ``sizes``: (time, bytes of garbage) at the censuses."""
    sizes = [(at, size) for at, size in sizes if at >= since]
    if not sizes:
        return ""
    before = median(size for _, size in sizes[: max(FEW, len(sizes) // 3)])
    now, most = sizes[-1][1], max(size for _, size in sizes)
    least = GARBAGE_SHARE * grown
    if now >= least and most - before >= least:
        waits = f"{fmt_bytes(now)} are garbage in cycles and wait for the collector"
        return f"{waits}; gc.collect() frees them"
    if most - before >= least:
        waited = f"up to {fmt_bytes(most)} were garbage in cycles that waited"
        return f"{waited}; gc.collect() frees it sooner"
    return ""


def _growing(
    allocations: Allocations,
    points: list[tuple[float, ...]],
    sizes: Sequence[tuple[float, int]],
) -> str:
    growth = _growth(points)
    split = allocations.split
    if growth is None:
        return ""
    garbage = garbage_share(growth.rss, sizes, points[0][0])
    if garbage:
        return f"RSS grew by {fmt_bytes(growth.rss)} in {fmt_seconds(growth.seconds)}; {garbage}."
    if split is None or split.python_used is None:
        return ""
    python = growth.parts[PYTHON_USED]
    if python > PYTHON_SHARE * growth.rss:
        return ""
    head = (
        f"RSS grew by {fmt_bytes(growth.rss)} in {fmt_seconds(growth.seconds)}, "
        f"Python's blocks by {fmt_bytes(max(0.0, python))}: "
    )
    others = sorted(range(PYTHON_FREE, OTHER + 1), key=lambda part: -growth.parts[part])
    first, second = others[:2]
    if growth.parts[first] < MAIN_SHARE * growth.rss:
        return f"{head}the growth is in {_NAMES[first]} and in {_NAMES[second]}."
    return f"{head}the growth is in {_meaning(first, allocations, points, growth)}."


def _growth(points: list[tuple[float, ...]]) -> Growth | None:
    """Growth from the oldest third of the points to the newest; None if there is none."""
    third = max(FEW, len(points) // 3)
    old, new = points[:third], points[-third:]
    before, now = ([sum(point[1:]) for point in some] for some in (old, new))
    grown = median(now) - median(before)
    if min(now) <= max(before) or grown < max(GROWN, GROWN_SHARE * median(before)):
        return None
    parts = [
        median(point[1 + part] for point in new) - median(point[1 + part] for point in old)
        for part in range(OTHER + 1)
    ]
    return Growth(median(p[0] for p in new) - median(p[0] for p in old), grown, parts)


_NAMES = {
    PYTHON_FREE: "the free part of Python's arenas",
    C_USED: "the C heap (in use)",
    C_FREE: "the free part of the C heap",
    FILES: "mapped files",
    OTHER: "other mappings (stacks, mmap, shared memory)",
}


def _meaning(
    part: int, allocations: Allocations, points: list[tuple[float, ...]], growth: Growth
) -> str:
    split = allocations.split
    if part == C_USED:
        return f"{_NAMES[part]}, {_whose(allocations, points, growth.parts[part])}"
    if part == C_FREE:
        return f"{_NAMES[part]}: fragmentation, freed memory that malloc keeps"
    if part == PYTHON_FREE:
        return f"{_NAMES[part]}: fragmentation, an arena is only returned when all of it is free"
    if part == OTHER and split is not None and split.c_used is None:
        return "neither Python's arenas nor mapped files: the C heap, or other mappings"
    return _NAMES[part]


def _whose(allocations: Allocations, points: list[tuple[float, ...]], grown: float) -> str:
    """Whose memory grew in the C heap, as far as tracemalloc tells."""
    seen = _traced_growth(allocations, points)
    if seen is None:
        return f"where Python's objects {LARGE} are, and what C extensions have: exact mode tells"
    if seen < PYTHON_SHARE * grown:
        return "which tracemalloc does not see: a C extension's, or a library's"
    return f"where Python has what is {LARGE}: the lines with most growth allocate it"


def _traced_growth(allocations: Allocations, points: list[tuple[float, ...]]) -> float | None:
    """Growth of the traced memory in this time, bytes; None if tracemalloc was not on
    throughout."""
    third = max(FEW, len(points) // 3)
    traced = [(at, size) for at, size, _ in allocations.traced]
    old = [size for at, size in traced if at <= points[third - 1][0]]
    new = [size for at, size in traced if at >= points[-third][0]]
    if allocations.mode != "exact" or not old or not new:
        return None
    return new[-1] - old[-1]


def _fragmented(points: list[tuple[float, ...]], sizes: Sequence[tuple[float, int]]) -> str:
    """Memory that is free but resident in all of the newest points, and whether it was garbage."""
    newest = points[-FEW:]
    rss = median(sum(point[1:]) for point in newest)
    python, c = (min(point[1 + part] for point in newest) for part in (PYTHON_FREE, C_FREE))
    if python + c < max(FREE, FREE_SHARE * rss):
        return ""
    recent = [size for at, size in sizes if at >= points[0][0]]
    gone = max(recent) - recent[-1] if recent else 0
    tail = ""
    if gone >= GARBAGE_SHARE * (python + c):
        waited = f" {fmt_bytes(gone)} had been garbage in cycles that waited"
        tail = f"{waited}: gc.collect() frees it sooner."
    free = f"{fmt_bytes(python + c)} of {fmt_bytes(rss)} resident are free"
    head = f"{free} but not returned to the system: fragmentation of "
    if c > MAIN_SHARE * (python + c):
        return f"{head}the C heap, whose free blocks lie between blocks in use.{tail}"
    if python > MAIN_SHARE * (python + c):
        return f"{head}Python's arenas, in each of which some blocks are in use.{tail}"
    return f"{head}the C heap ({fmt_bytes(c)}) and of Python's arenas ({fmt_bytes(python)}).{tail}"
