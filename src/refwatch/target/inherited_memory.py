"""What of the memory that the child of a fork has from its parent is still shared.

By ``/proc/PID/pagemap`` (Documentation/admin-guide/mm/pagemap.rst; nobody needs a privilege for the
bits used here): a page that is mapped by one process only has been copied, because one of the two
has written to it. Why is told by its contents: a reference that comes and goes leaves none but
the copy itself, one that stays leaves another count (``ob_refcnt``, the word before ``ob_type``).
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Iterator
from itertools import compress
from operator import ne

from msgspec import Struct

from refwatch.target.memory import RemoteMemory

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT, FILE_OR_SHARED, EXCLUSIVE = 1 << 63, 1 << 61, 1 << 56
BLOCK = 512  # pages whose bits are read at once
MOST_PAGES = 1 << 16  # whose bits are read; of more pages only each second block, third, ...
COMPARED = 128  # pages, spread evenly, of which the contents are compared
MOST_COUNTS = 1 << 20  # change of a word that may be one of a reference count


class Inherited(Struct, frozen=True, kw_only=True):
    """Bytes of a child's memory. ``by_counts`` is the part of ``copied`` in which nothing differs
    from the parent's memory but reference counts, or nothing at all."""

    inherited: int
    copied: int
    by_counts: int


class InheritedMemory:
    """The anonymous memory that ``child`` has when this is made, which is soon after its fork from
    ``parent``. Raises OSError, MemoryGone or ReadingDenied where it may not be read."""

    def __init__(self, child: int, parent: int) -> None:
        self._child = child
        self._ranges = [*_anonymous(child)]
        self._memory = RemoteMemory(child)
        self._parents = RemoteMemory(parent)

    def close(self) -> None:
        self._memory.close()
        self._parents.close()

    def read(self) -> Inherited:
        """Raises OSError, MemoryGone or ReadingDenied when one of the two is gone."""
        pages = sum((end - begin) // PAGE for begin, end in self._ranges)
        every = math.ceil(pages / MOST_PAGES) or 1
        present, exclusive = 0, array("Q")
        with open(f"/proc/{self._child}/pagemap", "rb", buffering=0) as file:
            for begin, bits in self._blocks(file.fileno(), every):
                for place, bit in enumerate(bits):
                    if bit & PRESENT and not bit & FILE_OR_SHARED:
                        present += 1
                        if bit & EXCLUSIVE:
                            exclusive.append(begin + place * PAGE)
        compared = exclusive[:: math.ceil(len(exclusive) / COMPARED) or 1]
        found = [self._compare(address) for address in compared]
        share = len(exclusive) * every * PAGE / len(compared) if compared else 0.0
        new = round(found.count(None) * share)  # the parent has nothing there
        return Inherited(
            inherited=max(0, present * every * PAGE - new),
            copied=round(sum(one is not None for one in found) * share),
            by_counts=round(found.count(True) * share),
        )

    def _blocks(self, pagemap: int, every: int) -> Iterator[tuple[int, array[int]]]:
        """(address, bits of the pages from there on)"""
        number = 0
        for begin, end in self._ranges:
            for address in range(begin, end, BLOCK * PAGE):
                number += 1
                if number % every == 0:
                    count = min(BLOCK, (end - address) // PAGE)
                    data = os.pread(pagemap, count * 8, address // PAGE * 8)
                    yield address, array("Q", data[: len(data) // 8 * 8])

    def _compare(self, address: int) -> bool | None:
        """Whether only counts differ from the parent's page, or nothing; None if it has none."""
        own, parents = self._memory.read(address, PAGE), self._parents.read(address, PAGE)
        if not own or not parents:
            return None
        return own == parents or _differ_by_counts(array("Q", own), array("Q", parents))


def _differ_by_counts(one: array[int], other: array[int]) -> bool:
    """Whether each word that differs may be an object's count: it has changed by a little, and its
    type has not."""
    last = len(one) - 1  # of its object the type is on the next page
    for place in compress(range(len(one)), map(ne, one, other)):
        count, before = one[place], other[place]
        if count >> 32 != before >> 32 or abs(count - before) > MOST_COUNTS:
            return False
        kind = one[place + 1] if place < last else 0
        if kind and not _may_be_pointer(kind):
            return False
        if place < last and kind != other[place + 1]:
            return False
    return True


def _may_be_pointer(word: int) -> bool:
    return PAGE < word < 1 << 47 and not word & 7


def _anonymous(pid: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of a process's writable private mappings: see proc_pid_maps(5)."""
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            addresses, rights = line.split()[:2]
            if rights.startswith("rw") and rights.endswith("p"):
                begin, end = addresses.split("-")
                yield int(begin, 16), int(end, 16)
