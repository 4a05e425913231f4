"""What the collector would free: objects to which only such objects refer.

It is what the collector does (CPython's Python/gc.c): an object with more references than tracked
objects have to it is held from elsewhere, and what such objects lead to is alive. The rest is
garbage. Here nothing is called, cleared or freed.
"""

from __future__ import annotations

import gc
import sys

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
COLUMNS = ("module", "name", "count", "size")

Message = dict[str, object]


def look(young: int, held: list[int]) -> Message:
    """The part of a census about it: ``garbage`` are those of the objects at the addresses in
    ``held``, at each of which the probe holds one reference, ``unreachable`` what there is in all,
    None where the heap is too large."""
    objects = tracked(young)
    if len(objects) > MOST_FOR_EDGES:
        return {"garbage": [], "unreachable": None}
    dead = _unreachable(objects, dict.fromkeys(held, 1))
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


def _unreachable(objects: list[object], ours: dict[int, int]) -> list[object]:
    """Those that nothing but each other refers to; ``ours`` are references of the probe's."""
    inner = ours
    count_references(objects, inner)
    counts = list(map(sys.getrefcount, objects))
    # The list of all objects holds one reference, and the call itself one more (3.14: none).
    own = sys.getrefcount(objects[0]) - count_at(id(objects[0])) + 1 if objects else 0
    level = [
        one
        for one, count in zip(objects, counts, strict=True)
        if count - own > inner.get(id(one), 0)
    ]
    rest = dict(zip(map(id, objects), objects, strict=True))
    for one in level:
        del rest[id(one)]
    while level and rest:
        fresh: list[object] = []
        for chunk in chunks(level):
            found = rest.keys() & set(map(id, gc.get_referents(*chunk)))
            fresh += map(rest.pop, found)
        level = fresh
    return list(rest.values())


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
