"""Shows what the target's collector does not see (probe/hidden.py) to the copy's, where each object
lay once: before all that the target has made. ``PyObject_GC_Track`` would make them the youngest.
"""

from __future__ import annotations

import gc
import struct

from ..capi import let_go
from ..hidden import FLAGS, GC_HEADER
from .heap import object_at, word_at, write_word

NEXT, PREVIOUS = 0, 8  # in a header
OLDEST_FIRST = (2, 1, 0)  # generations


def show(addresses: bytes) -> int:
    """Put them into the collector's list, and give back the reference that each has had: by how
    much the youngest generation has grown. For a copy, in which nothing is ever collected."""
    first, generation = _oldest()
    if first is None:
        return 0
    shown = 0
    for (address,) in struct.iter_unpack("<Q", addresses):
        if not gc.is_tracked(object_at(address)):
            _put_before(first, address - GC_HEADER)
            shown += 1
        let_go(address)
    return shown if generation == 0 else 0


def _oldest() -> tuple[int | None, int]:
    """(where the header of the oldest object lies, its generation)."""
    for generation in OLDEST_FIRST:
        for one in gc.get_objects(generation=generation)[:1]:
            return id(one) - GC_HEADER, generation
    return None, 0


def _put_before(following: int, header: int) -> None:
    """Link an object's header into the list; the other bits of each word stay as they are."""
    previous = word_at(following + PREVIOUS)
    before = previous & ~FLAGS
    write_word(header + NEXT, following)
    write_word(header + PREVIOUS, before | word_at(header + PREVIOUS) & FLAGS)
    write_word(before + NEXT, header | word_at(before + NEXT) & FLAGS)
    write_word(following + PREVIOUS, header | previous & FLAGS)
