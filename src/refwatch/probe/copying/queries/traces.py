"""Query: tracemalloc's traces, summed by line, by file and by traceback.

Blocks of refwatch's own are left out. Only the largest groups are reported; the sums are of all.
A million traces take a second and 120 MB.
"""

from __future__ import annotations

import time

from ...raw_access import FOLDER
from ..allocation_sites import place_of
from ..functions import Files, functions_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from ...messages import Message
    from ...tracing import Frame, Trace, Traces
    from ..functions import Place
    from ..worker import Worker

    K = TypeVar("K")

MOST_LINES = 1000
MOST_FILES = 300
MOST_TRACEBACKS = 500
MOST_FRAMES = 200  # of one traceback in the report
INJECT = FOLDER + "inject/"
API = FOLDER.rpartition("probe/")[0] + "__init__.py"
IMPORTING = "<frozen importlib."


class Group:
    """All blocks of one traceback."""

    __slots__ = ("count", "frames", "size")

    def __init__(self, frames: tuple[Frame, ...], size: int) -> None:
        self.frames = frames
        self.size = size
        self.count = 1


def answer(worker: Worker) -> None:
    if worker.traced.traces is not None:
        worker.send(report(worker.traced.traces))


def report(traces: Traces) -> Message:
    """The report on these traces, which are used up."""
    if not traces.on:
        return {"message": "failed", "reason": "tracemalloc did not trace at that moment"}
    groups = grouped(traces.list)
    traces.list = []
    files = Files()
    groups = [group for group in groups if not is_own(group.frames, files)]
    found: Message = {
        "message": "traces",
        "frames": traces.frames,
        "peak": traces.peak,
        "traced": sum(group.size for group in groups),
        "blocks": sum(group.count for group in groups),
        **summed(groups, files),
    }
    found["took_s"] = time.perf_counter() - traces.began
    return found


def grouped(traces: list[Trace]) -> list[Group]:
    """The traces by traceback. Equal tracebacks are mostly one object, so identity tells them apart
    here: there may be a million."""
    groups: dict[int, Group] = {}
    for _, size, frames, _ in traces:
        group = groups.get(id(frames))
        if group is None:
            groups[id(frames)] = Group(frames, size)
        else:
            group.size += size
            group.count += 1
    return list(groups.values())


def is_own(frames: tuple[Frame, ...], files: Files) -> bool:
    """Whether refwatch allocated the block. What it only triggered is the target's: the target's
    sitecustomize, finalizers."""
    outer = False
    for name, _ in frames:
        file = files.plain(name)
        if file.startswith(FOLDER):
            return not (outer and file.startswith(INJECT))
        if not file.startswith(IMPORTING):
            return not outer and file == API
        outer = True
    return False


def summed(groups: list[Group], files: Files) -> dict[str, object]:
    """The largest groups of each kind, and the sites to which they refer by index."""
    lines = largest(groups, lambda frames: place_of(frames, files), MOST_LINES)
    by_file = largest(groups, lambda frames: place_of(frames, files)[0], MOST_FILES)
    tracebacks = _tracebacks(groups, files)
    places: dict[Place, int] = {}
    for place, _, _ in lines:
        places.setdefault(place, len(places))
    for frames, _, _ in tracebacks:
        for place in frames:
            places.setdefault(place, len(places))
    names = functions_at(places, files)
    return {
        "sites": [[*place, names[place]] for place in places],
        "lines": [[places[place], size, count] for place, size, count in lines],
        "files": by_file,
        "tracebacks": [
            [[places[place] for place in frames], size, count] for frames, size, count in tracebacks
        ],
    }


def _tracebacks(groups: list[Group], files: Files) -> list[tuple[tuple[Place, ...], int, int]]:
    """The largest ones, of twice as many: a file name that exists as several objects splits a
    group."""
    some = sorted(groups, key=lambda group: -group.size)[: 2 * MOST_TRACEBACKS]
    return largest(
        some,
        lambda frames: tuple((files.plain(name), line) for name, line in frames[:MOST_FRAMES]),
        MOST_TRACEBACKS,
    )


def largest(
    groups: Iterable[Group], key: Callable[[tuple[Frame, ...]], K], most: int
) -> list[tuple[K, int, int]]:
    """(key, bytes, blocks) of the groups merged by key, the largest first."""
    sums: dict[K, list[int]] = {}
    for group in groups:
        both = sums.setdefault(key(group.frames), [0, 0])
        both[0] += group.size
        both[1] += group.count
    first = sorted(sums, key=lambda key: -sums[key][0])[:most]
    return [(key, sums[key][0], sums[key][1]) for key in first]
