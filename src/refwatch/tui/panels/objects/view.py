"""View of the Objects panel: classes and types with their counts, and those that keep growing.

Classes defined in Python are counted live; other types by the newest census (heap count).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from refwatch.readings.objects.chains import NOT_LOOKED, Chain, most_informative, why_no_chain
from refwatch.readings.objects.events import ChainsFound
from refwatch.readings.objects.growth import GrowthSuspect, follows, growing
from refwatch.readings.objects.judged import GrowthCoverage, judged
from refwatch.readings.objects.live_growth import follows_instances
from refwatch.readings.objects.rates import Rates, rates_of
from refwatch.readings.objects.records import TypeName
from refwatch.readings.objects.state import References
from refwatch.series.step_series import StepSeries
from refwatch.session.events import WorkProgressed
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_type
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.baselines import BaselineView, clamp, view_baselines
from refwatch.tui.views.chains import fmt_link
from refwatch.wire.heap_values import ChainLink, TypeCount

MOST_SUSPECTS = 20
NO_RATES = Rates()
NOT_JUDGED = GrowthCoverage(until_s=None, by=(), reason="there was no census")


class ObjectRow(NamedTuple):
    """One class or type. A tuple, because there may be ten thousand."""

    key: int
    """Serial of a class counted live; negative for a type counted by census."""
    module: str
    name: str
    instances: int
    size: int | None
    """Bytes of all instances, by the mean size at the newest census; None if there is none."""
    series: StepSeries
    """Instances over time. A live series: read it up to ``end_s`` only."""

    @property
    def live(self) -> bool:
        return self.key >= 0

    @property
    def full_name(self) -> TypeName:
        return self.module, self.name


@dataclass(frozen=True)
class Counts:
    """Instances at a baseline, by live class and by type."""

    classes: Mapping[int, int]
    types: Mapping[TypeName, int]

    def of(self, row: ObjectRow) -> int:
        """Instances of a row then; 0 for what came later."""
        key = row.key
        return self.classes.get(key, 0) if key >= 0 else self.types.get(row.full_name, 0)


@dataclass(frozen=True)
class CensusView:
    """The censuses, in short. Times in seconds."""

    taken: int
    """Number of them."""
    taken_s: float
    """Time of the newest."""
    span_s: float
    """From first to newest."""
    pause_s: float
    counting: bool
    """One is being taken."""
    failure: str | None
    """Why the last one failed, or none is possible."""


@dataclass(frozen=True)
class Suspect:
    """A class that keeps growing. ``chain``: one chain that keeps it alive, from an instance to its
    root; None if never looked for, empty if none was found; ``no_chain`` explains."""

    key: int
    judged: GrowthSuspect
    instances: int
    chain: tuple[ChainLink, ...] | None
    part: bool = False
    """Its chains lead to scattered places, so it is most likely part of other suspects."""
    no_chain: str = NOT_LOOKED
    where: str = ""
    """In which processes, where all are shown together."""


@dataclass(frozen=True)
class ObjectsView:
    """``end_s``: time of the newest event; ``rows`` in the order they were found."""

    rows: tuple[ObjectRow, ...]
    end_s: float
    census: CensusView
    baselines: tuple[BaselineView, ...]
    counts: tuple[Counts, ...]
    """For each of the baselines."""
    suspects: tuple[Suspect, ...] = ()
    """The fastest-growing; ``suspected`` of them in all."""
    suspected: int = 0
    slower: tuple[tuple[str, float], ...] = ()
    """(class, rate) of what grows ever slower and so is no suspect."""
    chains: Mapping[TypeName, ChainsFound] = field(default_factory=dict)
    work: Mapping[str, WorkProgressed] = field(default_factory=dict)
    marks: tuple[tuple[float, str], ...] = ()
    not_live: str = ""
    """Why no class is counted live."""
    judged: GrowthCoverage = NOT_JUDGED
    """What could be judged."""
    over: bool = False
    """The program has ended, or the watch."""
    rates: Rates = NO_RATES
    growth: Mapping[int, float] = field(default_factory=dict)
    """Key -> recent growth per second, where that is a sum over processes."""
    together: bool = False
    """Of several processes: nothing can be asked of one."""

    def grown(self, row: ObjectRow, baseline: int) -> int:
        """Growth since this baseline."""
        return row.instances - self.at(baseline).of(row)

    def at(self, baseline: int) -> Counts:
        """Counts at this baseline."""
        return self.counts[clamp(baseline, self.counts)]

    def row(self, key: int) -> ObjectRow | None:
        """The row with this key."""
        return next((row for row in self.rows if row.key == key), None)


NO_CENSUS = CensusView(0, 0.0, 0.0, 0.0, counting=False, failure=None)
NOTHING = ObjectsView((), 0.0, NO_CENSUS, (BaselineView("start", 0.0),), (Counts({}, {}),))


def chains_work(name: TypeName) -> str:
    """Name of the search for a class's chains."""
    return f"chains {name[0]}.{name[1]}"


def cancelled(failure: str) -> bool:
    """Whether work failed because it was cancelled."""
    return failure.endswith("cancelled")


def graph_work(name: TypeName) -> str:
    """Name of the work that writes a class's graph."""
    return f"graph {name[0]}.{name[1]}"


