"""The part of a snapshot about references: classes, watched objects, the census, collections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import replace

from refwatch.export import schema_types as snap
from refwatch.export.values import DIGITS, rounded, rounded_or_none
from refwatch.findings.troubles import slower_sentence
from refwatch.readings.objects.growth import suspicions
from refwatch.readings.objects.judged import judged as judge
from refwatch.readings.objects.live_growth import follows_instances
from refwatch.readings.objects.records import CensusRecord, ClassRecord, TypeName, WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.series.step_series import Steps
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.text.sanitize import text
from refwatch.wire.heap_values import (
    ChainLink,
    Garbage,
    Largest,
    Referenced,
    Site,
    TypeCount,
    TypeDelta,
)

RATE_S = 5.0  # over which a rate is the mean
UNREAD_S = 0.25  # from one reading of the classes to the next, at most
MOST_IDLE = 200  # classes that never had an instance: a program may make thousands as it runs


def classes(process: ProcessState, state: State) -> list[snap.ClassCount]:
    """The classes that are counted live, and of all other types what the newest census says; those
    with most instances first. A class that is gone has no instances, and no row where another of
    its name has come. Of those that never had an instance the first ones are there."""
    known = process.references
    now = _read_s(known, state.now if process.ended_s is None else process.ended_s)
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
            rows[name] = _class(record, known, now, live)
        else:
            rows[name] = _type(name, known.type_series.get(name, Steps()), known)
    for name, series in known.type_series.items():
        if name not in rows:
            rows[name] = _type(name, series, known)
    return sorted(rows.values(), key=lambda row: -row.instances)


def _read_s(known: References, now: float) -> float:
    """When the classes were read for the last time, as far as their changes show it: the moments
    since then are no part of a rate."""
    newest = max((record.series.changed_s() for record in known.classes.values()), default=0.0)
    return newest if 0 < now - newest < UNREAD_S else now


def _class(record: ClassRecord, known: References, now: float, live: bool) -> snap.ClassCount:
    stands = record.moved == 0 if record.moved is not None else len(record.series) <= 1
    before = known.baselines[-1].classes.get(record.serial, 0)
    return snap.ClassCount(
        module=text(record.module),
        name=text(record.name),
        instances=record.instances,
        delta=record.instances - before,
        per_second=_rate(record.series, now, RATE_S),
        exact=live and stands,
        series=_points(record.series),
    )


def _type(name: TypeName, series: Steps, known: References) -> snap.ClassCount:
    """A rate is that between the newest census and the last one before it by RATE_S or more."""
    census = known.census
    count = series.last() or 0
    until = census.taken_s
    earlier = (at for at in reversed(census.times) if at <= until - RATE_S)
    since = next(earlier, census.times[0] if census.times else until)
    return snap.ClassCount(
        module=text(name[0]),
        name=text(name[1]),
        instances=count,
        delta=count - known.baselines[-1].types.get(name, 0),
        per_second=_rate(series, until, until - since),
        exact=False,
        series=_points(series),
    )


def _rate(series: Steps, now: float, span: float) -> float:
    return rounded(series.per_second(now, span)) if len(series) > 1 else 0.0


def _points(series: Steps) -> list[tuple[float, int]]:
    return [(round(at, DIGITS), count) for at, count in series]


def watched(known: References) -> list[snap.Watched]:
    """The watched objects, those that have died included, in the order they were found."""
    return [
        _watched(record, known.offset)
        for record in known.watched.values()
        if record.ended_s is None or record.died
    ]


def _watched(record: WatchedRecord, offset: int | None) -> snap.Watched:
    return snap.Watched(
        name=text(record.found.name),
        type=text(record.found.type),
        address=record.found.address,
        references=None if record.found.immortal else record.references,
        ctypes=record.ctypes,
        getrefcount=record.getrefcount,
        getrefcount_offset=offset,
        immortal=record.found.immortal,
        alive=record.alive,
        died_s=rounded_or_none(record.ended_s) if record.died else None,
        series=_points(record.series),
        held=record.found.held,
    )


def census(known: References) -> snap.Census | None:
    """The newest census; None when none was taken."""
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
                module=text(one.name[0]),
                name=text(one.name[1]),
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
        most_referenced=[_referenced(one) for one in newest.most_referenced],
        method=method,
        took_s=rounded(newest.took_s),
        garbage=_garbage(newest),
        largest=[_largest(one) for one in newest.largest],
    )


def judged(process: ProcessState) -> snap.Judged:
    """Up to when it was judged what keeps growing."""
    known = process.references
    found = judge(known, process.limits.get("census"))
    reason = "; ".join(filter(None, (found.reason, slower_sentence(known))))
    return snap.Judged(
        until_s=rounded_or_none(found.until_s), by=list(found.by), reason=text(reason) or None
    )


def _garbage(newest: CensusRecord) -> Garbage | None:
    found = newest.garbage
    return None if found is None else replace(found, types=_most_first(found.types))


def _most_first(types: Iterable[TypeCount]) -> list[TypeCount]:
    ordered = sorted(types, key=lambda one: -one.count)
    return [replace(one, module=text(one.module), name=text(one.name)) for one in ordered]


def _growth(known: References) -> Iterator[TypeDelta]:
    now, before = known.census.types, known.baselines[-1].types
    counts = {name: now[name].count if name in now else 0 for name in now.keys() | before.keys()}
    grown = {name: count - before.get(name, 0) for name, count in counts.items()}
    for name in sorted(grown, key=lambda name: (-grown[name], name)):
        if grown[name]:
            yield TypeDelta(
                module=text(name[0]), name=text(name[1]), count=counts[name], delta=grown[name]
            )


def _chains(known: References, name: TypeName) -> list[list[ChainLink]]:
    found = known.holders_of(name)
    return [_told(chain) for chain in found.chains] if found else []


def _told(chain: list[ChainLink]) -> list[ChainLink]:
    return [_link(link) for link in chain]


def _largest(one: Largest) -> Largest:
    return replace(
        one, type=text(one.type), filled=rounded_or_none(one.filled), chain=_told(one.chain)
    )


def _complete(known: References, name: TypeName) -> bool:
    found = known.holders_of(name)
    return found is not None and not found.missing and bool(found.chains or found.looked)


def _link(link: ChainLink) -> ChainLink:
    edge = None if link.edge is None else text(link.edge)
    name = None if link.name is None else text(link.name)
    return replace(link, type=text(link.type), edge=edge, name=name)


def _sites(known: References, name: TypeName) -> list[Site]:
    found = known.chains.get(name)
    if found is None:
        return []
    return [
        Site(file=text(one.file), line=one.line, function=text(one.function))
        for one in found.allocated_at
    ]


def _referenced(one: Referenced) -> Referenced:
    return replace(one, type=text(one.type), label=text(one.label))


def gc_pauses(known: References) -> list[snap.GcPause]:
    """Collections that were timed, of each generation."""
    return [
        snap.GcPause(
            generation=generation, count=count, total_s=rounded(total), longest_s=rounded(longest)
        )
        for generation, (count, total, longest) in enumerate(known.gc_pauses)
    ]


def census_pauses(processes: Sequence[ProcessState]) -> list[float]:
    """How long the targets stood still for each copy, seconds."""
    return [rounded(pause) for process in processes for pause in process.references.pauses]
