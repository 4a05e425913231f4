"""References in a snapshot: classes, watched objects, the census, and timed collections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import replace

from refwatch.export import schema_types as snap
from refwatch.export.values import DIGITS, rounded, rounded_optional
from refwatch.findings.troubles import slower_sentence
from refwatch.readings.objects.growth import suspicions
from refwatch.readings.objects.judged import judged as judge
from refwatch.readings.objects.live_growth import follows_instances
from refwatch.readings.objects.rates import Rates, rates_of
from refwatch.readings.objects.records import CensusRecord, ClassRecord, TypeName, WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.series.step_series import StepSeries
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
    references = process.references
    rates = rates_of(references, state.now if process.ended_s is None else process.ended_s)
    exact = "outside reading" not in process.limits
    rows: dict[TypeName, snap.ClassCount] = {}
    idle = 0
    for record in references.classes.values():
        name = record.module, record.name
        if not any(count for _, count in record.series):
            idle += 1
            if idle > MOST_IDLE:
                continue
        live = exact and follows_instances(record, references)
        if live or not references.census.taken:
            rows[name] = _class(record, references, rates, live)
        else:
            rows[name] = _type(
                name, references.type_series.get(name, StepSeries()), references, rates
            )
    for name, series in references.type_series.items():
        if name not in rows:
            rows[name] = _type(name, series, references, rates)
    return sorted(rows.values(), key=lambda row: -row.instances)


def _class(
    record: ClassRecord, references: References, rates: Rates, live: bool
) -> snap.ClassCount:
    stands = record.moved == 0 if record.moved is not None else len(record.series) <= 1
    before = references.baselines[-1].classes.get(record.serial, 0)
    return snap.ClassCount(
        module=record.module,
        name=record.name,
        instances=record.instances,
        delta=record.instances - before,
        per_second=rounded(rates.per_second(record.series, live=True)),
        exact=live and stands,
        series=_points(record.series),
    )


def _type(
    name: TypeName, series: StepSeries, references: References, rates: Rates
) -> snap.ClassCount:
    count = series.last() or 0
    return snap.ClassCount(
        module=name[0],
        name=name[1],
        instances=count,
        delta=count - references.baselines[-1].types.get(name, 0),
        per_second=rounded(rates.per_second(series, live=False)),
        exact=False,
        series=_points(series),
    )


def _points(series: StepSeries) -> list[tuple[float, int]]:
    return [(round(at, DIGITS), count) for at, count in series]


def watched(references: References) -> list[snap.Watched]:
    """The watched objects, dead ones included, in the order in which they were found."""
    return [
        _watched(record, references.offset)
        for record in references.watched.values()
        if record.ended_s is None or record.died
    ]


def _watched(record: WatchedRecord, offset: int | None) -> snap.Watched:
    return snap.Watched(
        name=record.found.name,
        type=record.found.type,
        address=record.found.address,
        references=None if record.found.immortal else record.references,
        ctypes=record.ctypes,
        getrefcount=record.getrefcount,
        getrefcount_offset=offset,
        immortal=record.found.immortal,
        alive=record.alive,
        died_s=rounded_optional(record.ended_s) if record.died else None,
        series=_points(record.series),
        held=record.found.held,
    )


def census(references: References) -> snap.Census | None:
    """The newest census; None if none was taken."""
    newest = references.census
    if not newest.taken:
        return None
    method: Literal["copy", "inside"] = "inside" if newest.method == "inside" else "copy"
    return snap.Census(
        taken_s=rounded(newest.taken_s),
        pause_s=rounded(newest.pause_s),
        objects=newest.objects,
        types=_most_first(newest.types.values()),
        growth=list(_growth(references)),
        suspects=[
            snap.Suspect(
                module=suspicion.name[0],
                name=suspicion.name[1],
                per_second=rounded(suspicion.per_second),
                r2=rounded(suspicion.r2),
                since_s=rounded(suspicion.since_s),
                chains=_chains(references, suspicion.name),
                allocated_at=_sites(references, suspicion.name),
                complete=_complete(references, suspicion.name),
                garbage=None if newest.garbage is None else newest.garbage_of(suspicion.name),
            )
            for suspicion in suspicions(references)
        ],
        most_referenced=list(newest.most_referenced),
        method=method,
        took_s=rounded(newest.took_s),
        garbage=_garbage(newest),
        largest=[_largest(each) for each in newest.largest],
    )


def growth_coverage(process: ProcessState) -> snap.Judged:
    """Up to when, and by which readings, growth was judged."""
    references = process.references
    found = judge(references, process.limits.get("census"))
    until = rounded_optional(found.until_s)
    reason = "; ".join(filter(None, (found.reason, slower_sentence(references))))
    return snap.Judged(until_s=until, by=list(found.by), reason=reason or None)


def _garbage(newest: CensusRecord) -> Garbage | None:
    found = newest.garbage
    return None if found is None else replace(found, types=_most_first(found.types))


def _most_first(types: Iterable[TypeCount]) -> list[TypeCount]:
    return sorted(types, key=lambda row: -row.count)


def _growth(references: References) -> Iterator[TypeDelta]:
    now, before = references.census.types, references.baselines[-1].types
    counts = {name: now[name].count if name in now else 0 for name in now.keys() | before.keys()}
    grown = {name: count - before.get(name, 0) for name, count in counts.items()}
    for name in sorted(grown, key=lambda name: (-grown[name], name)):
        if grown[name]:
            yield TypeDelta(module=name[0], name=name[1], count=counts[name], delta=grown[name])


def _chains(references: References, name: TypeName) -> list[list[ChainLink]]:
    found = references.holders_of(name)
    return found.chains if found else []


def _largest(largest: Largest) -> Largest:
    return replace(largest, filled=rounded_optional(largest.filled))


def _complete(references: References, name: TypeName) -> bool:
    found = references.holders_of(name)
    return found is not None and not found.missing and bool(found.chains or found.looked)


def _sites(references: References, name: TypeName) -> list[Site]:
    found = references.chains.get(name)
    return found.allocated_at if found is not None else []


def gc_pauses(references: References) -> list[snap.GcPause]:
    """The timed collections of each generation."""
    return [
        snap.GcPause(
            generation=generation, count=count, total_s=rounded(total), longest_s=rounded(longest)
        )
        for generation, (count, total, longest) in enumerate(references.gc_pauses)
    ]


def census_pauses(processes: Sequence[ProcessState]) -> list[float]:
    """Pauses of the processes for copies, in seconds."""
    return [rounded(pause) for process in processes for pause in process.references.pauses]
