"""Breadth-first search from the roots down, for what keeps objects alive.

What a complete search does not meet is held by something that is no object, such as an evaluation
stack, or by nothing. Counts tell which: an object with more references than other unmet objects
have to it is held from elsewhere. What such objects do not lead to either is garbage.
"""

from __future__ import annotations

import gc
import time

from ..builtin_types import CodeType
from ..raw_access import IMMORTAL
from .heap import count_at, count_references, object_at, tracked, untracked

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .frozen_heap import Heap

MOST = 6_000_000  # containers that are visited: each takes some 100 bytes
LONGEST_S = 30.0
BATCH = 1000  # holders between two looks at the clock


class RootSearch:
    """Shortest paths from the roots down to the objects at the ``wanted`` addresses."""

    def __init__(
        self,
        heap: Heap,
        wanted: set[int],
        progress: Callable[[str, float | None], None],
        *,
        frames: bool = True,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.above: dict[int, int] = {}
        """Address of a visited object -> address of its holder on the shortest path, 0 for a root.
        Holders come before what they hold."""
        self.unheld: set[int] = set()
        """Roots that no object holds, though something does."""
        self.complete = True
        """The search was not cut short: nothing holds what it has not met."""
        self._wanted = wanted
        self._missing = set(wanted)
        self._progress = progress
        self._end = time.monotonic() + longest_s
        self._go_down(heap.roots() if frames else [*heap.modules, *heap.module_ids])
        if self.complete and self._missing:
            self.unheld = self._held_from_elsewhere(heap)
            self._go_down(self.unheld)

    def path(self, address: int) -> list[int] | None:
        """From this object up to the root that keeps it alive; None if none was found."""
        if address not in self.above:
            return None
        path = [address]
        while self.above[path[-1]]:
            path.append(self.above[path[-1]])
        return path

    def _go_down(self, roots: Iterable[int]) -> None:
        """Visit until all wanted objects were met, nothing is left, or a bound is reached."""
        above, missing = self.above, self._missing
        fresh = dict.fromkeys(roots, 0)
        above.update(fresh)
        missing.difference_update(fresh)
        level = [object_at(address) for address in fresh]
        while level and missing:
            below: list[object] = []
            for start in range(0, len(level), BATCH):
                if len(above) > MOST or time.monotonic() > self._end:
                    self.complete = False
                    return
                self._look_below(level[start : start + BATCH], below)
            self._progress(f"looking from the modules down, {len(above):,} objects", None)
            level = below

    def _look_below(self, holders: list[object], below: list[object]) -> None:
        above, wanted, missing = self.above, self._wanted, self._missing
        for holder in holders:
            address = id(holder)
            for obj in _referents(holder):
                place = id(obj)
                if place in above:
                    continue
                if _is_container(obj):
                    below.append(obj)
                elif place not in wanted:
                    continue
                above[place] = address
                missing.discard(place)

    def _held_from_elsewhere(self, heap: Heap) -> set[int]:
        """The unmet objects with more references than unmet objects have to them."""
        objects = [obj for obj in tracked(heap.young) if id(obj) not in self.above]
        plain = [obj for obj in untracked(objects) if id(obj) not in self.above]
        counted = objects + [obj for obj in plain if _is_container(obj)]
        inner: dict[int, int] = {}
        count_references(counted, inner)
        places = {*map(id, counted), *self._missing}
        del objects, plain, counted  # these lists hold references
        return {
            place
            for place in places
            if (count := count_at(place)) >= IMMORTAL
            or count > inner.get(place, 0) + (place in heap.held)
        }


def _referents(holder: object) -> Iterable[object]:
    """What the holder refers to; of code, which the collector does not visit, its constants."""
    return [holder.co_consts] if type(holder) is CodeType else gc.get_referents(holder)


def _is_container(obj: object) -> bool:
    """Whether the object may refer to others; the collector does not track all that do."""
    if gc.is_tracked(obj):
        return True
    kind = type(obj)
    return kind is tuple or kind is dict or kind is CodeType
