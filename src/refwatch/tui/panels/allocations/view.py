"""The Allocations panel's view: figures by line, file or traceback, of now and of the marks.

It copies nothing: there may be thousands of groups, of which some forty are looked at. What moves
on behind it is taken out of comparisons.
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
from refwatch.session.state import State
from refwatch.text.formats import fmt_age
from refwatch.text.sanitize import safe
from refwatch.tui.views.baselines import BaselineView, within
from refwatch.tui.views.styled_text import cut
from refwatch.wire.commands import Mode
from refwatch.wire.heap_values import Site

Shown = Literal["exact", "burst"]
LONGEST_NAME = 24
NEXT: Mapping[Mode, Mode] = {"burst": "exact", "exact": "off", "off": "burst"}


@dataclass(frozen=True)
class Moment:
    """All figures of one moment: that of a mark, or now. ``at`` in seconds."""

    name: str
    at: float
    tallies: Tallies = field(compare=False)
    windows: Windows
    traces: Traces = field(compare=False)
    awaited: bool = False
    """Its traces are still being counted."""

    @property
    def baseline(self) -> BaselineView:
        return BaselineView(self.name, self.at)


@dataclass(frozen=True)
class AllocationsView:
    """``marks`` are what can be compared with, the oldest first; ``now`` is what they become when
    one is set now. ``shown``: which of the two kinds of figures there is to see."""

    mode: Mode
    shown: Shown
    frames: int
    note: str
    switched_s: float | None
    marks: tuple[Moment, ...]
    now: Moment
    reason: str
    """Why there is nothing to see; empty where there is something."""
    failure: str
    """Why the last count of the traces did not come."""
    memory: MemoryView
    tracing: float
    """The share of the time that burst mode has cost the target, 0 to 1."""
    over: bool
    """Nobody answers any more: the program has ended, or the watch."""
    cwd: str = ""
    sites: Mapping[int, Site] = field(default_factory=dict, compare=False)
    tracebacks: Mapping[int, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def site(self, number: int) -> Site:
        """The site of this number; one of question marks where there is none."""
        return self.sites.get(number, UNKNOWN)

    def stack(self, traceback: int) -> tuple[int, ...]:
        """Its sites, innermost first; one that nobody knows where it was forgotten."""
        return self.tracebacks.get(traceback) or (-1,)

    def file_of(self, by: By, key: Key) -> str:
        """The file in which a group's blocks were allocated."""
        if isinstance(key, str):
            return key
        return self.site(self.stack(key)[0] if by is By.TRACEBACK else key).file

    @property
    def version(self) -> tuple[object, ...]:
        """It changes with the figures."""
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
        """Places of the marks up to which can be compared: when they were set there were figures of
        the kind that is shown."""
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
        """The figures between the marks at these places; ``until`` None is now."""
        later = None if until is None or not self.marks else self.marks[within(until, self.marks)]
        return Between(self, self.marks[within(since, self.marks)], later or self.now)


class MemoryView(NamedTuple):
    """Where the resident memory is. ``points`` are (seconds, the six parts); sizes in bytes."""

    split: MemorySplit | None
    points: tuple[tuple[float, ...], ...]
    rss: int | None
    sentence: str


class BurstFigures(NamedTuple):
    """Rates per second of one group, and what there was of it in all: estimates."""

    size: Estimate
    blocks: Estimate
    kept: float
    """The share of its bytes that outlives its window, 0 to 1."""
    total: float
    """Bytes over all of the time, estimated."""


class ExactFigures(NamedTuple):
    """Live blocks of one group, and how many more there are than there were."""

    now: Live
    grown: Live
    rate: float
    """Bytes more per second."""


