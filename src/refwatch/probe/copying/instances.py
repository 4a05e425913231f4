"""Finds the instances of a type, and those of them that were born lately."""

from __future__ import annotations

import gc

from ..plain import name_of, type_name
from .heap import count_types, object_at, tracked, untracked


def instances(module: str, name: str, young: int) -> tuple[list[int], bool]:
    """(addresses of all objects of the types of this name, whether they are in the order of age).
    ``young`` as :func:`tracked` has it.

    The collector's lists are in that order: the oldest generation first, in each the oldest first
    (CPython's Python/gc.c); gc.get_objects() begins with the youngest generation. Of what it does
    not track, plain dicts and tuples among it, nobody knows the age.
    """
    generations = [gc.get_objects(generation=number) for number in (2, 1, 0)]
    del generations[2][young:]  # the copy's own
    found: list[int] = []
    for objects in generations:
        wanted = _types(objects, module, name)
        found += [id(one) for one in objects if id(type(one)) in wanted]
        objects.clear()  # the youngest has the list of all three, and so they would stay
    if found and module != "builtins":
        return found, True
    others = untracked(tracked(young))
    wanted = _types(others, module, name)
    found += [id(one) for one in others if id(type(one)) in wanted]
    return found, False


def newest(found: list[int], born: int, most: int) -> list[int]:
    """Up to ``most`` of these, evenly chosen among the ``born`` youngest; 0 stands for a half of
    all."""
    if not found:
        return []
    born = min(born, len(found)) if born > 0 else (len(found) + 1) // 2
    newest_of_all = found[-born:]
    step = max(1, born // most)
    return newest_of_all[born // (2 * most) :: step][:most]


def is_there(address: int, type_: str) -> bool:
    """Whether an object whose type is called so lies at this address."""
    objects = gc.get_objects()
    for found in (objects, untracked(objects)):
        if any(id(one) == address for one in found):
            return type_name(object_at(address)) == type_
    return False


def _types(objects: list[object], module: str, name: str) -> set[int]:
    return {
        address for address in count_types(objects) if name_of(object_at(address)) == (module, name)
    }
