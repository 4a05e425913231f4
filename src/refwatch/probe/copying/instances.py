"""Instances of a type, in order of age where that is known."""

from __future__ import annotations

import gc

from ..raw_access import name_of, type_name
from .heap import count_types, object_at, tracked, untracked


def find_instances(module: str, name: str, young: int) -> tuple[list[int], bool]:
    """(addresses of all instances of the types of this name, whether they are in order of age).
    ``young`` as :func:`tracked` has it.

    The collector's lists are in order of age, within a generation too (CPython's Python/gc.c). The
    age of untracked objects, plain dicts and tuples among them, is unknown.
    """
    generations = [gc.get_objects(generation=number) for number in (2, 1, 0)]
    del generations[2][young:]  # the copy's own
    found: list[int] = []
    for objects in generations:
        wanted = _types(objects, module, name)
        found += [id(obj) for obj in objects if id(type(obj)) in wanted]
        objects.clear()  # the youngest generation has the list of all three, which would keep them
    if found and module != "builtins":
        return found, True
    others = untracked(tracked(young))
    wanted = _types(others, module, name)
    found += [id(obj) for obj in others if id(type(obj)) in wanted]
    return found, False


def pick_newest(found: list[int], born: int, most: int) -> list[int]:
    """Up to ``most`` of these, spread evenly over the ``born`` youngest; 0 means half of all."""
    if not found:
        return []
    born = min(born, len(found)) if born > 0 else (len(found) + 1) // 2
    newest_of_all = found[-born:]
    step = max(1, born // most)
    return newest_of_all[born // (2 * most) :: step][:most]


def is_there(address: int, type_: str) -> bool:
    """Whether there is an object at this address, of a type of this name."""
    objects = gc.get_objects()
    for found in (objects, untracked(objects)):
        if any(id(obj) == address for obj in found):
            return type_name(object_at(address)) == type_
    return False


def _types(objects: list[object], module: str, name: str) -> set[int]:
    return {
        address for address in count_types(objects) if name_of(object_at(address)) == (module, name)
    }
