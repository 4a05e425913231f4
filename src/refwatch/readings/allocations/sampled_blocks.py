"""The blocks that burst mode has looked at, read from outside."""

from __future__ import annotations

import struct
from collections import Counter
from math import expm1
from typing import NamedTuple

from refwatch.target.locations import NO_LINE, LineTable
from refwatch.target.memory import LARGEST, RemoteMemory
from refwatch.target.probe_messages import SampleRing
from refwatch.wire.heap_values import Site

_HEAD = struct.Struct("<4Q")  # address, bytes asked for, frames, count when it was freed or 0
_FRAME = 16
NEAR = 256  # records that may be overwritten while they are read
TAG = 7  # low bits of a code reference that 3.14 uses as tags


class SampledBlock(NamedTuple):
    """Blocks that are alike: bytes asked for, whether they were freed, and the frames that asked:
    pairs of words (code object, instruction), innermost first, as they lay in memory."""

    size: int
    freed: bool
    frames: bytes


class SampledBlocks:
    """Reads what the probe's :class:`~refwatch.target.probe_messages.BlocksPlace` speaks of."""

    def __init__(self, memory: RemoteMemory, place: SampleRing) -> None:
        self._memory = memory
        self._place = place

    @property
    def room(self) -> int:
        """How many of the newest can be read."""
        return self._place.room

    def count(self) -> int | None:
        """How many blocks have been looked at so far; None when that cannot be read. Raises
        MemoryGone."""
        found = self._memory.words(self._place.count, 1)
        return found[0] if found else None

    def read(self, start: int, end: int) -> Counter[SampledBlock]:
        """How many there are of each kind, from number ``start`` up to ``end``; only the newest
        where there were more than there is room for. Raises MemoryGone."""
        place = self._place
        start = self.oldest(start, end)
        found: dict[tuple[int, bool, bytes], int] = {}
        unpack, head, room = _HEAD.unpack_from, place.head, place.size // _FRAME
        for first, number in self._pieces(start, end):
            data = self._memory.read(place.records + first * place.size, number * place.size)
            for at in range(0, len(data), place.size):
                _, size, frames, freed = unpack(data, at)
                begin = at + head
                raw = data[begin : begin + _FRAME * min(frames, room)]
                key = size, 0 < freed <= end, raw  # a Block for each would cost as much again
                found[key] = found.get(key, 0) + 1
        return Counter({SampledBlock(*key): number for key, number in found.items()})

    def oldest(self, start: int, newest: int) -> int:
        """The first from number ``start`` on that is not overwritten, where there are so many."""
        return max(start, newest - self._place.room + NEAR)

    def _pieces(self, start: int, end: int) -> list[tuple[int, int]]:
        """(first record, how many) of readings that are not too long and do not go round."""
        most = LARGEST // self._place.size
        pieces: list[tuple[int, int]] = []
        while start < end:
            first = start % self._place.room
            number = min(end - start, self._place.room - first, most)
            pieces.append((first, number))
            start += number
        return pieces

    def chance(self, size: int, mean: int) -> float:
        """With what probability a block of so many bytes is looked at."""
        return -expm1(-(size + self._place.extra) / mean)


class Tracebacks:
    """Turns frames into sites. The probe's blocks are left out."""

    def __init__(self, lines: LineTable) -> None:
        self._lines = lines
        self._sites: dict[int, Site] = {}

    def sites(self, frames: bytes) -> tuple[Site, ...] | None:
        """Innermost first; None where refwatch itself has asked. Empty where no frame can be
        named, or none was there."""
        found: list[Site] = []
        for code, instruction in struct.iter_unpack("<2Q", frames):
            line = self._lines.at(code & ~TAG, instruction)
            if line is None or line == NO_LINE:
                continue
            if line < 0:
                return None
            found.append(self._site(line))
        return tuple(found)

    def _site(self, line: int) -> Site:
        site = self._sites.get(line)
        if site is None:
            for seen in self._lines.take_new():
                self._sites[seen.id] = Site(
                    file=seen.file, line=seen.number, function=seen.function
                )
            site = self._sites[line]
        return site

    def check(self) -> None:
        """Forget the code objects whose address is used by another one now."""
        self._lines.check()
