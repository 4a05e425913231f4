"""Reference chains: the shortest path from an object up to a module or a frame, with labels.

A chain may also end at what no object holds: a thread's context, a value on an evaluation stack.
"""

from __future__ import annotations

from ..builtin_types import CellType, CodeType, FunctionType, ModuleType
from ..raw_access import (
    is_a,
    is_class,
    items_of,
    name_of,
    namespace_of,
    text,
    type_name,
)
from .edges import ContextType, edges, variable_of
from .frozen_heap import Heap, frame_label
from .heap import label_of, module_name, object_at
from .instances import pick_newest
from .root_search import LONGEST_S, RootSearch

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

TRIED = 8  # objects whose paths are looked at
UNKNOWN = "C code, or a frame's evaluation stack"  # a holder that is no object
UNKNOWN_FRAME = "C code, or a frame"  # the same if no frames could be taken
MOST_LINKS, KEPT_LINKS = 30, 6  # a longer chain keeps this many links at each end

CUT = "the search was cut short"
NONE_THERE = "there was none when they were looked for"

Link = dict[str, object]


class Chains:
    """Result of a search for ``looked`` objects, ``garbage`` of which nothing holds. ``missing``
    says why those without a chain may be held all the same, or is empty."""

    def __init__(self, chains: list[list[Link]], looked: int, garbage: int, missing: str) -> None:
        self.chains = chains
        self.looked = looked
        self.garbage = garbage
        self.missing = missing


class ChainFinder:
    """Finds what keeps the objects at these addresses alive, and reports progress."""

    def __init__(
        self,
        heap: Heap,
        starts: list[int],
        progress: Callable[[str, float | None], None],
        *,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._heap = heap
        self._starts = starts
        self.search = RootSearch(heap, set(starts), progress, longest_s=longest_s)

    def find(self, born: int, most: int) -> Chains:
        """Chains of up to ``most`` of them, spread over the ``born`` last that are held. None if
        most are garbage: what holds the others is not why there are many."""
        held = [start for start in self._starts if start in self.search.above]
        looked, complete = len(self._starts), self.search.complete
        garbage = looked - len(held) if complete else 0
        if 2 * garbage > looked:
            return Chains([], looked, garbage, "")
        young = pick_newest(held, born, TRIED)
        rooted = [start for start in young if self._path(start)[-1] not in self.search.unheld]
        ended = [start for start in young if self._path(start)[-1] in self.search.unheld]
        chains = self.chains_of([*_evenly(rooted, most), *_evenly(ended, most)][:most])
        missing = (CUT if not complete else "") if looked else NONE_THERE
        return Chains(chains, looked, garbage, missing)

    def chains_of(self, starts: list[int]) -> list[list[Link]]:
        """The chains of these objects, which must be held."""
        return [self._links(self._path(start)) for start in starts]

    def _path(self, start: int) -> list[int]:
        return self.search.path(start) or [start]

    def _links(self, path: list[int]) -> list[Link]:
        """The path with labels. A namespace is one link with its owner, a cell with its
        function."""
        links: list[Link] = []
        index = 0
        left_out = len(path) - 2 * KEPT_LINKS if len(path) > MOST_LINKS else 0
        while index < len(path):
            if left_out and index >= KEPT_LINKS:
                links.append({"type": "…", "edge": f"{left_out:,} more links"})
                index, left_out = index + left_out, 0
            obj = object_at(path[index])
            edge, taken = self._edge(path, index)
            if edge is None:
                return [*links, *self._top(obj)]
            links.append(_link(obj, edge))
            index += taken
        return links

    def _edge(self, path: list[int], index: int) -> tuple[str | None, int]:
        """(label of how the next holder holds this object, number of steps up to it)."""
        if index + 1 == len(path):
            return None, 0
        held, holder = object_at(path[index]), object_at(path[index + 1])
        module = self._heap.modules.get(path[index + 1])
        if module is not None:
            names = [name for name, value in items_of(holder) if value is held]
            return (f"global {text(names[0])}" if names else "globals"), 1
        if index + 2 < len(path):
            owner = object_at(path[index + 2])
            if is_a(holder, dict) and (is_class(owner) or namespace_of(owner) is holder):
                word = "class attribute" if is_class(owner) else "attribute"
                return _named(holder, held, word), 2
            if type_name(holder).startswith("hamt"):  # the tree in a context
                above = [type(object_at(place)) for place in path[index + 1 :]]
                if ContextType in above:
                    taken = above.index(ContextType) + 1
                    return variable_of(object_at(path[index + taken]), held), taken
            if type(holder) is CellType and type(owner) is tuple and index + 3 < len(path):
                return _closure(object_at(path[index + 3]), holder), 3
        if type(holder) is CodeType:
            return "constants", 1
        return edges(holder, held)[0], 1

    def _top(self, obj: object) -> list[Link]:
        """The last links: a module, a frame's local, a thread's context, or something that is no
        object."""
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
        if id(obj) in self.search.unheld:
            if type(obj) is ContextType:
                return [_link(obj, "context"), {"type": "thread", "address": ""}]
            name = UNKNOWN if self._heap.frames else UNKNOWN_FRAME
            return [_link(obj, "reference"), {"type": "C code", "name": name, "address": ""}]
        return [_link(obj, None)]


def _evenly(starts: list[int], most: int) -> list[int]:
    step = max(1, len(starts) // most)
    return starts[step // 2 :: step][:most]


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
            for name, other in zip(code.co_freevars, closure, strict=False):
                if other is cell:
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
