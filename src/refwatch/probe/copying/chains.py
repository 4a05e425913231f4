"""Finds out who keeps an object alive: the shortest way from it up to a module or a frame.

Level by level: all holders of a level's objects are found in one pass over the heap. What lies too
deep for that, in a long linked list for instance, is looked for from the roots down. A way may also
end at what no object holds: a thread's context, or what lies on an evaluation stack.
"""

from __future__ import annotations

import gc
import time

from ..kinds import CellType, CodeType, FunctionType, ModuleType
from ..plain import (
    is_a,
    is_class,
    items_of,
    name_of,
    namespace_of,
    text,
    type_name,
)
from .edges import ContextType, edges, variable_of
from .from_roots import trail, ways_from_roots
from .frozen import Heap, frame_label
from .heap import label_of, module_name, object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WIDEST = 40  # objects of one level whose holders are looked for: each costs at every edge of a pass
DEEPEST = 40  # levels
MOST_DEEP = 2  # objects that were looked for in vain so deep: from then on from the roots
LONGEST_S = 10.0
UNKNOWN = "C code, or a frame's evaluation stack"  # what holds an object and is none
UNKNOWN_FRAME = "C code, or a frame"  # the same where no frames could be taken
MOST_LINKS, KEPT_LINKS = 30, 6  # of a longer chain so many at each end are told

Link = dict[str, object]


