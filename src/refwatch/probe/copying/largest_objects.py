"""Largest single objects: their size, how full they are, and what keeps them alive."""

from __future__ import annotations

from ..raw_access import basicsize_of, is_a, type_name
from .reference_chains import ChainFinder

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .frozen_heap import Heap

    Row = dict[str, Any]

LISTED = 5
LONGEST_S = 3.0  # of the search for their holders
KEYS_HEAD = 64  # bytes at most before the table of a dict: struct _dictkeysobject
SET_ENTRY = 16  # sizeof(setentry) of CPython's Include/cpython/setobject.h
POINTER = 8


def rows(large: list[tuple[int, object]]) -> list[Row]:
    """Rows for the largest of these (bytes, object), without chains."""
    large.sort(key=lambda pair: -pair[0])
    return [
        {
            "type": type_name(obj),
            "address": hex(id(obj)),
            "size": size,
            "filled": filled(obj),
        }
        for size, obj in large[:LISTED]
    ]


def add_chains(found: list[Row], heap: Heap, progress: Callable[[str, float | None], None]) -> None:
    """Add the ``chain`` to each row, empty if none was found."""
    places = [int(row["address"], 16) for row in found]
    finder = ChainFinder(heap, places, progress, longest_s=LONGEST_S)
    for row, place in zip(found, places, strict=True):
        held = place in finder.search.above
        row["chain"] = finder.chains_of([place])[0] if held else []


def filled(obj: object) -> float | None:
    """Fraction of the object's allocated room that is in use; None if unknown."""
    used, room = _use(obj)
    return min(1.0, used / room) if room else None


def _use(obj: object) -> tuple[int, int]:
    """(entries in use, entries there is room for); 0 for an unknown room. Calls methods of the
    built-in types, never those of a derived class."""
    own = basicsize_of(type(obj))
    if is_a(obj, dict):
        return dict.__len__(obj), _room_of_dict(dict.__sizeof__(obj) - own)  # type: ignore[arg-type]
    for kind in (set, frozenset):
        if is_a(obj, kind):
            slots = (kind.__sizeof__(obj) - own) // SET_ENTRY
            return kind.__len__(obj), slots * 3 // 5  # type: ignore[arg-type]
    if is_a(obj, list):
        return list.__len__(obj), (list.__sizeof__(obj) - own) // POINTER  # type: ignore[arg-type]
    if is_a(obj, bytearray):
        return bytearray.__len__(obj), bytearray.__sizeof__(obj) - own  # type: ignore[arg-type]
    return 0, 0


def _room_of_dict(size: int) -> int:
    """Entries that fit into a table of this size. It has a power of two of indices, of 1, 2, 4 or 8
    bytes, and two thirds as many entries: key, value, and perhaps hash (CPython's
    Objects/dictobject.c: new_keys_object, USABLE_FRACTION)."""
    for log2 in range(3, size.bit_length()):
        slots = 1 << log2
        index = 1 if log2 < 8 else 2 if log2 < 16 else 4 if log2 < 32 else 8
        room = 2 * slots // 3
        for entry in (2 * POINTER, 3 * POINTER):
            if 0 < size - slots * index - room * entry <= KEYS_HEAD:
                return room
    return 0
