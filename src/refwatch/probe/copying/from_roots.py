"""Looks for objects from the roots down: for those that lie too deep to be found from below.

From below each step is a pass over the whole heap; from above each object is looked at once.
"""

from __future__ import annotations

import gc

from .heap import object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .frozen import Heap

MOST = 4_000_000  # objects that are gone through: each takes some 100 bytes
TOLD_EVERY = 100_000


def ways_from_roots(
    heap: Heap, wanted: set[int], progress: Callable[[str, float | None], None]
) -> dict[int, list[int]]:
    """Address of each of these that a module or a frame leads to -> the shortest way up from it."""
    above = dict.fromkeys(heap.roots(), 0)
    level = list(above)
    missing = set(wanted)
    while level and missing and len(above) < MOST:
        below: list[int] = []
        for holder in level:
            for one in gc.get_referents(object_at(holder)):
                address = id(one)
                if address in above:
                    continue
                above[address] = holder
                missing.discard(address)
                if gc.is_tracked(one):
                    below.append(address)
                if len(above) % TOLD_EVERY == 0:
                    progress(f"looking from the modules down, {len(above):,} objects", None)
        level = below
    return {address: trail(above, address) for address in wanted if address in above}


def trail(following: dict[int, int], address: int) -> list[int]:
    """This address, the one that follows it, and so on, until that is 0."""
    way = [address]
    while following[way[-1]]:
        way.append(following[way[-1]])
    return way
