"""Hides the probe's own objects from the target's collector, which would visit all of them in each
full collection: some 1,700, where a new interpreter has 7,000.

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
from .kinds import FrameType
from .peek import WORD, Memory
from .plain import address_of

GC_HEADER = 16  # PyGC_Head: Include/internal/pycore_gc.h
FLAGS = 0b11  # of either link
TRIES = 3  # a collection may come between two readings


class Hidden:
    """Objects that the collector does not see. ``addresses`` has eight bytes for each, since a list
    of them would be as many objects."""

    def __init__(self, memory: Memory) -> None:
        self.addresses = b""
        self._memory = memory

    def hide(self, known: set[int]) -> None:
        """Hide all that the collector sees, but what lies at these addresses, and what nobody
        refers to. Nothing is hidden where a copy could not show it again."""
        if not self._linked_as_expected():
            return
        gc.collect()  # what only calibration needed is gone
        objects = [one for one in gc.get_objects() if address_of(one) not in known]
        (alone,) = _counts([object()])
        found = [
            address_of(one)
            for one, count in zip(objects, _counts(objects), strict=True)
            if count > alone and type(one) is not FrameType
        ]
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


def _counts(objects: list[object]) -> list[int]:
    return [sys.getrefcount(one) for one in objects]
