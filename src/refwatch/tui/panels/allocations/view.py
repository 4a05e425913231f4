"""View of the Allocations panel: figures by line, file or traceback, now and at each mark.

It copies nothing: of thousands of groups some forty are visible. Live structures are excluded from
comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from refwatch.findings.memory_growth import memory_sentence
from refwatch.readings.allocations.estimates import NOTHING as NO_TALLY
from refwatch.readings.allocations.estimates import Estimate, Windows, estimate
from refwatch.readings.allocations.state import (
    GONE,
    UNKNOWN,
    AllocationBaseline,
    Allocations,
    By,
    Key,
    Live,
    Tallies,
    Traces,
)
from refwatch.readings.allocations.types import MemorySplit
from refwatch.text.formats import fmt_seconds
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.baselines import BaselineView, clamp
from refwatch.tui.views.styled_text import cut
from refwatch.wire.commands import Mode
from refwatch.wire.heap_values import Site

Shown = Literal["exact", "burst"]
LONGEST_NAME = 24
NEXT: Mapping[Mode, Mode] = {"burst": "exact", "exact": "off", "off": "burst"}


@dataclass(frozen=True)
class Moment:
    """All figures at a mark, or now. ``at`` in seconds."""

    name: str
    at: float
    tallies: Tallies = field(compare=False)
    windows: Windows
    traces: Traces = field(compare=False)
    awaited: bool = False
    """Its blocks are still being counted."""

    @property
    def baseline(self) -> BaselineView:
        return BaselineView(self.name, self.at)


@dataclass(frozen=True)
class AllocationsView:
    """``marks``, oldest first, can be compared with; ``now`` is what the next mark will be.
    ``shown``: which kind of figures there is."""

    mode: Mode
    shown: Shown
    frames: int
    note: str
    switched_s: float | None
    marks: tuple[Moment, ...]
    now: Moment
    reason: str
    """Why there is nothing to see; empty if there is something."""
    failure: str
    """Why the last count of blocks failed."""
    memory: MemoryView
    tracing: float
    """Share of the target's time that sampling has cost."""
    over: bool
    """The program has ended, or the watch."""
    cwd: str = ""
    sites: Mapping[int, Site] = field(default_factory=dict, compare=False)
    tracebacks: Mapping[int, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def site(self, number: int) -> Site:
        """The site with this id; a placeholder if it is not known."""
        return self.sites.get(number, UNKNOWN)

    def stack(self, traceback: int) -> tuple[int, ...]:
        """Sites of a traceback, innermost first; a placeholder if it was forgotten."""
        return self.tracebacks.get(traceback) or (-1,)

    def file_of(self, by: By, key: Key) -> str:
        """File in which a group's blocks were allocated."""
        if isinstance(key, str):
            return key
        return self.site(self.stack(key)[0] if by is By.TRACEBACK else key).file

    @property
    def version(self) -> tuple[object, ...]:
        """Changes with the figures."""
        return (
            self.shown,
            self.now.windows,
            self.now.traces.number,
            self.now.traces.taken_s,
            len(self.tracebacks),
            self.marks,
            self.switched_s,
        )

    @property
    def ends(self) -> tuple[int, ...]:
        """Indices of the marks that have figures of the kind shown."""
        begun = (self.switched_s if self.mode == "exact" else None) or 0.0
        return tuple(
            place
            for place, mark in enumerate(self.marks)
            if (
                mark.awaited or (mark.traces.number > 0 and mark.traces.taken_s >= begun)
                if self.shown == "exact"
                else mark.windows.count > 0
            )
        )

    def between(self, since: int, until: int | None) -> Between:
        """Figures between two marks; ``until`` None is now."""
        later = None if until is None or not self.marks else self.marks[clamp(until, self.marks)]
        return Between(self, self.marks[clamp(since, self.marks)], later or self.now)


class MemoryView(NamedTuple):
    """Breakdown of resident memory. ``points`` are (seconds, the six parts); sizes in bytes."""

    split: MemorySplit | None
    points: tuple[tuple[float, ...], ...]
    rss: int | None
    sentence: str


class BurstFigures(NamedTuple):
    """Estimated rates of one group per second, and its estimated total."""

    size: Estimate
    blocks: Estimate
    kept: float
    """Share of its bytes that outlive their window."""
    total: float
    """Bytes over the whole time."""


class ExactFigures(NamedTuple):
    """Live blocks of one group, and their growth."""

    now: Live
    grown: Live
    rate: float
    """Growth in bytes per second."""


@dataclass(frozen=True)
class Between:
    """Figures between two moments."""

    view: AllocationsView
    since: Moment
    until: Moment

    @property
    def windows(self) -> Windows:
        """The windows between the moments."""
        return self.until.windows - self.since.windows

    @property
    def before(self) -> Traces:
        """Blocks to compare with; none if tracing was restarted since the mark."""
        begun = self.view.switched_s if self.view.mode == "exact" else None
        then = self.since.traces
        if begun is not None and then.taken_s < begun <= self.until.traces.taken_s:
            return Traces()
        return then

    @property
    def span_s(self) -> float:
        """Seconds over which growth is counted."""
        then = self.before
        begun = self.view.switched_s or 0.0
        since = then.taken_s if then.number else max(begun, self.since.at)
        return max(0.0, self.until.traces.taken_s - since)

    def burst(self, by: By, key: Key) -> BurstFigures:
        """Rates of one group."""
        tally = self.until.tallies[by].get(key, NO_TALLY)
        if key in self.since.tallies[by]:
            tally -= self.since.tallies[by][key]
        over = self.windows
        size = estimate(tally.size, tally.size_variance, tally.size_square, tally.size_time, over)
        blocks = estimate(
            tally.blocks, tally.blocks_variance, tally.blocks_square, tally.blocks_time, over
        )
        kept = tally.kept_size / tally.size if tally.size > 0 else 0.0
        return BurstFigures(size, blocks, min(1.0, kept), size.rate * over.span_s)

    def exact(self, by: By, key: Key) -> ExactFigures:
        """Blocks of one group."""
        now = self.until.traces.groups[by].get(key, GONE)
        then = self.before.groups[by].get(key, GONE)
        grown = Live(size=now.size - then.size, count=now.count - then.count)
        return ExactFigures(now, grown, grown.size / self.span_s if self.span_s > 0 else 0.0)

    def weights(self, by: By) -> Iterator[tuple[Key, float]]:
        """Each group's weight: live bytes, or bytes per second."""
        if self.view.shown == "exact":
            for key, live in self.until.traces.groups[by].items():
                yield key, float(live.size)
            return
        seconds = self.windows.window_s
        if seconds <= 0:
            return
        then = self.since.tallies[by]
        for key, tally in self.until.tallies[by].items():
            size = tally.size - then[key].size if key in then else tally.size
            if size > 0:
                yield key, size / seconds

    @property
    def total(self) -> float:
        """Total, including groups too small to be listed."""
        if self.view.shown == "exact":
            return float(self.until.traces.traced)
        return sum(weight for _, weight in self.weights(By.FILE))


class AllocationsReader:
    """Reads views from a state; keeps the memory points until they change."""

    def __init__(self) -> None:
        self._of: tuple[Allocations, float | None] | None = None
        self._points: tuple[tuple[float, ...], ...] = ()

    def read(self, subject: Subject) -> AllocationsView:
        """Read the allocations of a process."""
        process, now = subject.process, subject.now
        allocations = process.allocations if process else Allocations()
        if self._of is None or self._of[0] is not allocations or self._of[1] != allocations.split_s:
            self._of = (allocations, allocations.split_s)
            self._points = tuple(allocations.splits)
        sentence = printable(memory_sentence(allocations, process)) if process else ""
        memory = MemoryView(
            allocations.split,
            self._points,
            process.memory.rss if process and process.memory else None,
            sentence,
        )
        return AllocationsView(
            allocations.mode,
            _shown(allocations),
            allocations.frames,
            printable(allocations.note),
            allocations.switched_s,
            tuple(_of_mark(each) for each in allocations.baselines),
            Moment("now", now, allocations.tallies, allocations.windows, allocations.traces),
            _reason(allocations, process.limits if process else {}, now, over=subject.over),
            printable(allocations.failure or ""),
            memory,
            process.cost.tracing_s / now if process and process.cost and now else 0.0,
            subject.over,
            process.started.cwd if process else "",
            allocations.sites,
            allocations.tracebacks,
        )


def _of_mark(mark: AllocationBaseline) -> Moment:
    name = cut(printable(mark.name), LONGEST_NAME)
    return Moment(name, mark.at, mark.tallies, mark.windows, mark.traces, mark.awaited)


def _shown(allocations: Allocations) -> Shown:
    """The kind of figures to show: of the present mode, else the newest."""
    if allocations.mode != "off":
        return allocations.mode
    last = allocations.rates.last()
    newer = allocations.traces.number and (last is None or last[0] < allocations.traces.taken_s)
    return "exact" if newer else "burst"


_LIMITS = ("allocation", "tracemalloc", "burst")
"""Words in the names of readings that the panel cannot do without."""


def _reason(allocations: Allocations, reasons: Mapping[str, str], now: float, *, over: bool) -> str:
    """Why there is nothing to see, in one sentence."""
    limits = (
        printable(f"{what}: {why}")
        for what, why in reasons.items()
        if any(word in what.lower() for word in _LIMITS)
    )
    why = printable(allocations.note) or next(limits, "")
    if allocations.mode == "burst" and not allocations.tallies[By.FILE]:
        return _no_bursts(allocations, why, over=over)
    if allocations.mode == "exact":
        return _no_traces(allocations, now, over=over)
    if allocations.tallies[By.FILE] or allocations.traces.number:
        return ""
    if allocations.switched_s is None:
        return why or "Allocations were not traced in this session."
    return why or "Allocations are not traced: tracing is off."


def _no_bursts(allocations: Allocations, why: str, *, over: bool) -> str:
    if allocations.windows.count:
        return why or "Nothing was allocated in the sampling windows so far."
    if over:
        return why or "The program ended before the first sampling window did."
    return why or "The first sampling window is still open: some of its blocks will be shown."


def _no_traces(allocations: Allocations, now: float, *, over: bool) -> str:
    begun = allocations.switched_s or 0.0
    if allocations.traces.number and allocations.traces.taken_s >= begun:
        return ""
    if allocations.failure is not None:
        return f"The blocks could not be counted: {printable(allocations.failure)}"
    if over:
        return "The program ended before the blocks were counted."
    return f"tracemalloc has been on for {fmt_seconds(now - begun)}; its blocks are being counted."
