"""Hides the probe's own objects from the target's collector, which would visit all of them in each
full collection: some 700, where a new interpreter has 7,000. What it has imported is not its own:
the target may import that as well, and is to find it as it would be.

What the probe has loaded stays to the end, so none of it can be garbage. An object that is not
tracked keeps alive what it refers to, and may not be freed (the deallocators of some types take it
for tracked): each has one more reference, which is never given back. A hidden copy shows them
again, so that a census counts what is there.
"""

from __future__ import annotations

import gc
import struct
import sys

from .capi import hold, untrack
from .kinds import BuiltinFunctionType, FrameType, FunctionType, MemberDescriptorType, ModuleType
from .peek import WORD, Memory
from .plain import FUTURE, address_of, is_ours, name_of, namespace_of

GC_HEADER = 16  # PyGC_Head: Include/internal/pycore_gc.h
FLAGS = 0b11  # of either link
PACKAGE = __name__.partition(".")[0]
OF_CLASSES = frozenset(
    (
        MemberDescriptorType,
        *map(type, (type.__dict__["__name__"], str.join, str.__len__, dict.__dict__["fromkeys"])),
    )
)
"""Kinds of what a class defined in C has in its namespace."""
TRIES = 3  # a collection may come between two readings


class Hidden:
    """Objects that the collector does not see. ``addresses`` has eight bytes for each, since a list
    of them would be as many objects."""

    def __init__(self, memory: Memory) -> None:
        self.addresses = b""
        self._memory = memory

    def hide(self, known: set[int]) -> None:
        """Hide all of the probe's own that the collector sees, but what lies at these addresses.
        Nothing is hidden where a copy could not show it again."""
        if not self._linked_as_expected():
            return
        gc.collect()  # what only calibration needed is gone
        objects = gc.get_objects()  # so none of them can go meanwhile
        own = _own(set(map(id, objects)) - known)
        found = [address for address in map(id, objects) if address in own]
        any(map(hold, found))
        any(map(untrack, found))
        self.addresses = struct.pack(f"<{len(found)}Q", *found)

    def _linked_as_expected(self) -> bool:
        """Whether links to the next and the previous object lie before each; free-threaded builds
        have none."""
        some: list[list[object]] = [[], [], []]
        return any(self._is_linked(address_of(some[1]) - GC_HEADER) for _ in range(TRIES))

    def _is_linked(self, header: int) -> bool:
        after, before = (self._memory.word(header + place) & ~FLAGS for place in (0, WORD))
        forth, back = self._memory.word(before), self._memory.word(after + WORD)
        return forth & ~FLAGS == header == back & ~FLAGS


def _own(new: set[int]) -> set[int]:
    """Those of the objects at these addresses that are the probe's own: what its modules lead to,
    but not by what they have imported."""
    own: set[int] = set()
    level: list[object] = [one for name, one in sys.modules.items() if name.startswith(PACKAGE)]
    own.update(new.intersection(map(id, level)))
    while level:
        below: list[object] = []
        referents = gc.get_referents(*level)
        by_address = dict(zip(map(id, referents), referents, strict=True))
        for address in new.intersection(by_address) - own:
            one = by_address[address]
            if _is_imported(one):
                continue
            own.add(address)
            if type(one) is ModuleType:  # a copy of one of the library's
                own.update(new.intersection([id(namespace_of(one))]))
            else:
                below.append(one)
        level = below
    return own


def _is_imported(one: object) -> bool:
    """Whether it is a module, class or function of the library's, or a part of one."""
    kind = type(one)
    if kind is FunctionType:
        return not is_ours(one.__code__)  # type: ignore[attr-defined]
    if kind is BuiltinFunctionType:
        return type(one.__self__) is ModuleType  # type: ignore[attr-defined]
    if kind is ModuleType:
        return not _is_of_ours(one.__name__)  # type: ignore[attr-defined]
    if kind in OF_CLASSES:
        one = one.__objclass__  # type: ignore[attr-defined]
    elif not isinstance(one, type):
        return kind is FrameType or name_of(kind) == FUTURE
    return not _is_of_ours(one.__module__)


def _is_of_ours(name: object) -> bool:
    return type(name) is str and name.startswith(PACKAGE)
