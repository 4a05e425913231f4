"""Allocations as events that restore them: what a late viewer is sent of them, and its fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from refwatch.model import events as ev
from refwatch.model import kept
from refwatch.model.allocations import FileUse, LineUse, TracebackUse
from refwatch.session.allocations import (
    AllocationBaseline,
    Allocations,
    By,
    Key,
    Live,
    Tallies,
    Traces,
)
from refwatch.session.estimates import Tally, Windows
from refwatch.session.series import Series

RATES, TRACED, SPLITS = 2, 2, 6  # values of a point


def kept_allocations(at: float, pid: int, known: Allocations) -> Iterator[ev.Event]:
    """Events, all ``at`` this time, after which an empty fold is the same as this one."""
    yield kept.AllocationsKept(
        at,
        pid,
        known.mode,
        known.frames,
        known.note,
        known.switched_s,
        list(known.sites.items()),
        [(number, list(sites)) for number, sites in known.tracebacks.items()],
        _series(known.rates),
        _series(known.traced),
        _series(known.splits),
        known.failure,
        known.split,
        known.split_s,
    )
    before: Tallies = {by: {} for by in By}
    for one in known.baselines:
        yield _tally(at, pid, one, before, one.name)
        before = one.tallies
    now = AllocationBaseline("", at, known.tallies, known.windows, known.traces)
    yield _tally(at, pid, now, before, None)


def _series(series: Series) -> kept.SeriesKept:
    return kept.SeriesKept(series.span, series.points())


def _tally(
    at: float, pid: int, one: AllocationBaseline, before: Tallies, name: str | None
) -> kept.TallyKept:
    windows = one.windows
    tallies = {by: _changed(groups, before[by]) for by, groups in one.tallies.items()}
    return kept.TallyKept(
        at,
        pid,
        name,
        one.at,
        (windows.count, windows.window_s, windows.square, windows.span_s, windows.samples),
        [(int(key), list(tally.values())) for key, tally in tallies[By.LINE].items()],
        [(str(key), list(tally.values())) for key, tally in tallies[By.FILE].items()],
        [(int(key), list(tally.values())) for key, tally in tallies[By.TRACEBACK].items()],
        _traces(one.traces),
        one.awaited,
    )


def _changed(groups: Mapping[Key, Tally], before: Mapping[Key, Tally]) -> dict[Key, Tally]:
    """Those that are not what they were. None is gone that was there: what is forgotten is
    forgotten at all marks."""
    return {key: tally for key, tally in groups.items() if before.get(key) != tally}


def _traces(traces: Traces) -> kept.TracesKept:
    groups = traces.groups
    return kept.TracesKept(
        traces.number,
        traces.taken_s,
        traces.took_s,
        traces.pause_s,
        traces.frames,
        traces.traced,
        traces.peak,
        traces.blocks,
        [LineUse(int(key), live.size, live.count) for key, live in groups[By.LINE].items()],
        [FileUse(str(key), live.size, live.count) for key, live in groups[By.FILE].items()],
        [
            TracebackUse(int(key), live.size, live.count)
            for key, live in groups[By.TRACEBACK].items()
        ],
    )


def begun(event: kept.AllocationsKept) -> Allocations:
    """What the events after this one are to be folded into."""
    return Allocations(
        event.mode,
        event.frames,
        event.note,
        event.switched_s,
        dict(event.sites),
        {number: tuple(sites) for number, sites in event.tracebacks},
        rates=Series.restored(RATES, event.rates.span, event.rates.points),
        traced=Series.restored(TRACED, event.traced.span, event.traced.points),
        splits=Series.restored(SPLITS, event.splits.span, event.splits.points),
        failure=event.failure,
        split=event.split,
        split_s=event.split_s,
        baselines=[],  # they come one by one
    )


def _take_tally(known: Allocations, event: kept.TallyKept) -> None:
    before = known.baselines[-1].tallies if known.baselines else {by: {} for by in By}
    tallies: Tallies = {
        By.LINE: before[By.LINE] | {key: Tally(*values) for key, values in event.lines},
        By.FILE: before[By.FILE] | {key: Tally(*values) for key, values in event.files},
        By.TRACEBACK: before[By.TRACEBACK]
        | {key: Tally(*values) for key, values in event.tracebacks},
    }
    windows, traces = Windows(*event.windows), _restored(event.traces)
    if event.name is None:
        known.tallies, known.windows, known.traces = tallies, windows, traces
        return
    baseline = AllocationBaseline(
        event.name, event.marked_s, tallies, windows, traces, event.awaited
    )
    known.baselines = [*known.baselines, baseline]


def _restored(event: kept.TracesKept) -> Traces:
    groups: dict[By, dict[Key, Live]] = {
        By.LINE: {use.site: Live(use.size, use.count) for use in event.lines},
        By.FILE: {use.file: Live(use.size, use.count) for use in event.files},
        By.TRACEBACK: {use.traceback: Live(use.size, use.count) for use in event.tracebacks},
    }
    return Traces(
        event.number,
        event.taken_s,
        event.took_s,
        event.pause_s,
        event.frames,
        event.traced,
        event.peak,
        event.blocks,
        groups,
    )


FOLDS: Mapping[type, Callable[[Allocations, Any], None]] = {kept.TallyKept: _take_tally}
