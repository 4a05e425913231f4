"""Search for what the cyclic garbage collector writes each time when a collection has ended.

Up to 3.14 the statistics of the generations, three words each, lie in struct _gc_runtime_state
(CPython's Include/internal/pycore_gc.h). Since 3.15 a pointer there leads to rings of them, one a
generation (struct gc_stats in Include/internal/pycore_interp_structs.h).
"""

from __future__ import annotations

import gc

from ..own_memory import WORD, Memory
from .find_collecting import before_lists
from .find_gil import NotFound

NEAR = 32  # words before the pointers to gc.garbage and gc.callbacks
MOST = 512  # words of the rings
TRIES = 3  # the collector may run by itself between two readings
FIELDS = ("collections", "collected", "uncollectable")

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    Words = tuple[int, ...]


def find_collections(memory: Memory) -> list[int]:
    """[address, size in bytes] of what changes at the end of each collection, and only then. Raises
    NotFound."""
    low, words = before_lists(memory, NEAR)
    for _ in range(TRIES):
        place = _statistics(memory, low) or _rings(memory, words)
        if place is not None:
            return place
    raise NotFound("no words count collections")


def _counts() -> Words:
    return tuple(stats[name] for stats in gc.get_stats() for name in FIELDS)


def _statistics(memory: Memory, low: int) -> list[int] | None:
    """All numbers of all generations, one after the other: before and after a collection."""
    before = _places(memory.words(low, NEAR), _counts())
    if not before:
        return None
    gc.collect(0)
    both = before & _places(memory.words(low, NEAR), counts := _counts())
    return [low + both.pop() * WORD, len(counts) * WORD] if len(both) == 1 else None


def _places(words: Words, wanted: Words) -> set[int]:
    size = len(wanted)
    return {at for at in range(len(words) - size + 1) if words[at : at + size] == wanted}


def _rings(memory: Memory, pointers: Words) -> list[int] | None:
    """A ring of the youngest generation's numbers, which move on by one item with a collection;
    then those of the other generations."""
    for pointer in pointers:
        before = memory.words(pointer, MOST) if pointer >> 12 and not pointer % WORD else ()
        first = _places(before, _counts()[: len(FIELDS)])
        if len(first) != 1:
            continue
        gc.collect(0)
        after = memory.words(pointer, MOST)
        second = _places(after, _counts()[: len(FIELDS)])
        if len(second) == 1:
            size = _size(before, after, first.pop(), second.pop())
            return [pointer, size * WORD] if size else None
    return None


def _size(before: Words, after: Words, first: int, second: int) -> int | None:
    """Words of all the rings: each has items of one size, and then the number of its newest. Of the
    older generations, which have not been collected yet, all is zero, up to what is no part."""
    item = second - first
    others = len(gc.get_stats()) - 1
    if item <= len(FIELDS) or any(_counts()[len(FIELDS) :]):
        return None
    ends = [
        at
        for at in range(2 * item, len(after), item)
        if (before[at], after[at]) == (first // item, second // item)
    ]
    if len(ends) != 1:
        return None
    end = begin = ends[0] + 1
    while end < len(after) and not after[end]:
        end += 1
    each, rest = divmod(end - begin, others)
    return end if not rest and each > item and each % item == 1 else None
