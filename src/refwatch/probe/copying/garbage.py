"""What the collector would free: objects to which only such objects refer.

It is what the collector does (CPython's Python/gc.c): an object with more references than tracked
objects have to it is held from elsewhere, and what such objects lead to is alive. The rest is
garbage. Here nothing is called, cleared or freed.
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

LISTED = 200  # types, of which there are most
_NONE = object()
COLUMNS = ("module", "name", "count", "size")

Message = dict[str, object]


def look(young: int, held: list[int]) -> Message:
    """The part of a census about it: ``garbage`` are those of the objects at the addresses in
    ``held``, at each of which the probe holds one reference, ``unreachable`` what there is in all,
    None where the heap is too large."""
    objects = tracked(young)
    if len(objects) > MOST_FOR_EDGES:
        return {"garbage": [], "unreachable": None}
    dead = _unreachable(objects, set(held))
    del objects
    places = set(map(id, dead))
    everything = dead + _held_by_them_alone(dead)
    counts = count_types(everything)
    rows = sorted(type_rows(counts, sizes(everything, counts)), key=lambda row: -int(str(row[2])))
    size = sum(int(str(row[3])) for row in rows)
    types = [dict(zip(COLUMNS, row, strict=True)) for row in rows[:LISTED]]
    return {
        "garbage": [address for address in held if address in places],
        "unreachable": {"objects": len(everything), "bytes": size, "types": types},
    }


def _unreachable(objects: list[object], held: set[int]) -> list[object]:
    """Those that nothing but each other refers to. Most are below modules, which is soon known."""
    rest = dict(zip(map(id, objects), objects, strict=True))
    modules: list[object] = [*dict.values(sys.modules)]
    _take_below(modules, rest)
    inner: dict[int, int] = {}
    count_references(list(rest.values()), inner)
    own = 2  # references: of ``objects`` and ``rest``
    outer = [
        place for place in rest if count_at(place) - own > inner.get(place, 0) + (place in held)
    ]
    _take_below([rest[place] for place in outer], rest)
    return list(rest.values())


def _take_below(roots: list[object], rest: dict[int, object]) -> None:
    """Take these, and all that they lead to, out of the rest."""
    level = roots
    for one in roots:
        rest.pop(id(one), None)
    while level and rest:
        fresh: list[object] = []
        for chunk in chunks(level):
            places = map(id, gc.get_referents(*chunk))
            fresh += [one for one in map(rest.pop, places, repeat(_NONE)) if one is not _NONE]
        level = fresh


def _held_by_them_alone(dead: list[object]) -> list[object]:
    """What the collector does not track and only these hold, strings for instance."""
    inner: dict[int, int] = {}
    others: dict[int, object] = {}
    found: list[object] = []
    fresh = dead
    while fresh:
        count_references(fresh, inner)
        for chunk in chunks(fresh):
            some = gc.get_referents(*chunk)
            others.update((id(one), one) for one in some if not gc.is_tracked(one))
            some.clear()
        alone = [place for place in others if count_at(place) - 1 == inner[place]]  # others' own
        fresh = [others.pop(place) for place in alone]
        found += fresh
    return found
