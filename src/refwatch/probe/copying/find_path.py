"""Steps from a module down to an object, which probe/follow_path.py takes in the target."""

from __future__ import annotations

from ..builtin_types import ModuleType
from ..raw_access import elements_of, is_a, is_class, items_of, namespace_of, slots_of
from .frozen_heap import Heap
from .heap import module_name, object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterator

Step = list[object]
"""[kind, name]: ``module``, ``attribute``, ``key`` (a str or an int) or ``index``"""


def find_steps(heap: Heap, path: list[int]) -> list[Step] | None:
    """The steps from the last object of this path, its root, down to the first; None if there is a
    reference that no step follows."""
    root = object_at(path[-1])
    module = heap.modules.get(path[-1], root)
    if not is_a(module, ModuleType):
        return None
    found: list[Step] = [["module", module_name(module)]]
    for holder, held in zip(reversed(path[1:]), reversed(path[:-1]), strict=True):
        step = _step(heap, object_at(holder), object_at(held), path)
        if step is None:
            return None
        if step:
            found.append(step)
    return found


def _step(heap: Heap, holder: object, held: object, path: list[int]) -> Step | None:
    """One step down; empty if the object is the holder's namespace."""
    if namespace_of(holder) is held or (is_class(holder) and type(held) is dict):
        return []
    if is_a(holder, dict):
        above = path.index(id(holder)) + 1
        owner = object_at(path[above]) if above < len(path) else None
        inside = owner is not None and (is_class(owner) or namespace_of(owner) is holder)
        named = inside or id(holder) in heap.modules
        for key, value in items_of(holder):
            if value is held and (type(key) is str or type(key) is int):
                return ["attribute" if named else "key", key]
        return None
    for index, element in enumerate(elements_of(holder)):
        if element is held:
            return ["index", index]
    for name in _attributes(holder, held):
        return ["attribute", name]
    return None


def _attributes(holder: object, held: object) -> Iterator[str]:
    own = namespace_of(holder) or {}
    for name, value in [*items_of(own), *slots_of(holder)]:
        if value is held and type(name) is str:
            yield name
