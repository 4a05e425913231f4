"""Retracking, in a copy, of the objects that probe/untrack.py hid from the collector.

They are linked in as the oldest, as they once were; ``PyObject_GC_Track`` would make them the
youngest.
"""

from __future__ import annotations

import gc
import struct

from ..capi import let_go
from ..untrack import FLAGS, GC_HEADER
from .heap import object_at, word_at, write_word

NEXT, PREVIOUS = 0, 8  # offsets in a header
OLDEST_FIRST = (2, 1, 0)  # generations


def retrack(addresses: bytes) -> int:
    """Track the objects, and drop the extra reference to each; return by how many objects the
    youngest generation has grown. For a copy, in which nothing is ever collected."""
    first, generation = _oldest()
    if first is None:
        return 0
    count = 0
    for (address,) in struct.iter_unpack("<Q", addresses):
        if not gc.is_tracked(object_at(address)):
            _put_before(first, address - GC_HEADER)
            count += 1
        let_go(address)
    return count if generation == 0 else 0


def _oldest() -> tuple[int | None, int]:
    """(address of the oldest object's header, its generation)."""
    for generation in OLDEST_FIRST:
        for obj in gc.get_objects(generation=generation)[:1]:
            return id(obj) - GC_HEADER, generation
    return None, 0


def _put_before(following: int, header: int) -> None:
    """Link a header into the list; the flag bits of each word stay as they are."""
    previous = word_at(following + PREVIOUS)
    before = previous & ~FLAGS
    write_word(header + NEXT, following)
    write_word(header + PREVIOUS, before | word_at(header + PREVIOUS) & FLAGS)
    write_word(before + NEXT, header | word_at(before + NEXT) & FLAGS)
    write_word(following + PREVIOUS, header | previous & FLAGS)
