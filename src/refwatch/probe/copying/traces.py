"""Adds up tracemalloc's traces in a copy: by line, by file and by traceback.

What refwatch itself has in the target is left out. Only the largest groups are told, the sums are
of all. Times and sizes for a million traces: a second, and 120 MB.
"""

from __future__ import annotations

import time

from ..capi import api, ctypes
from ..plain import FOLDER, address_of
from .functions import Files, functions_at
from .heap import header_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from ..tracing import Frame, Trace, Traces
    from .functions import Place

    K = TypeVar("K")

MOST_LINES = 1000
MOST_FILES = 300
MOST_TRACEBACKS = 500
MOST_FRAMES = 200  # of one traceback that is told
MOST_SITES = 5  # of one class
NOTHING = ("<unknown>", 0)  # as tracemalloc says it where no Python runs
INJECT = FOLDER + "inject/"
API = FOLDER.rpartition("probe/")[0] + "__init__.py"
IMPORTING = "<frozen importlib."


class Group:
    """The blocks of one traceback."""

    __slots__ = ("count", "frames", "size")

    def __init__(self, frames: tuple[Frame, ...], size: int) -> None:
        self.frames = frames
        self.size = size
        self.count = 1


def message(traces: Traces) -> dict[str, object]:
    """What the daemon is told of these; they are used up."""
    if not traces.on:
        return {"message": "failed", "reason": "tracemalloc did not trace at that moment"}
    groups = grouped(traces.list)
    traces.list = []
    files = Files()
    groups = [one for one in groups if not is_own(one.frames, files)]
    said: dict[str, object] = {
        "message": "traces",
        "frames": traces.frames,
        "peak": traces.peak,
        "traced": sum(one.size for one in groups),
        "blocks": sum(one.count for one in groups),
        **summed(groups, files),
    }
    said["took_s"] = time.perf_counter() - traces.began
    return said


def grouped(traces: list[Trace]) -> list[Group]:
    """The traces by their traceback. Equal ones are mostly the same object, by which they are told
    apart here; a million of them are looked at one by one."""
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
    """Whether refwatch's code has made the block. What it only caused is the target's: the target's
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
    """The largest groups of each kind, with the sites that they name by their places."""
    lines = largest(groups, lambda frames: place_of(frames, files), MOST_LINES)
    by_file = largest(groups, lambda frames: place_of(frames, files)[0], MOST_FILES)
    tracebacks = _tracebacks(groups, files)
    places: dict[Place, int] = {}
    for place, _, _ in lines:
        places.setdefault(place, len(places))
    for way, _, _ in tracebacks:
        for place in way:
            places.setdefault(place, len(places))
    names = functions_at(places, files)
    return {
        "sites": [[*place, names[place]] for place in places],
        "lines": [[places[place], size, count] for place, size, count in lines],
        "files": by_file,
        "tracebacks": [
            [[places[place] for place in way], size, count] for way, size, count in tracebacks
        ],
    }


def _tracebacks(groups: list[Group], files: Files) -> list[tuple[tuple[Place, ...], int, int]]:
    """The largest ones. Twice as many are looked at, because the same file's name may be there as
    several objects."""
    some = sorted(groups, key=lambda one: -one.size)[: 2 * MOST_TRACEBACKS]
    return largest(
        some,
        lambda frames: tuple((files.plain(name), line) for name, line in frames[:MOST_FRAMES]),
        MOST_TRACEBACKS,
    )


def place_of(frames: tuple[Frame, ...], files: Files) -> Place:
    """Where the block was made."""
    name, line = frames[0] if frames else NOTHING
    return files.plain(name), line


def largest(
    groups: Iterable[Group], key: Callable[[tuple[Frame, ...]], K], most: int
) -> list[tuple[K, int, int]]:
    """(key, bytes, blocks) of the groups that have a key in common, the largest first."""
    sums: dict[K, list[int]] = {}
    for one in groups:
        both = sums.setdefault(key(one.frames), [0, 0])
        both[0] += one.size
        both[1] += one.count
    first = sorted(sums, key=lambda key: -sums[key][0])[:most]
    return [(key, sums[key][0], sums[key][1]) for key in first]


def traceback_of(
    obj: object, found: Callable[[object], tuple[Frame, ...] | None]
) -> tuple[Frame, ...] | None:
    """Where tracemalloc has seen the object made, as ``found`` or else by its block's address: 3.11
    forgets that an instance may have two words more before it."""
    traceback = found(obj)
    by_address = getattr(api, "_PyTraceMalloc_GetTraceback", None)
    if traceback is None and by_address is not None:
        by_address.argtypes = [ctypes.c_uint, ctypes.c_size_t]
        by_address.restype = ctypes.py_object
        traceback = by_address(0, address_of(obj) - header_of(type(obj)))
    return traceback


def sites_of(
    tracebacks: Iterable[tuple[Frame, ...] | None], most: int = MOST_SITES
) -> list[dict[str, object]]:
    """Where objects with these tracebacks were made: the most frequent lines first."""
    files = Files()
    counts: dict[Place, int] = {}
    for frames in tracebacks:
        if frames:
            place = place_of(frames, files)
            counts[place] = counts.get(place, 0) + 1
    first = sorted(counts, key=lambda place: -counts[place])[:most]
    names = functions_at(first, files)
    return [{"file": file, "line": line, "function": names[file, line]} for file, line in first]
