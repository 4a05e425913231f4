"""Untracking of the probe's own objects, which the target's collector would visit each time.

They are some 800, where a new interpreter has 7,000. What the probe has imported is not its own:
the target may import it too, and must find it as it would alone.

The probe's objects stay to the end, so none becomes garbage. An untracked object must not be freed
(some deallocators take it for tracked), so each gets one more reference, which stays. A hidden copy
tracks them again (copying/retrack.py), so that a census counts them.
"""

from __future__ import annotations

import gc
import struct
import sys

from .builtin_types import (
    BuiltinFunctionType,
    FrameType,
    FunctionType,
    MemberDescriptorType,
    ModuleType,
)
from .capi import hold, untrack
from .own_memory import WORD, Memory
from .raw_access import FUTURE, address_of, is_ours, name_of, namespace_of

GC_HEADER = 16  # PyGC_Head: Include/internal/pycore_gc.h
FLAGS = 0b11  # of either link
PACKAGE = __name__.partition(".")[0]
OF_CLASSES = frozenset(
    (
        MemberDescriptorType,
        *map(type, (type.__dict__["__name__"], str.join, str.__len__, dict.__dict__["fromkeys"])),
    )
)
"""Types of what a class defined in C has in its namespace"""
TRIES = 3  # a collection may come between two readings


class Untracked:
    """Objects that were untracked. ``addresses`` has eight bytes for each, since a list would be as
    many objects."""

    def __init__(self, memory: Memory) -> None:
        self.addresses = b""
        self._memory = memory

    def untrack(self, earlier: set[int]) -> None:
        """Untrack the probe's objects, but none at an ``earlier`` address. Does nothing where a
        copy could not track them again."""
        if not self._linked_as_expected():
            return
        gc.collect()  # what only calibration needed
        objects = gc.get_objects()  # keeps them alive meanwhile
        own = _own(set(map(id, objects)) - earlier)
        found = [address for address in map(id, objects) if address in own]
        any(map(hold, found))
        any(map(untrack, found))
        self.addresses = struct.pack(f"<{len(found)}Q", *found)

    def _linked_as_expected(self) -> bool:
        """Whether each object has links to its neighbours before it; free-threaded builds have
        none."""
        some: list[list[object]] = [[], [], []]
        return any(self._is_linked(address_of(some[1]) - GC_HEADER) for _ in range(TRIES))

    def _is_linked(self, header: int) -> bool:
        after, before = (self._memory.word(header + place) & ~FLAGS for place in (0, WORD))
        forth, back = self._memory.word(before), self._memory.word(after + WORD)
        return forth & ~FLAGS == header == back & ~FLAGS


def _own(new: set[int]) -> set[int]:
    """The probe's own among the objects at these addresses: what its modules refer to, but not by
    way of what they have imported."""
    own: set[int] = set()
    level: list[object] = [
        module for name, module in sys.modules.items() if name.startswith(PACKAGE)
    ]
    own.update(new.intersection(map(id, level)))
    while level:
        below: list[object] = []
        referents = gc.get_referents(*level)
        by_address = dict(zip(map(id, referents), referents, strict=True))
        for address in new.intersection(by_address) - own:
            obj = by_address[address]
            if _is_imported(obj):
                continue
            own.add(address)
            if type(obj) is ModuleType:  # a copy of a library module
                own.update(new.intersection([id(namespace_of(obj))]))
            else:
                below.append(obj)
        level = below
    return own


def _is_imported(obj: object) -> bool:
    """Whether it is a module, class or function of the library, or part of a class."""
    kind = type(obj)
    if kind is FunctionType:
        return not is_ours(obj.__code__)  # type: ignore[attr-defined]
    if kind is BuiltinFunctionType:
        return type(obj.__self__) is ModuleType  # type: ignore[attr-defined]
    if kind is ModuleType:
        return not _is_our_name(obj.__name__)  # type: ignore[attr-defined]
    if kind in OF_CLASSES:
        obj = obj.__objclass__  # type: ignore[attr-defined]
    elif not isinstance(obj, type):
        return kind is FrameType or name_of(kind) == FUTURE
    return not _is_our_name(obj.__module__)


def _is_our_name(name: object) -> bool:
    return type(name) is str and name.startswith(PACKAGE)
