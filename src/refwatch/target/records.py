"""Reads the same small record at thousands of addresses in a few system calls.

Neighbours in memory are read as one region: copying the gap costs less than another region does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

from refwatch.target.memory import LARGEST, RemoteMemory, packed

GAP = 1024  # bytes between two records that are copied rather than skipped
REGION = 1 << 15  # bytes
MOST_REGIONS = 1000  # the kernel takes 1,024 (UIO_MAXIOV)


class _Batch:
    """What one system call reads."""

    def __init__(self, regions: list[tuple[int, int]], layout: str) -> None:
        self.struct = struct.Struct(layout)
        self.regions = packed(regions)


class RecordReader:
    """Records of ``layout`` (as struct has it, little-endian, without padding) at ``addresses``,
    each once, in rising order: ``fields`` values for each."""

    def __init__(self, memory: RemoteMemory, addresses: Sequence[int], layout: str) -> None:
        self.addresses = sorted(set(addresses))
        self._memory = memory
        self._one = struct.Struct("<" + layout)
        self.fields = len(self._one.unpack(bytes(self._one.size)))
        self._batches = list(self._cut(layout))

    def _cut(self, layout: str) -> list[_Batch]:
        batches: list[_Batch] = []
        regions: list[tuple[int, int]] = []
        words: list[str] = []
        total, size = 0, self._one.size
        for address in self.addresses:
            start, length = regions[-1] if regions else (0, 0)
            gap = address - start - length
            more = gap + size
            full = total + more > LARGEST - size or length + more > REGION
            if regions and 0 <= gap <= GAP and not full:
                regions[-1] = (start, length + more)
                words.append(f"{gap}x" if gap else "")
                total += more
            else:
                if len(regions) == MOST_REGIONS or total + size > LARGEST:
                    batches.append(_Batch(regions, "<" + "".join(words)))
                    regions, words, total = [], [], 0
                regions.append((address, size))
                total += size
            words.append(layout)
        if regions:
            batches.append(_Batch(regions, "<" + "".join(words)))
        return batches

    def read(self) -> tuple[int, ...]:
        """All fields of all records, flat; 0 in a record that cannot be read. Raises MemoryGone."""
        found: list[tuple[int, ...]] = []
        done = 0
        for batch in self._batches:
            data = self._memory.gather_packed(batch.regions)
            if len(data) == batch.struct.size:
                values = batch.struct.unpack(data)
            else:
                values = self._one_by_one(batch, done)
            done += len(values) // self.fields
            found.append(values)
        return found[0] if len(found) == 1 else tuple(chain.from_iterable(found))

    def _one_by_one(self, batch: _Batch, first: int) -> tuple[int, ...]:
        """Where a region is no longer mapped."""
        values: list[int] = []
        count = len(batch.struct.unpack(bytes(batch.struct.size))) // self.fields
        for address in self.addresses[first : first + count]:
            data = self._memory.read(address, self._one.size)
            values += self._one.unpack(data) if data else (0,) * self.fields
        return tuple(values)
