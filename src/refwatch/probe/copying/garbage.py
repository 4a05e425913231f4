"""Finds what only the probe's own references keep from being collected: cycles that nobody holds.

A list or a dict under watch is held by the probe: to the collector that is a reason to keep it.
"""

from __future__ import annotations

import sys

from ..plain import namespace_of
from .edges import count_edges
from .frozen import Heap
from .heap import count_at, object_at

MOST_ASKED = 20  # objects in one census
MOST_MEMBERS = 200  # of one cycle


def garbage(held: list[int]) -> list[int]:
    """Those of the objects at these addresses, at each of which the probe holds one reference, that
    would be collected if it did not."""
    names = namespace_of(sys.modules.get("__main__")) or {}
    bound = {id(value) for value in dict.values(names)}
    asked = [address for address in held if address not in bound][:MOST_ASKED]
    if not asked:
        return []
    heap, ours = Heap([]), set(held)
    return [address for address in asked if _is_garbage(heap, address, ours)]


def _is_garbage(heap: Heap, address: int, held: set[int]) -> bool:
    """Whether every reference to it, and to all that leads to it, comes from among these."""
    members = _holders_of_all(heap, address)
    return members is not None and all(
        count_at(one) - (one in held) == _references_from(members, one) for one in members
    )


def _holders_of_all(heap: Heap, address: int) -> list[int] | None:
    """Addresses of the object, its holders, theirs and so on; None where they are many, or a module
    is among them."""
    members, fresh = {address}, [address]
    while fresh:
        found = {id(one) for one in heap.holders([object_at(one) for one in fresh])}
        fresh = list(found - members)
        members |= found
        if len(members) > MOST_MEMBERS or not heap.module_ids.isdisjoint(members):
            return None
        if any(one in members for one in heap.modules):
            return None
    return list(members)


def _references_from(holders: list[int], address: int) -> int:
    return sum(count_edges(object_at(one), object_at(address)) for one in holders)
