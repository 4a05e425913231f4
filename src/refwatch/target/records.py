"""Batched reading of one small record at thousands of addresses, in a few system calls.

Neighbours in memory are read as one region: copying a gap costs less than another region.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain

from refwatch.target.memory import LARGEST, Plan, RemoteMemory

GAP = 1024  # bytes between two records that are read rather than skipped, at most
REGION = 1 << 15  # bytes of one region, at most
MOST_REGIONS = 1000  # of one call; the kernel takes 1,024 (UIO_MAXIOV)


class _Batch:
    """The regions of one system call."""

    def __init__(self, memory: RemoteMemory, regions: list[tuple[int, int]], layout: str) -> None:
        self.regions = regions
        self.struct = struct.Struct(layout)
        self.plan: Plan | None = memory.plan(regions)


class RecordReader:
    """Reader of records of ``layout``, a format of the struct module (little-endian, no padding).
    The ``addresses`` are sorted and made unique; each record has ``fields`` values."""

    def __init__(self, memory: RemoteMemory, addresses: Sequence[int], layout: str) -> None:
        self.addresses = sorted(set(addresses))
        self._memory = memory
        self._record = struct.Struct("<" + layout)
        self.fields = len(self._record.unpack(bytes(self._record.size)))
        self._batches = list(self._cut(layout))

    def _cut(self, layout: str) -> list[_Batch]:
        batches: list[_Batch] = []
        regions: list[tuple[int, int]] = []
        words: list[str] = []
        total, size = 0, self._record.size
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
                    batches.append(_Batch(self._memory, regions, "<" + "".join(words)))
                    regions, words, total = [], [], 0
                regions.append((address, size))
                total += size
            words.append(layout)
        if regions:
            batches.append(_Batch(self._memory, regions, "<" + "".join(words)))
        return batches

    def read(self) -> tuple[int, ...]:
        """All fields of all records in one tuple, zeros for a record that cannot be read. Raises
        MemoryGone."""
        found: list[tuple[int, ...]] = []
        done = 0
        for batch in self._batches:
            view = self._memory.follow(batch.plan) if batch.plan is not None else None
            if view is not None:
                values = batch.struct.unpack_from(view)
            else:
                values = self._read_singly(batch, done)
            done += len(values) // self.fields
            found.append(values)
        return found[0] if len(found) == 1 else tuple(chain.from_iterable(found))

    def _read_singly(self, batch: _Batch, first: int) -> tuple[int, ...]:
        """Fallback for a batch with an unmapped region, and for memory without vectored reads."""
        values: list[int] = []
        count = len(batch.struct.unpack(bytes(batch.struct.size))) // self.fields
        for address in self.addresses[first : first + count]:
            data = self._memory.read(address, self._record.size)
            values += self._record.unpack(data) if data else (0,) * self.fields
        return tuple(values)