class ObjectsReader:
    """Reads views from a state; keeps suspects until the next census, and rows until their numbers
    change."""

    def __init__(self) -> None:
        self._references: References | None = None
        self._when: tuple[object, ...] = ()
        self._rows: list[ObjectRow] = []
        self._keys: dict[TypeName, int] = {}
        self._suspicions: list[GrowthSuspect] = []
        self._slower: list[GrowthSuspect] = []

    def read(self, subject: Subject) -> ObjectsView:
        """Read what the panel and its detail need."""
        process, now = subject.process, subject.now
        if process is None:
            return replace(NOTHING, end_s=now)
        references = process.references
        self._refresh(references)
        return ObjectsView(
            tuple(self._rows),
            now,
            _census(references, process.limits.get("census")),
            view_baselines(references),
            tuple(Counts(each.classes, each.types) for each in references.baselines),
            tuple(self._suspect(references, each) for each in self._suspicions[:MOST_SUSPECTS]),
            len(self._suspicions),
            tuple((printable(fmt_type(*each.name)), each.per_second) for each in self._slower),
            {name: found for name in references.chains if (found := references.holders_of(name))},
            dict(process.work),
            tuple((mark.at, mark.name) for mark in subject.state.marks),
            _why_not_live(process),
            judged(references, process.limits.get("census")),
            subject.over,
            rates_of(references, now if process.ended_s is None else process.ended_s),
        )

    def _refresh(self, references: References) -> None:
        """Between two censuses only live counts and the set of live classes change."""
        alive = sum(1 for each in references.classes.values() if each.ended_s is None)
        newest = next(reversed(references.classes), None)
        now = (references.judged_when, len(references.classes), alive, newest)
        if self._references is not references or self._when != now:
            self._references, self._when = references, now
            self._rows, self._keys = _rows(references)
            found = [each for each in growing(references) if each.name in self._keys]
            self._suspicions = [each for each in found if not each.slower]
            self._slower = [each for each in found if each.slower]
            return
        types = references.census.types
        self._rows = [
            row
            if row.key < 0 or row.instances == (row.series.last() or 0)
            else _live_row(row.key, row.module, row.name, row.series, types)
            for row in self._rows
        ]

    def _suspect(self, references: References, judged: GrowthSuspect) -> Suspect:
        key = self._keys[judged.name]
        found = references.holders_of(judged.name)
        chains = found.chains if found is not None else []
        leads = self._lead(references, judged)
        chain = most_informative(chains, leads) if found is not None else None
        instances = references.classes[key].instances if key >= 0 else judged.count
        small = follows(judged.name) > follows(self._suspicions[0].name)
        part = small and scattered(chains) and not any(map(leads, chains))
        return Suspect(key, judged, instances, chain, part, why_no_chain(found))

    def _lead(self, references: References, judged: GrowthSuspect) -> Callable[[Chain], bool]:
        """Whether a chain leads through a more general suspect, or to an object that holds one."""
        others = [
            each.name for each in self._suspicions if follows(each.name) < follows(judged.name)
        ]
        types = {f"{module}.{name}" for module, name in others}
        chains = [chain for name in others for chain in _chains(references, name)]
        holders = {link.address for chain in chains for link in chain[1:-1] if link.address}
        return lambda chain: any(
            link.type in types or link.address in holders for link in chain[1:]
        )


def _chains(references: References, name: TypeName) -> Sequence[Chain]:
    found = references.chains.get(name)
    return found.chains if found is not None else ()


def _rows(references: References) -> tuple[list[ObjectRow], dict[TypeName, int]]:
    """(all rows, full name -> key)"""
    rows: list[ObjectRow] = []
    keys: dict[TypeName, int] = {}
    types = references.census.types
    for serial, record in references.classes.items():
        if record.ended_s is None and follows_instances(record, references):
            keys[record.module, record.name] = serial
            rows.append(_live_row(serial, record.module, record.name, record.series, types))
    for index, (name, series) in enumerate(references.type_series.items()):
        seen = types.get(name)
        if seen is not None and name not in keys:
            keys[name] = -1 - index
            rows.append(ObjectRow(-1 - index, *name, seen.count, seen.size, series))
    return rows, keys


def _live_row(
    key: int, module: str, name: str, series: StepSeries, types: Mapping[TypeName, TypeCount]
) -> ObjectRow:
    instances = series.last() or 0
    seen = types.get((module, name))
    size = seen.size * instances // seen.count if seen is not None else None
    return ObjectRow(key, module, name, instances, size, series)


def _census(references: References, limit: str | None) -> CensusView:
    """``limit``: why none can be taken."""
    census = references.census
    times = census.times
    first = times[0] if times else 0.0
    return CensusView(
        census.taken,
        census.taken_s,
        census.taken_s - first,
        census.pause_s,
        references.counting_since is not None,
        references.failure or limit,
    )


def _why_not_live(process: ProcessState) -> str:
    if process.interpreter is not None and process.interpreter.free_threaded:
        return "free-threaded build"
    reasons = (process.limits.get(reading) for reading in ("references", "outside reading"))
    return printable(next((reason for reason in reasons if reason is not None), ""))


def per_second(row: ObjectRow, view: ObjectsView) -> float:
    """Recent growth per second."""
    known = view.growth.get(row.key)
    return view.rates.per_second(row.series, live=row.live) if known is None else known


def scattered(chains: Sequence[Chain]) -> bool:
    """Whether no two chains have a holder in common: then they do not show where objects gather."""
    seen: set[str] = set()
    for chain in chains:
        holders = {link.address or fmt_link(link) for link in chain[1:-1]}
        if holders & seen:
            return False
        seen |= holders
    return len(chains) > 1