class ChainFinder:
    """Finds chains for one object after the other, and says how far it is."""

    def __init__(self, heap: Heap, progress: Callable[[str, float | None], None]) -> None:
        self._heap = heap
        self._progress = progress
        self._unheld: set[int] = set()

    def find(self, starts: list[int], most: int) -> list[list[Link]]:
        """Chains of up to ``most`` of the objects at these addresses; none of those which nothing
        keeps alive but themselves."""
        ways: list[list[int]] = []
        ended: list[list[int]] = []  # at what no object holds
        deep: dict[int, list[int]] = {}
        for start in starts:
            way = self.way(start) if len(deep) < MOST_DEEP else [start]
            if way is not None:
                if self._root_at(way[-1:]) is not None:
                    ways.append(way)
                elif way[-1] in self._unheld:
                    ended.append(way)
                else:
                    deep[start] = way
            if len(ways) == most:
                break
        if deep and len(ways) < most:
            found = ways_from_roots(self._heap, set(deep), self._progress)
            deep |= found
            ways += [way for way in deep.values() if len(way) > 1]
        return [self._links(way) for way in [*ways, *ended][:most]]

    def way(self, start: int) -> list[int] | None:
        """Addresses from the object up to a root, or to what no object holds, or as far as was
        looked; None when each holder has itself been met: then it is garbage."""
        below: dict[int, int] = {start: 0}
        level = [start]
        unheld: list[int] = []
        end = time.monotonic() + LONGEST_S
        for depth in range(DEEPEST):
            root = self._root_at(level)
            if root is not None:
                return trail(below, root)[::-1]
            if time.monotonic() > end:
                break
            self._progress(f"looking for holders, step {depth + 1}", None)
            level = self._next(level, below, unheld)
            if not level:
                self._unheld.update(unheld[:1])
                return trail(below, unheld[0])[::-1] if unheld else None
        return trail(below, level[0])[::-1]

    def _root_at(self, level: Iterable[int]) -> int | None:
        for address in level:
            if address in self._heap.modules or address in self._heap.module_ids:
                return address
        if self._heap.frames:
            for address in level:
                if self._heap.locals_at(address):
                    return address
        return None

    def _next(self, level: list[int], below: dict[int, int], unheld: list[int]) -> list[int]:
        """The holders of this level that were not met before; ``below`` learns whom they hold, and
        ``unheld`` what has none at all."""
        objects = [object_at(address) for address in level[:WIDEST]]
        wanted = set(level[:WIDEST])
        missing = set(wanted)
        found: list[int] = []
        for holder in self._heap.holders(objects):
            held = [id(one) for one in gc.get_referents(holder) if id(one) in wanted]
            missing.difference_update(held)
            if held and id(holder) not in below:
                below[id(holder)] = held[0]
                found.append(id(holder))
        unheld += [address for address in level[:WIDEST] if address in missing]
        return found

    def _links(self, way: list[int]) -> list[Link]:
        """The way in words. A namespace is told with its owner, a cell with its function."""
        links: list[Link] = []
        index = 0
        left_out = len(way) - 2 * KEPT_LINKS if len(way) > MOST_LINKS else 0
        while index < len(way):
            if left_out and index >= KEPT_LINKS:
                links.append({"type": "…", "edge": f"{left_out:,} more links"})
                index, left_out = index + left_out, 0
            obj = object_at(way[index])
            edge, taken = self._edge(way, index)
            if edge is None:
                return [*links, *self._top(obj)]
            links.append(_link(obj, edge))
            index += taken
        return links

    def _edge(self, way: list[int], index: int) -> tuple[str | None, int]:
        """(how what is above holds this object, how many links up that is)."""
        if index + 1 == len(way):
            return None, 0
        held, holder = object_at(way[index]), object_at(way[index + 1])
        module = self._heap.modules.get(way[index + 1])
        if module is not None:
            names = [name for name, value in items_of(holder) if value is held]
            return (f"global {text(names[0])}" if names else "globals"), 1
        if index + 2 < len(way):
            owner = object_at(way[index + 2])
            if is_a(holder, dict) and (is_class(owner) or namespace_of(owner) is holder):
                word = "class attribute" if is_class(owner) else "attribute"
                return _named(holder, held, word), 2
            if type_name(holder).startswith("hamt"):  # the tree that a context is
                above = [type(object_at(one)) for one in way[index + 1 :]]
                if ContextType in above:
                    taken = above.index(ContextType) + 1
                    return variable_of(object_at(way[index + taken]), held), taken
            if type(holder) is CellType and type(owner) is tuple and index + 3 < len(way):
                return _closure(object_at(way[index + 3]), holder), 3
        return edges(holder, held)[0], 1

    def _top(self, obj: object) -> list[Link]:
        """The end of a chain: a module by its dict or itself, a frame's local, a thread's context,
        or what is no object."""
        module = self._heap.modules.get(id(obj))
        if module is not None:
            return [{"type": "module", "name": module_name(module), "address": hex(id(module))}]
        if is_a(obj, ModuleType):
            return [{"type": "module", "name": module_name(obj), "address": hex(id(obj))}]
        for frame, name in self._heap.locals_at(id(obj)):
            return [
                _link(obj, f"local {text(name)}"),
                {"type": "frame", "name": frame_label(frame), "address": ""},
            ]
        if id(obj) in self._unheld:
            if type(obj) is ContextType:
                return [_link(obj, "context"), {"type": "thread", "address": ""}]
            name = UNKNOWN if self._heap.frames else UNKNOWN_FRAME
            return [_link(obj, "reference"), {"type": "C code", "name": name, "address": ""}]
        return [_link(obj, None)]


def _named(namespace: object, held: object, word: str) -> str:
    for key, value in items_of(namespace):
        if value is held:
            return f"{word} {text(key)}"
    return word


def _closure(function: object, cell: object) -> str:
    if type(function) is FunctionType:
        code = FunctionType.__dict__["__code__"].__get__(function)
        closure = FunctionType.__dict__["__closure__"].__get__(function) or ()
        if type(code) is CodeType:
            for name, one in zip(code.co_freevars, closure, strict=False):
                if one is cell:
                    return f"closure variable {text(name)} of {text(code.co_qualname)}"
    return "closure cell"


def _link(obj: object, edge: str | None) -> Link:
    link: Link = {"type": type_name(obj), "address": hex(id(obj))}
    if edge is not None:
        link["edge"] = edge
    if is_class(obj):
        link["name"] = ".".join(name_of(obj))
    elif edge is None:
        link["name"] = label_of(obj) or type_name(obj)
    return link