@dataclass(frozen=True)
class Between:
    """Figures from one moment until another."""

    view: AllocationsView
    since: Moment
    until: Moment

    @property
    def windows(self) -> Windows:
        """The windows in this time."""
        return self.until.windows - self.since.windows

    @property
    def before(self) -> Traces:
        """The traces to compare with: none where those of the mark are of an earlier time of exact
        mode, whose blocks nobody follows any more."""
        begun = self.view.switched_s if self.view.mode == "exact" else None
        then = self.since.traces
        if begun is not None and then.taken_s < begun <= self.until.traces.taken_s:
            return Traces()
        return then

    @property
    def span_s(self) -> float:
        """How long blocks could become more, seconds."""
        then = self.before
        begun = self.view.switched_s or 0.0
        since = then.taken_s if then.number else max(begun, self.since.at)
        return max(0.0, self.until.traces.taken_s - since)

    def burst(self, by: By, key: Key) -> BurstFigures:
        """The rates of one group."""
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
        """The blocks of one group."""
        now = self.until.traces.groups[by].get(key, GONE)
        then = self.before.groups[by].get(key, GONE)
        grown = Live(size=now.size - then.size, count=now.count - then.count)
        return ExactFigures(now, grown, grown.size / self.span_s if self.span_s > 0 else 0.0)

    def weights(self, by: By) -> Iterator[tuple[Key, float]]:
        """Each group with what it is drawn by: live bytes, or bytes per second."""
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
        """All that was seen, also of groups that are not among the largest."""
        if self.view.shown == "exact":
            return float(self.until.traces.traced)
        return sum(weight for _, weight in self.weights(By.FILE))


class AllocationsReader:
    """Reads views from a state. The points of memory over time it remembers until the next."""

    def __init__(self) -> None:
        self._of: tuple[Allocations, float | None] | None = None
        self._points: tuple[tuple[float, ...], ...] = ()

    def read(self, state: State) -> AllocationsView:
        """Read the allocations of the main process."""
        process = state.main
        allocations = process.allocations if process else Allocations()
        if self._of is None or self._of[0] is not allocations or self._of[1] != allocations.split_s:
            self._of = (allocations, allocations.split_s)
            self._points = tuple(allocations.splits)
        sentence = safe(memory_sentence(allocations, process)) if process else ""
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
            safe(allocations.note),
            allocations.switched_s,
            tuple(_of_mark(each) for each in allocations.baselines),
            Moment("now", state.now, allocations.tallies, allocations.windows, allocations.traces),
            _reason(allocations, process.limits if process else {}, state.now, over=state.over),
            safe(allocations.failure or ""),
            memory,
            process.cost.tracing_s / state.now if process and state.now else 0.0,
            state.over,
            process.started.cwd if process else "",
            allocations.sites,
            allocations.tracebacks,
        )


def _of_mark(mark: AllocationBaseline) -> Moment:
    name = cut(safe(mark.name), LONGEST_NAME)
    return Moment(name, mark.at, mark.tallies, mark.windows, mark.traces, mark.awaited)


def _shown(allocations: Allocations) -> Shown:
    """What is seen now, or was seen last."""
    if allocations.mode != "off":
        return allocations.mode
    last = allocations.rates.last()
    newer = allocations.traces.number and (last is None or last[0] < allocations.traces.taken_s)
    return "exact" if newer else "burst"


_LIMITS = ("allocation", "tracemalloc", "burst")
"""Words in the names of readings without which there is nothing to see."""


def _reason(allocations: Allocations, reasons: Mapping[str, str], now: float, *, over: bool) -> str:
    """Why there is nothing to see, in one sentence."""
    limits = (
        safe(f"{what}: {why}")
        for what, why in reasons.items()
        if any(word in what.lower() for word in _LIMITS)
    )
    why = safe(allocations.note) or next(limits, "")
    if allocations.mode == "burst" and not allocations.tallies[By.FILE]:
        return _no_bursts(allocations, why, over=over)
    if allocations.mode == "exact":
        return _no_traces(allocations, now, over=over)
    if (
        allocations.mode == "off"
        and not allocations.tallies[By.FILE]
        and not allocations.traces.number
    ):
        if allocations.switched_s is None:
            return why or "Allocations have not been looked at in this session."
        return why or "Allocations are not looked at: they are switched off."
    return ""


def _no_bursts(allocations: Allocations, why: str, *, over: bool) -> str:
    if allocations.windows.count:
        return why or "Nothing was allocated in the windows that have been seen so far."
    if over:
        return why or "It ended before the first window did."
    return why or "The first window has not ended yet: some of the blocks in it will be seen."


def _no_traces(allocations: Allocations, now: float, *, over: bool) -> str:
    begun = allocations.switched_s or 0.0
    if allocations.traces.number and allocations.traces.taken_s >= begun:
        return ""
    if allocations.failure is not None:
        return f"The blocks could not be counted: {safe(allocations.failure)}"
    if over:
        return "It ended before the blocks were counted."
    return f"tracemalloc has been on for {fmt_age(now - begun)}; its blocks are being counted."
