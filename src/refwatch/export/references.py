"""References in a snapshot: classes, watched objects, the census, and timed collections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import replace

from refwatch.export import schema_types as snap
from refwatch.export.values import DIGITS, rounded, rounded_or_none
from refwatch.readings.objects.growth import suspicions
from refwatch.readings.objects.judged import judged as judge
from refwatch.readings.objects.live_growth import follows_instances
from refwatch.readings.objects.rates import Rates, rates_of
from refwatch.readings.objects.records import CensusRecord, ClassRecord, TypeName, WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.series.step_series import Steps
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.wire.heap_values import (
    ChainLink,
    Garbage,
    Largest,
    Site,
    TypeCount,
    TypeDelta,
)

MOST_IDLE = 200  # classes without any instance so far: a program may define thousands


def classes(process: ProcessState, state: State) -> list[snap.ClassCount]:
    """Classes that are counted live, and other types by the newest census, most instances first. A
    class that is gone has no instances, and no row if another has its name. Of the classes without
    any instance so far only the first MOST_IDLE have a row."""
    known = process.references
    rates = rates_of(known, state.now if process.ended_s is None else process.ended_s)
    exact = "outside reading" not in process.limits
    rows: dict[TypeName, snap.ClassCount] = {}
    idle = 0
    for record in known.classes.values():
        name = record.module, record.name
        if not any(count for _, count in record.series):
            idle += 1
            if idle > MOST_IDLE:
                continue
        live = exact and follows_instances(record, known)
        if live or not known.census.taken:
            rows[name] = _class(record, known, rates, live)
        else:
            rows[name] = _type(name, known.type_series.get(name, Steps()), known, rates)
    for name, series in known.type_series.items():
        if name not in rows:
            rows[name] = _type(name, series, known, rates)
    return sorted(rows.values(), key=lambda row: -row.instances)


def _class(record: ClassRecord, known: References, rates: Rates, live: bool) -> snap.ClassCount:
    stands = record.moved == 0 if record.moved is not None else len(record.series) <= 1
    before = known.baselines[-1].classes.get(record.serial, 0)
    return snap.ClassCount(
        module=record.module,
        name=record.name,
        instances=record.instances,
        delta=record.instances - before,
        per_second=rounded(rates.per_second(record.series, live=True)),
        exact=live and stands,
        series=_points(record.series),
    )


def _type(name: TypeName, series: Steps, known: References, rates: Rates) -> snap.ClassCount:
    count = series.last() or 0
    return snap.ClassCount(
        module=name[0],
        name=name[1],
        instances=count,
        delta=count - known.baselines[-1].types.get(name, 0),
        per_second=rounded(rates.per_second(series, live=False)),
        exact=False,
        series=_points(series),
    )


def _points(series: Steps) -> list[tuple[float, int]]:
    return [(round(at, DIGITS), count) for at, count in series]


def watched(known: References) -> list[snap.Watched]:
    """The watched objects, dead ones included, in the order in which they were found."""
    return [
        _watched(record, known.offset)
        for record in known.watched.values()
        if record.ended_s is None or record.died
    ]


def _watched(record: WatchedRecord, offset: int | None) -> snap.Watched:
    return snap.Watched(
        name=record.name,
        type=record.type,
        address=record.address,
        references=None if record.immortal else record.references,
        ctypes=record.ctypes,
        getrefcount=record.getrefcount,
        getrefcount_offset=offset,
        immortal=record.immortal,
        alive=record.alive,
        died_s=rounded_or_none(record.ended_s) if record.died else None,
        series=_points(record.series),
        held=record.held,
    )


def census(known: References) -> snap.Census | None:
    """The newest census; None if none was taken."""
    newest = known.census
    if not newest.taken:
        return None
    method: Literal["copy", "inside"] = "inside" if newest.method == "inside" else "copy"
    return snap.Census(
        taken_s=rounded(newest.taken_s),
        pause_s=rounded(newest.pause_s),
        objects=newest.objects,
        types=_most_first(newest.types.values()),
        growth=list(_growth(known)),
        suspects=[
            snap.Suspect(
                module=one.name[0],
                name=one.name[1],
                per_second=rounded(one.per_second),
                r2=rounded(one.r2),
                since_s=rounded(one.since_s),
                chains=_chains(known, one.name),
                allocated_at=_sites(known, one.name),
                complete=_complete(known, one.name),
                garbage=None if newest.garbage is None else newest.garbage_of(one.name),
            )
            for one in suspicions(known)
        ],
        most_referenced=list(newest.most_referenced),
        method=method,
        took_s=rounded(newest.took_s),
        garbage=_garbage(newest),
        largest=[_largest(one) for one in newest.largest],
    )


def judged(process: ProcessState) -> snap.Judged:
    """Up to when, and by which readings, growth was judged."""
    found = judge(process.references, process.limits.get("census"))
    until = rounded_or_none(found.until_s)
    return snap.Judged(until_s=until, by=list(found.by), reason=found.reason)


def _garbage(newest: CensusRecord) -> Garbage | None:
    found = newest.garbage
    return None if found is None else replace(found, types=_most_first(found.types))


def _most_first(types: Iterable[TypeCount]) -> list[TypeCount]:
    return sorted(types, key=lambda one: -one.count)


def _growth(known: References) -> Iterator[TypeDelta]:
    now, before = known.census.types, known.baselines[-1].types
    counts = {name: now[name].count if name in now else 0 for name in now.keys() | before.keys()}
    grown = {name: count - before.get(name, 0) for name, count in counts.items()}
    for name in sorted(grown, key=lambda name: (-grown[name], name)):
        if grown[name]:
            yield TypeDelta(module=name[0], name=name[1], count=counts[name], delta=grown[name])


def _chains(known: References, name: TypeName) -> list[list[ChainLink]]:
    found = known.holders_of(name)
    return found.chains if found else []


def _largest(one: Largest) -> Largest:
    return replace(one, filled=rounded_or_none(one.filled))


def _complete(known: References, name: TypeName) -> bool:
    found = known.holders_of(name)
    return found is not None and not found.missing and bool(found.chains or found.looked)


def _sites(known: References, name: TypeName) -> list[Site]:
    found = known.chains.get(name)
    return found.allocated_at if found is not None else []


def gc_pauses(known: References) -> list[snap.GcPause]:
    """The timed collections of each generation."""
    return [
        snap.GcPause(
            generation=generation, count=count, total_s=rounded(total), longest_s=rounded(longest)
        )
        for generation, (count, total, longest) in enumerate(known.gc_pauses)
    ]


def census_pauses(processes: Sequence[ProcessState]) -> list[float]:
    """Pauses of the processes for copies, in seconds."""
    return [rounded(pause) for process in processes for pause in process.references.pauses]
