"""From the blocks that one window of burst mode has looked at to what was allocated in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from refwatch.readings.allocations.sampled_blocks import SampledBlock, SampledBlocks, Tracebacks
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.readings.allocations.types import BurstUse
from refwatch.target.code_objects import CodeObjects
from refwatch.target.layout import FramesLayout, TextLayout
from refwatch.target.locations import LineTable
from refwatch.target.memory import RemoteMemory
from refwatch.wire.heap_values import Site

NOWHERE = (Site(file="<no Python frame>", line=0, function=""),)
GONE = (Site(file="<code that is gone>", line=0, function=""),)
KEEP_SHARES = 5_000  # tracebacks
Sums = list[float]
"""As BurstUse has them, from ``blocks`` on."""


class SampledTotals(Struct, frozen=True, kw_only=True):
    """What a window saw: ``looked`` blocks, of which ``blocks`` could be read, each chosen by
    chance as ``mean`` bytes make it. ``followed``: it is known of each whether it was freed."""

    blocks: Counter[SampledBlock]
    looked: int
    mean: int
    followed: bool


class BurstTotals:
    """Adds up blocks by traceback; refwatch's own are left out."""

    def __init__(
        self, memory: RemoteMemory, frames: FramesLayout, text: TextLayout, numbers: SiteTable
    ) -> None:
        self.allocated = 0.0
        """Blocks that were allocated in the window that was added up last, as estimated."""
        self._numbers = numbers
        codes = CodeObjects(memory, frames, text)
        self._tracebacks = Tracebacks(LineTable(codes, frames.bytecode_offset, frames.none))
        self._kept: dict[int, Sums] = {}
        """traceback -> (blocks, size, blocks kept, size kept) in windows with frees followed."""

    def learn(self, blocks: Iterable[SampledBlock]) -> None:
        """Learn the names of their frames' code, which may soon be gone."""
        for block in blocks:
            self._tracebacks.sites(block.frames)

    def check(self) -> None:
        """Forget the code objects whose address is used by another one now."""
        self._tracebacks.check()

    def add_up(self, at: float, seen: SampledTotals, place: SampledBlocks) -> list[BurstUse]:
        """The uses of one window. Each block stands for as many as its chance was small (the
        estimator of Horvitz and Thompson)."""
        read = seen.blocks.total()
        share = seen.looked / read if read else 1.0  # 1 if all could be read
        sums: dict[bytes, Sums] = {}
        self.allocated = 0.0
        for block, count in seen.blocks.items():
            chance = place.chance(block.size, seen.mean)
            weight = count * share / chance
            variance = weight * (share / chance) * (1 - chance)
            self.allocated += weight
            row = sums.setdefault(block.frames, [0.0] * 6)
            row[0] += weight
            row[1] += weight * block.size
            row[2] += variance
            row[3] += variance * block.size * block.size
            if seen.followed and not block.freed:
                row[4] += weight
                row[5] += weight * block.size
        rows = self._by_traceback(at, sums)
        for number, row in rows.items():
            self._keep(number, row, seen.followed)
        return [
            BurstUse(number, *(round(value, 1) for value in row)) for number, row in rows.items()
        ]

    def _by_traceback(self, at: float, sums: dict[bytes, Sums]) -> dict[int, Sums]:
        by_sites: dict[tuple[Site, ...], Sums] = {}
        for frames, row in sums.items():
            sites = self._tracebacks.sites(frames)
            if sites is None:
                continue
            sites = sites or (GONE if frames else NOWHERE)
            before = by_sites.get(sites)
            by_sites[sites] = (
                row if before is None else [a + b for a, b in zip(before, row, strict=True)]
            )
        numbers = self._numbers.tracebacks(at, by_sites)
        return dict(zip(numbers, by_sites.values(), strict=True))

    def _keep(self, traceback: int, row: Sums, followed: bool) -> None:
        """What is kept of this use: as seen, or its share in the windows in which it was."""
        seen = self._kept.setdefault(traceback, [0.0] * 4)
        if followed:
            self._kept[traceback] = [a + b for a, b in zip(seen, (*row[:2], *row[4:]), strict=True)]
        elif seen[0] > 0 and seen[1] > 0:
            row[4], row[5] = row[0] * seen[2] / seen[0], row[1] * seen[3] / seen[1]
        if len(self._kept) > KEEP_SHARES:
            del self._kept[next(iter(self._kept))]
