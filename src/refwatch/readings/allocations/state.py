"""What is known of a process's allocations: rates from bursts, live blocks from traces, where the
memory is. Part of the fold in state.py.

Every figure is kept three times: by site, by file and by traceback, because an error estimated for
the whole cannot be had from those of its parts. Marks keep all figures of their moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from operator import add

from msgspec import Struct, field

from refwatch.readings.allocations.estimates import NOTHING, Tally, Windows, tally_of
from refwatch.readings.allocations.events import (
    AllocationsSwitched,
    BurstMeasured,
    MemoryMeasured,
    SitesSeen,
    TracebacksSeen,
    TracesFailed,
    TracesTaken,
)
from refwatch.readings.allocations.types import MemorySplit
from refwatch.readings.objects.state import KEEP_BASELINES
from refwatch.series.mean_series import MeanSeries
from refwatch.wire.commands import Mode
from refwatch.wire.heap_values import Site

KEEP_GROUPS = 2_000  # of each kind; of twice as many the smallest are forgotten
KEEP_NUMBERED = 20_000
"""Sites, and tracebacks, of which the newest so many numbers can be named again."""
UNKNOWN = Site(file="?", line=0, function="?")
NO_SPLIT_PARTS = 6  # python used, free, C used, free, files, other


class By(StrEnum):
    """What figures are grouped by."""

    LINE = "line"
    FILE = "file"
    TRACEBACK = "traceback"


Key = int | str
"""A site's number, a file, or a traceback's number."""
Tallies = dict[By, dict[Key, Tally]]


class Live(Struct, frozen=True, gc=False, array_like=True):
    """Live blocks of one group, as traces have them."""

    size: int
    count: int


GONE = Live(size=0, count=0)


class Traces(Struct, frozen=True, kw_only=True):
    """The newest count of tracemalloc's traces."""

    number: int = 0
    taken_s: float = 0.0
    took_s: float = 0.0
    pause_s: float = 0.0
    frames: int = 0
    traced: int = 0
    peak: int = 0
    blocks: int = 0
    groups: Mapping[By, Mapping[Key, Live]] = field(default_factory=lambda: {by: {} for by in By})


class AllocationBaseline(Struct, kw_only=True):
    """The figures at a mark. Mark 0 is the beginning, where all of them are zero."""

    name: str
    at: float
    tallies: Tallies = field(default_factory=lambda: {by: {} for by in By})
    windows: Windows = field(default_factory=Windows)
    traces: Traces = field(default_factory=Traces)
    awaited: bool = False
    """The traces of this mark are still being counted: those here are of before it."""


