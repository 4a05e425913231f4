"""View of the Objects panel of all processes together: instances of each type, summed.

Whether they keep growing is judged in each process by itself: a sum would grow with every child.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from refwatch.findings import leaks
from refwatch.readings.objects.judged import GrowthCoverage
from refwatch.readings.objects.records import TypeName
from refwatch.series.step_series import StepSeries
from refwatch.text.formats import fmt_plural
from refwatch.tui.panels.objects.view import (
    NOTHING,
    CensusView,
    Counts,
    ObjectRow,
    ObjectsReader,
    ObjectsView,
    Suspect,
    per_second,
)
from refwatch.tui.subject import Subject

POINTS = 300
EACH_S = 0.05  # for each process, from one reading to the next
Part = tuple[int, ObjectsView]
"""(pid, view)"""


class TogetherReader:
    """Reads views of all processes; keeps the sums of counts over time until one changes."""

    def __init__(self) -> None:
        self._readers: dict[int, ObjectsReader] = {}
        self._keys: dict[TypeName, int] = {}
        self._series: dict[TypeName, tuple[Hashable, StepSeries]] = {}
        self._view: ObjectsView | None = None
        self._of: object = None

    def read(self, subject: Subject) -> ObjectsView:
        """Read what the panel needs of them together: more rarely, where there are many."""
        view, processes = self._view, [process.number for process in subject.processes]
        of = (processes, subject.over, len(subject.state.marks))
        fresh = view is not None and 0 <= subject.now - view.end_s < EACH_S * len(processes)
        if view is None or not fresh or self._of != of:
            view = self._view = self._read(subject)
            self._of = of
        return view

    def _read(self, subject: Subject) -> ObjectsView:
        parts: list[Part] = []
        for process in subject.processes:
            reader = self._readers.setdefault(process.number, ObjectsReader())
            parts.append((process.pid, reader.read(Subject(subject.state, process.number))))
        if not parts:
            return replace(NOTHING, end_s=subject.now, together=True)
        own: dict[TypeName, list[ObjectRow]] = defaultdict(list)
        growth: dict[TypeName, float] = defaultdict(float)
        for _, view in parts:
            for row in view.rows:
                own[row.full_name].append(row)
                growth[row.full_name] += per_second(row, view)
        rows = [self._row(name, each) for name, each in own.items()]
        keys = {row.full_name: row.key for row in rows}
        views = [view for _, view in parts]
        baselines = max((view.baselines for view in views), key=len)
        return ObjectsView(
            tuple(rows),
            subject.now,
            _census(views),
            baselines,
            tuple(_counts(rows, own, views, index) for index in range(len(baselines))),
            _suspects(parts, keys),
            len({each.judged.name for view in views for each in view.suspects}),
            tuple(slow for view in views for slow in view.slower),
            {name: found for view in reversed(views) for name, found in view.chains.items()},
            {},
            views[0].marks,
            next((view.not_live for view in views if view.not_live), ""),
            _judged(views),
            all(view.over for view in views),
            growth={keys[name]: rate for name, rate in growth.items()},
            together=True,
        )

    def _row(self, name: TypeName, rows: Sequence[ObjectRow]) -> ObjectRow:
        number = self._keys.setdefault(name, len(self._keys))
        live = all(row.live for row in rows)
        sizes = [row.size for row in rows if row.size is not None]
        return ObjectRow(
            number if live else -1 - number,
            *name,
            sum(row.instances for row in rows),
            sum(sizes) if sizes else None,
            self._sum_of(name, [row.series for row in rows]),
        )

    def _sum_of(self, name: TypeName, series: Sequence[StepSeries]) -> StepSeries:
        state = tuple((id(each), len(each), each.changed_s(), each.last()) for each in series)
        known = self._series.get(name)
        if known is None or known[0] != state:
            known = self._series[name] = (state, series[0] if len(series) == 1 else summed(series))
        return known[1]


def summed(series: Sequence[StepSeries]) -> StepSeries:
    """The sum of counts over time, each 0 before its first."""
    total = StepSeries(POINTS)
    counts = [0] * len(series)
    steps: Iterable[Iterable[tuple[float, int, int]]] = (
        [(at, place, count) for at, count in each] for place, each in enumerate(series)
    )
    for at, place, count in heapq.merge(*steps):
        counts[place] = count
        total.add(at, sum(counts))
    return total


def _counts(
    rows: Iterable[ObjectRow],
    own: dict[TypeName, list[ObjectRow]],
    views: Sequence[ObjectsView],
    index: int,
) -> Counts:
    """At this baseline; of a process that has begun since, at its start."""
    of_row = {id(row): view for view in views for row in view.rows}
    sums = [
        (row, sum(of_row[id(each)].at(index).of(each) for each in own[row.full_name]))
        for row in rows
    ]
    return Counts(
        {row.key: count for row, count in sums if row.live},
        {row.full_name: count for row, count in sums if not row.live},
    )


def _census(views: Sequence[ObjectsView]) -> CensusView:
    """As old as the oldest of the newest, as long as the shortest."""
    censuses = [view.census for view in views]
    taken = [each for each in censuses if each.taken]
    return CensusView(
        sum(each.taken for each in censuses),
        min((each.taken_s for each in taken), default=0.0),
        min((each.span_s for each in taken), default=0.0),
        max((each.pause_s for each in taken), default=0.0),
        any(each.counting for each in censuses),
        next((each.failure for each in censuses if each.failure is not None), None),
    )


def _suspects(parts: Sequence[Part], keys: dict[TypeName, int]) -> tuple[Suspect, ...]:
    """One for each type, with the chain of the process in which it grows fastest."""
    found: dict[TypeName, list[tuple[int, Suspect]]] = defaultdict(list)
    for pid, view in parts:
        for each in view.suspects:
            found[each.judged.name].append((pid, each))
    suspects = [_suspect(keys[name], same) for name, same in found.items()]
    return tuple(sorted(suspects, key=lambda each: (each.part, -each.judged.per_second)))


def _suspect(key: int, same: Sequence[tuple[int, Suspect]]) -> Suspect:
    pid, fastest = max(same, key=lambda each: each[1].judged.per_second)
    number = fmt_plural(len(same), "process", "processes")
    return replace(
        fastest,
        key=key,
        judged=leaks.summed([each.judged for _, each in same]),
        instances=sum(each.instances for _, each in same),
        where=f"in {pid}" if len(same) == 1 else f"in {number}",
    )


def _judged(views: Sequence[ObjectsView]) -> GrowthCoverage:
    """By what all are judged, up to the earliest time; the first reason why not."""
    judged = [view.judged for view in views]
    by = tuple(one for one in judged[0].by if all(one in each.by for each in judged))
    until = [each.until_s for each in judged if each.until_s is not None]
    reason = next((each.reason for each in judged if each.reason is not None), None)
    return GrowthCoverage(until_s=min(until, default=None) if by else None, by=by, reason=reason)
