"""References as events that restore them: what a late viewer is sent of them, and its fold."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from refwatch.model import events as ev
from refwatch.model import kept
from refwatch.session.references import (
    Baseline,
    CensusRecord,
    ClassRecord,
    Inspection,
    References,
    WatchedRecord,
)
from refwatch.session.steps import Room, Steps


def kept_events(at: float, pid: int, references: References) -> Iterator[ev.Event]:
    """Events, all ``at`` this time or before, after which an empty fold is the same as this one."""
    yield kept.ReferencesKept(
        at,
        pid,
        references.offset,
        list(references.pauses),
        list(references.ended_watched),
        list(references.ended_classes),
        references.counting_since,
        references.failure,
        references.counted_from,
        references.counted_s,
        references.over,
    )
    for watched in references.watched.values():
        yield _watched(at, pid, watched)
    for one in references.classes.values():
        yield kept.ClassKept(
            at,
            pid,
            one.serial,
            one.module,
            one.name,
            one.found_s,
            _points(one.series),
            one.ended_s,
            one.moved,
        )
    yield _census(at, pid, references.census)
    for (module, name), series in references.type_series.items():
        yield kept.TypeKept(at, pid, module, name, _points(series))
    for baseline in references.baselines:
        yield _baseline(at, pid, baseline)
    if references.gc_pauses:
        yield ev.GcPaused(at, pid, references.gc_pauses)
    for (module, name), found in references.chains.items():
        yield ev.ChainsFound(
            found.at,
            pid,
            module,
            name,
            found.chains,
            found.allocated_at,
            found.missing,
            found.looked,
            found.garbage,
        )
    for inspection in references.inspections.values():
        yield from _inspection(at, pid, inspection)


def _points(series: Steps) -> kept.Points:
    return kept.Points(series.limit, series.times(), series.counts())


def _watched(at: float, pid: int, record: WatchedRecord) -> kept.WatchedKept:
    return kept.WatchedKept(
        at,
        pid,
        record.serial,
        record.name,
        record.type,
        record.address,
        record.source,
        record.held,
        record.immortal,
        record.found_s,
        _points(record.series),
        record.references,
        record.ctypes,
        record.getrefcount,
        record.ended_s,
        record.died,
    )


def _census(at: float, pid: int, census: CensusRecord) -> kept.CensusKept:
    return kept.CensusKept(
        at,
        pid,
        census.number,
        census.taken_s,
        census.took_s,
        census.pause_s,
        census.method,
        census.objects,
        census.untracked,
        census.taken,
        list(census.types.values()),
        census.most_referenced,
        list(census.times),
        census.garbage,
        list(census.garbage_sizes),
        census.largest,
    )


def _baseline(at: float, pid: int, baseline: Baseline) -> kept.BaselineKept:
    return kept.BaselineKept(
        at,
        pid,
        baseline.name,
        baseline.at,
        list(baseline.classes.items()),
        [(module, name, count) for (module, name), count in baseline.types.items()],
        list(baseline.watched.items()),
        baseline.complete,
        sorted(baseline.awaited),
    )


def _inspection(at: float, pid: int, inspection: Inspection) -> Iterator[ev.Event]:
    for number, node in inspection.nodes.items():
        yield ev.ReferrersFound(
            inspection.at,
            pid,
            inspection.name,
            number,
            node.type,
            node.label,
            node.address,
            node.references,
            node.seen,
            node.referrers,
            node.left_out,
        )
    if inspection.ended is not None:
        ended_at = at if inspection.nodes else inspection.at
        yield ev.InspectionEnded(ended_at, pid, inspection.name, inspection.ended)


def _restored(points: kept.Points, room: Room) -> Steps:
    return Steps.restored(points.limit, points.times, points.counts, room)


def begun(event: kept.ReferencesKept) -> References:
    """What the events after this one are to be folded into."""
    references = References(baselines=[])  # they come one by one
    references.offset = event.offset
    references.pauses.extend(event.pauses)
    references.ended_watched.extend(event.ended_watched)
    references.ended_classes.extend(event.ended_classes)
    references.counting_since, references.failure = event.counting_since, event.failure
    references.counted_from, references.counted_s = event.counted_from, event.counted_s
    references.over = event.over
    return references


def _take_watched(references: References, event: kept.WatchedKept) -> None:
    references.watched[event.watch] = WatchedRecord(
        event.watch,
        event.name,
        event.type,
        event.address,
        event.source,
        event.held,
        event.immortal,
        event.found_s,
        event.references,
        event.ctypes,
        event.getrefcount,
        event.ended_s,
        event.died,
        _restored(event.points, references.watched_room),
    )


def _take_class(references: References, event: kept.ClassKept) -> None:
    references.classes[event.serial] = ClassRecord(
        event.serial,
        event.module,
        event.name,
        event.found_s,
        event.ended_s,
        _restored(event.points, references.class_room),
        event.moved,
    )


def _take_census(references: References, event: kept.CensusKept) -> None:
    census = references.census
    census.number, census.taken_s, census.took_s = event.number, event.taken_s, event.took_s
    census.pause_s, census.method = event.pause_s, event.method
    census.objects, census.untracked, census.taken = event.objects, event.untracked, event.taken
    census.types = {(count.module, count.name): count for count in event.types}
    census.most_referenced, census.garbage = event.most_referenced, event.garbage
    census.garbage_sizes.extend(event.garbage_sizes)
    census.largest = event.largest
    census.times = deque(event.times, maxlen=census.times.maxlen)


def _take_type(references: References, event: kept.TypeKept) -> None:
    series = _restored(event.points, references.type_room)
    references.type_series[event.module, event.name] = series


def _take_baseline(references: References, event: kept.BaselineKept) -> None:
    types = {(module, name): count for module, name, count in event.types}
    references.baselines = [
        *references.baselines,
        Baseline(
            event.name,
            event.marked_s,
            dict(event.classes),
            types,
            dict(event.watched),
            event.complete,
            set(event.awaited),
        ),
    ]


FOLDS: Mapping[type, Callable[[References, Any], None]] = {
    kept.WatchedKept: _take_watched,
    kept.ClassKept: _take_class,
    kept.CensusKept: _take_census,
    kept.TypeKept: _take_type,
    kept.BaselineKept: _take_baseline,
}