class Allocations(Struct, kw_only=True):
    """All of it, for one process. ``baselines`` stand at the same places as those of its
    references."""

    mode: Mode = "off"
    frames: int = 0
    note: str = ""
    switched_s: float | None = None
    """Since when it is this mode; None before there was any."""
    sites: dict[int, Site] = field(default_factory=dict)
    tracebacks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    tallies: dict[By, dict[Key, Tally]] = field(default_factory=lambda: {by: {} for by in By})
    windows: Windows = field(default_factory=Windows)
    rates: MeanSeries = field(default_factory=lambda: MeanSeries(2, span=0.5))
    """(time, bytes per second, blocks per second) of all that bursts have seen."""
    traces: Traces = field(default_factory=Traces)
    traced: MeanSeries = field(default_factory=lambda: MeanSeries(2, span=0.5))
    """(time, traced bytes, blocks)"""
    failure: str | None = None
    """Why the last count of the traces did not come."""
    baselines: list[AllocationBaseline] = field(
        default_factory=lambda: [AllocationBaseline(name="start", at=0.0)]
    )
    split: MemorySplit | None = None
    split_s: float | None = None
    splits: MeanSeries = field(default_factory=lambda: MeanSeries(NO_SPLIT_PARTS, span=1.0))
    """(time, the parts of MemorySplit from ``python_used`` to ``other``; 0 for what is unknown)"""

    def mark(self, at: float, name: str) -> None:
        """Keep the figures of now to compare with. The beginning stays."""
        first, *others = self.baselines
        tallies = {by: dict(groups) for by, groups in self.tallies.items()}
        new = AllocationBaseline(
            name=name,
            at=at,
            tallies=tallies,
            windows=self.windows,
            traces=self.traces,
            awaited=self.mode == "exact",
        )
        self.baselines = [first, *others[-KEEP_BASELINES + 2 :], new]

    # The fold

    def switched(self, event: AllocationsSwitched) -> None:
        if event.mode == "exact" and (self.mode, self.frames) != ("exact", event.frames):
            self._begin_traces()
        self.mode, self.frames, self.note = event.mode, event.frames, event.note
        self.switched_s = event.at

    def _begin_traces(self) -> None:
        """tracemalloc starts from nothing: what it had before compares with nothing that comes."""
        self.traces, self.failure = Traces(), None
        for baseline in self.baselines:
            baseline.traces, baseline.awaited = Traces(), False

    def saw_sites(self, event: SitesSeen) -> None:
        for number, site in enumerate(event.sites, event.first):
            self.sites[number] = site
        if len(self.sites) > 2 * KEEP_NUMBERED:
            self._forget_sites(event.first + len(event.sites) - KEEP_NUMBERED)

    def saw_tracebacks(self, event: TracebacksSeen) -> None:
        for number, sites in enumerate(event.tracebacks, event.first):
            self.tracebacks[number] = tuple(sites)
        if len(self.tracebacks) > 2 * KEEP_NUMBERED:
            self._forget_tracebacks(event.first + len(event.tracebacks) - KEEP_NUMBERED)

    def _forget_tracebacks(self, since: int) -> None:
        """Those numbered before ``since`` that no figure speaks of."""
        named = self._named(By.TRACEBACK)
        self.tracebacks = {
            number: sites
            for number, sites in self.tracebacks.items()
            if number >= since or number in named
        }

    def _forget_sites(self, since: int) -> None:
        """Those numbered before ``since`` that no figure and no traceback speaks of."""
        named = self._named(By.LINE)
        for sites in self.tracebacks.values():
            named.update(sites)
        self.sites = {
            number: site
            for number, site in self.sites.items()
            if number >= since or number in named
        }

    def _named(self, by: By) -> set[Key]:
        """The groups of which there is a figure, at a mark at least."""
        named: set[Key] = set(self.tallies[by])
        for traces in (self.traces, *(baseline.traces for baseline in self.baselines)):
            named.update(traces.groups[by])
        return named

    def measured_burst(self, event: BurstMeasured) -> None:
        length = event.window_s
        for by in By:
            groups = self.tallies[by]
            for key, sums in self._of_window(event, by).items():
                groups[key] = groups.get(key, NOTHING) + tally_of(sums, length)
            if len(groups) > 2 * KEEP_GROUPS:
                self._forget_smallest(by)
        windows = self.windows
        self.windows = Windows(
            count=windows.count + 1,
            window_s=windows.window_s + length,
            square=windows.square + length * length,
            span_s=windows.span_s + event.span_s,
            samples=windows.samples + event.samples,
        )
        if length > 0:
            size = sum(use.size for use in event.uses)
            blocks = sum(use.blocks for use in event.uses)
            self.rates.add(event.at, size / length, blocks / length, weight=length)

    def _forget_smallest(self, by: By) -> None:
        """At the marks, too: one that comes back begins anew, and counts from no mark before."""
        groups = self.tallies[by]
        largest = sorted(groups, key=lambda key: groups[key].size, reverse=True)[:KEEP_GROUPS]
        kept = self.tallies[by] = {key: groups[key] for key in largest}
        for baseline in self.baselines:
            before = baseline.tallies[by]
            baseline.tallies[by] = {key: tally for key, tally in before.items() if key in kept}

    def _of_window(self, event: BurstMeasured, by: By) -> dict[Key, list[float]]:
        """The sums of one window, by group: the first values of a tally."""
        sums: dict[Key, list[float]] = {}
        for use in event.uses:
            values = [
                use.blocks,
                use.size,
                use.blocks_variance,
                use.size_variance,
                use.kept_blocks,
                use.kept_size,
            ]
            key = self.key_of(use.traceback, by)
            known = sums.get(key)
            sums[key] = values if known is None else list(map(add, known, values))
        return sums

    def key_of(self, traceback: int, by: By) -> Key:
        """The group to which a traceback belongs."""
        if by is By.TRACEBACK:
            return traceback
        sites = self.tracebacks.get(traceback, ())
        site = sites[0] if sites else -1
        return site if by is By.LINE else self.site(site).file

    def site(self, number: int) -> Site:
        """The site of this number; one of question marks where there is none."""
        return self.sites.get(number, UNKNOWN)

    def took_traces(self, event: TracesTaken) -> None:
        groups: dict[By, dict[Key, Live]] = {
            By.LINE: {use.site: Live(size=use.size, count=use.count) for use in event.lines},
            By.FILE: {use.file: Live(size=use.size, count=use.count) for use in event.files},
            By.TRACEBACK: {
                use.traceback: Live(size=use.size, count=use.count) for use in event.tracebacks
            },
        }
        self.traces = Traces(
            number=event.number,
            taken_s=event.at,
            took_s=event.took_s,
            pause_s=event.pause_s,
            frames=event.frames,
            traced=event.traced,
            peak=event.peak,
            blocks=event.blocks,
            groups=groups,
        )
        self.failure = None
        self.traced.add(event.at, event.traced, event.blocks)
        for baseline in self.baselines:
            if baseline.awaited and event.at >= baseline.at:
                baseline.traces, baseline.awaited = self.traces, False

    def failed_traces(self, event: TracesFailed) -> None:
        self.failure = event.reason

    def measured_memory(self, event: MemoryMeasured) -> None:
        self.split, self.split_s = event.split, event.at
        self.splits.add(event.at, *parts_of(event.split))

    # What is asked

    def rates_since(self, baseline: AllocationBaseline | None = None) -> Windows:
        """The windows since a mark, or all of them."""
        return self.windows - baseline.windows if baseline is not None else self.windows

    def tallies_since(
        self, by: By, baseline: AllocationBaseline | None = None
    ) -> Iterator[tuple[Key, Tally]]:
        """What bursts have seen of each group since a mark, or in all."""
        before = baseline.tallies[by] if baseline is not None else {}
        for key, tally in self.tallies[by].items():
            since = tally - before[key] if key in before else tally
            if since.blocks > 0:
                yield key, since


def parts_of(split: MemorySplit) -> tuple[int, ...]:
    """The parts in the order of MemorySplit, 0 for what is unknown."""
    parts = (
        split.python_used,
        split.python_free,
        split.c_used,
        split.c_free,
        split.files,
        split.other,
    )
    return tuple(part or 0 for part in parts)
