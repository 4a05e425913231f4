"""What keeps each object alive, looked for from the roots down: each object is looked at once.

What a search that has ended has not met is held by something that is no object, an evaluation stack
for instance, or by nobody. References tell which: an object to which there are more of them than
those of other such objects is held from elsewhere. What none of these leads to is garbage.
"""

from __future__ import annotations

import gc
import time

from ..kinds import CodeType
from ..plain import IMMORTAL
from .heap import count_at, count_references, object_at, tracked, untracked

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .frozen import Heap

MOST = 6_000_000  # containers that are gone through: each takes some 100 bytes
LONGEST_S = 30.0
LOOKED_AT_ONCE = 1000  # holders, until the clock is read again


class FromRoots:
    """The shortest ways from the roots down to the objects at the ``wanted`` addresses."""

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
        """Address of what was met -> that of its holder on the shortest way, 0 for a root. None
        comes before its holder."""
        self.unheld: set[int] = set()
        """Roots that no object holds, though something does."""
        self.complete = True
        """What was not met is held by nobody; else the search was cut short."""
        self._wanted = wanted
        self._missing = set(wanted)
        self._progress = progress
        self._end = time.monotonic() + longest_s
        self._go_down(heap.roots() if frames else [*heap.modules, *heap.module_ids])
        if self.complete and self._missing:
            self.unheld = self._held_from_elsewhere(heap)
            self._go_down(self.unheld)

    def way(self, address: int) -> list[int] | None:
        """From this object up to the root that keeps it alive; None where none was found."""
        if address not in self.above:
            return None
        way = [address]
        while self.above[way[-1]]:
            way.append(self.above[way[-1]])
        return way

    def _go_down(self, roots: Iterable[int]) -> None:
        """Until all that is wanted was met, or all that there is, or the bounds were."""
        above, missing = self.above, self._missing
        fresh = dict.fromkeys(roots, 0)
        above.update(fresh)
        missing.difference_update(fresh)
        level = [object_at(address) for address in fresh]
        while level and missing:
            below: list[object] = []
            for start in range(0, len(level), LOOKED_AT_ONCE):
                if len(above) > MOST or time.monotonic() > self._end:
                    self.complete = False
                    return
                self._look_below(level[start : start + LOOKED_AT_ONCE], below)
            self._progress(f"looking from the modules down, {len(above):,} objects", None)
            level = below

    def _look_below(self, holders: list[object], below: list[object]) -> None:
        above, wanted, missing = self.above, self._wanted, self._missing
        for holder in holders:
            address = id(holder)
            for one in _referents(holder):
                place = id(one)
                if place in above:
                    continue
                if _is_container(one):
                    below.append(one)
                elif place not in wanted:
                    continue
                above[place] = address
                missing.discard(place)

    def _held_from_elsewhere(self, heap: Heap) -> set[int]:
        """Of what was not met, and of what is wanted, that which has more references than those
        that were not met have to it."""
        objects = [one for one in tracked(heap.young) if id(one) not in self.above]
        plain = [one for one in untracked(objects) if id(one) not in self.above]
        counted = objects + [one for one in plain if _is_container(one)]
        inner: dict[int, int] = {}
        count_references(counted, inner)
        places = {*map(id, counted), *self._missing}
        del objects, plain, counted  # they have references of their own
        return {
            place
            for place in places
            if (count := count_at(place)) >= IMMORTAL
            or count > inner.get(place, 0) + (place in heap.held)
        }


def _referents(holder: object) -> Iterable[object]:
    """What it refers to; the collector does not look into code, which has its constants."""
    return [holder.co_consts] if type(holder) is CodeType else gc.get_referents(holder)


def _is_container(one: object) -> bool:
    """Whether it may refer to others. The collector leaves out plain tuples and dicts."""
    if gc.is_tracked(one):
        return True
    kind = type(one)
    return kind is tuple or kind is dict or kind is CodeType
