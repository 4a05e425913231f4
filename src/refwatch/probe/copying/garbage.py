"""Garbage: objects that the collector would free.

The algorithm is the collector's (CPython's Python/gc.c): an object with more references than
tracked objects have to it is held from elsewhere, and what such objects lead to is alive. The rest
is garbage. Here nothing is called, cleared or freed.
"""

from __future__ import annotations

import gc
import sys
from itertools import repeat

from .heap import (
    MOST_FOR_EDGES,
    chunks,
    count_at,
    count_references,
    count_types,
    sizes,
    tracked,
    type_rows,
)

LISTED = 200  # most frequent types
_NONE = object()
COLUMNS = ("module", "name", "count", "size")

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Collection

    from ..messages import Message


def find(young: int, held: Collection[int]) -> Message:
    """Fields of the census report: ``garbage``, the ``held`` addresses (the probe holds a reference
    at each) whose objects are garbage, and ``unreachable``, all garbage, None if the heap is too
    large."""
    objects = tracked(young)
    if len(objects) > MOST_FOR_EDGES:
        return {"garbage": [], "unreachable": None}
    dead = _unreachable(objects, set(held))
    del objects
    places = set(map(id, dead))
    everything = dead + _held_by_them_alone(dead)
    counts = count_types(everything)
    rows = sorted(type_rows(counts, sizes(everything, counts)), key=lambda row: -row[2])
    size = sum(row[3] for row in rows)
    types = [dict(zip(COLUMNS, row, strict=True)) for row in rows[:LISTED]]
    return {
        "garbage": [address for address in held if address in places],
        "unreachable": {"objects": len(everything), "bytes": size, "types": types},
    }


def _unreachable(objects: list[object], held: set[int]) -> list[object]:
    """Those to which only each other refer. Most objects are below modules: these go first."""
    rest = dict(zip(map(id, objects), objects, strict=True))
    modules: list[object] = [*dict.values(sys.modules)]
    _take_below(modules, rest)
    inner: dict[int, int] = {}
    count_references(list(rest.values()), inner)
    own = 2  # references, from ``objects`` and ``rest``
    outer = [
        place for place in rest if count_at(place) - own > inner.get(place, 0) + (place in held)
    ]
    _take_below([rest[place] for place in outer], rest)
    return list(rest.values())


def _take_below(roots: list[object], rest: dict[int, object]) -> None:
    """Remove these, and all that they lead to, from the rest."""
    level = roots
    for root in roots:
        rest.pop(id(root), None)
    while level and rest:
        fresh: list[object] = []
        for chunk in chunks(level):
            places = map(id, gc.get_referents(*chunk))
            fresh += [obj for obj in map(rest.pop, places, repeat(_NONE)) if obj is not _NONE]
        level = fresh


def _held_by_them_alone(dead: list[object]) -> list[object]:
    """Untracked objects, such as strings, that only these hold."""
    inner: dict[int, int] = {}
    others: dict[int, object] = {}
    found: list[object] = []
    fresh = dead
    while fresh:
        count_references(fresh, inner)
        for chunk in chunks(fresh):
            some = gc.get_referents(*chunk)
            others.update((id(obj), obj) for obj in some if not gc.is_tracked(obj))
            some.clear()
        alone = [place for place in others if count_at(place) - 1 == inner[place]]  # 1: ``others``
        fresh = [others.pop(place) for place in alone]
        found += fresh
    return found
