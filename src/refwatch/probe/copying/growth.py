"""Where objects of a type have become more since an earlier look: of what the collector does not
track nobody can tell the age, and of what comes and goes the youngest say nothing about a leak.

On the shortest ways down from the roots each object has one holder, so that of each it can be said
how many objects of the type lie below it. The growth is where that number has grown.
"""

from __future__ import annotations

from ..plain import is_a
from .heap import object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .from_roots import FromRoots

    Spread = list[tuple[int, int]]
    """(0, objects in all), (1, the least below those holders that were left out, 0 where none was),
    and (address, objects below it) of each other holder."""

MOST = 4000  # holders that are told
LEAST_GROWN = 5  # objects; less is chance
MAIN_SHARE = 0.5  # of the growth above it that a holder must have to be what has grown


class Below:
    """How many of the objects at the ``wanted`` addresses lie below each holder."""

    def __init__(self, found: FromRoots, wanted: list[int]) -> None:
        self._above = found.above
        self._counts = {address: 1 for address in wanted if address in found.above}
        self.number = len(self._counts)
        self._children: dict[int, list[int]] = {}
        for address in reversed(found.above):  # none comes before its holder
            count = self._counts.get(address)
            if count is not None:
                holder = found.above[address]
                self._children.setdefault(holder, []).append(address)
                self._counts[holder] = self._counts.get(holder, 0) + count

    def spread(self) -> Spread:
        """What a later look compares with: the holders with most."""
        counts = self._counts
        holders = sorted(self._children.keys() - {0}, key=counts.__getitem__)
        least = counts[holders[-MOST - 1]] if len(holders) > MOST else 0
        return [(0, self.number), (1, least), *((one, counts[one]) for one in holders[-MOST:])]

    def grown(self, before: Spread, most: int) -> list[int]:
        """Up to ``most`` of the objects, the newest, from below the holder where they have become
        more since then; none where there is no such."""
        known = dict(before)
        least = known[1]

        def rise(address: int) -> int:
            return self._counts[address] - known.get(address, least)

        holder, grown = 0, self.number - known[0]
        places = self._newest_first(holder)
        while places:
            best = max(places, key=rise)
            if rise(best) < max(LEAST_GROWN, MAIN_SHARE * grown):
                break
            holder, grown = best, rise(best)
            places = self._newest_first(holder)
        if not holder:
            return []
        some = sorted(places, key=rise, reverse=True)[:most]
        return [self._newest_below(one, rise) for one in some]

    def _newest_below(self, place: int, rise: Callable[[int], int]) -> int:
        while places := self._newest_first(place):
            place = max(places, key=rise)
        return place

    def _newest_first(self, holder: int) -> list[int]:
        """What it holds. A list is gone through from its end (Objects/listobject.c), a dict or a
        deque from its beginning; the children are in the reverse of that order."""
        found = self._children.get(holder, [])
        return found[::-1] if holder and is_a(object_at(holder), list) else found
