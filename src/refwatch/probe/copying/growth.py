"""Growth between two looks: the holder below which a type's objects have become more.

The age of untracked objects is unknown, and where objects come and go the youngest say nothing
about a leak. On the shortest paths from the roots each object has one holder, so the objects of the
type below each holder can be counted; the growth is where that count has grown.
"""

from __future__ import annotations

from ..raw_access import is_a
from .heap import object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .root_search import RootSearch

    Spread = list[tuple[int, int]]
    """(0, number of objects), (1, least count below a holder that was left out, or 0), then
    (address, objects below) of each other holder."""

MOST = 4000  # holders in a spread
LEAST_GROWN = 5  # objects; fewer are chance
MAIN_SHARE = 0.5  # of its holder's growth that a place must have to be followed


class Below:
    """Number of the objects at the ``wanted`` addresses below each holder."""

    def __init__(self, search: RootSearch, wanted: list[int]) -> None:
        self._counts = {address: 1 for address in wanted if address in search.above}
        self.number = len(self._counts)
        self._children: dict[int, list[int]] = {}
        for address in reversed(search.above):  # none comes before its holder
            count = self._counts.get(address)
            if count is not None:
                holder = search.above[address]
                self._children.setdefault(holder, []).append(address)
                self._counts[holder] = self._counts.get(holder, 0) + count

    def spread(self) -> Spread:
        """The holders with the most objects below, for a later look to compare with."""
        counts = self._counts
        holders = sorted(self._children.keys() - {0}, key=counts.__getitem__)
        least = counts[holders[-MOST - 1]] if len(holders) > MOST else 0
        return [
            (0, self.number),
            (1, least),
            *((holder, counts[holder]) for holder in holders[-MOST:]),
        ]

    def grown(self, earlier: Spread, most: int) -> list[int]:
        """Up to ``most`` of the newest objects below the holder where they have become more since
        the ``earlier`` look; empty if there is no such holder."""
        counts = dict(earlier)
        least = counts[1]

        def rise(address: int) -> int:
            return self._counts[address] - counts.get(address, least)

        holder, grown = 0, self.number - counts[0]
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
        return [self._newest_below(place, rise) for place in some]

    def _newest_below(self, place: int, rise: Callable[[int], int]) -> int:
        while places := self._newest_first(place):
            place = max(places, key=rise)
        return place

    def _newest_first(self, holder: int) -> list[int]:
        """The holder's children. Traversal begins at the end of a list (Objects/listobject.c), at
        the beginning of a dict or deque; the children are in reverse order of that."""
        found = self._children.get(holder, [])
        return found[::-1] if holder and is_a(object_at(holder), list) else found
