"""What is known of a process's references: watched objects, live classes, the census, marks. Part
of the fold in state.py."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from refwatch.readings.memory.events import GcPaused
from refwatch.readings.objects.events import (
    CensusBegun,
    CensusFailed,
    CensusTaken,
    ChainsFound,
    ClassEnded,
    ClassesCounted,
    ClassFound,
    InspectionEnded,
    ReferrersFound,
    WatchedCounted,
    WatchedEnded,
    WatchedFound,
    WatchedRead,
)
from refwatch.readings.objects.records import (
    Baseline,
    CensusRecord,
    ClassRecord,
    Inspection,
    TypeName,
    WatchedRecord,
)
from refwatch.series.step_series import PointBudget, StepSeries
from refwatch.target.events import TargetPaused
from refwatch.wire.event import SESSION
from refwatch.wire.heap_values import TypeCount

KEEP_DEAD = 200  # watched objects that have died, or classes that are gone
KEEP_BASELINES = 12  # marks to which growth can be compared
KEEP_PAUSES = 1000
KEEP_CHAINS = 100
KEEP_INSPECTIONS = 4
JUDGED_S = 2.5  # from one look at the live counts to the next, as between two censuses
KEEP_TYPES = 20_000  # types with a series; of those that are gone more than these are forgotten
LONG = 300  # of the series of one kind, those that need it first
MANY = 5000  # with more than these, the series of further ones are the shortest
SHORT_POINTS, FEWEST_POINTS = 48, 8
LONG_POINTS = 300
WATCHED_POINTS = 600


def _new_series(others: int, room: PointBudget) -> StepSeries:
    """For one more beside so many others."""
    return StepSeries(SHORT_POINTS if others < MANY else FEWEST_POINTS, room)


class References(Struct, kw_only=True):
    """All of it, for one process."""

    watched: dict[int, WatchedRecord] = field(default_factory=dict)
    ended_watched: deque[int] = field(default_factory=deque)
    """Those that are no longer watched, in the order of their ends."""
    offset: int | None = None
    """How much more sys.getrefcount reads than ctypes, in the probe."""
    classes: dict[int, ClassRecord] = field(default_factory=dict)
    ended_classes: deque[int] = field(default_factory=deque)
    """Those that are gone, in the order of their ends."""
    census: CensusRecord = field(default_factory=CensusRecord)
    type_series: dict[TypeName, StepSeries] = field(default_factory=dict)
    held_series: dict[TypeName, StepSeries] = field(default_factory=dict)
    """The same without what was garbage at each census, of the types that have had some: a leak
    may be hidden in a saw of garbage, and a saw is none."""
    pauses: deque[float] = field(default_factory=lambda: deque(maxlen=KEEP_PAUSES))
    """How long the target stood still for each census, seconds."""
    counting_since: float | None = None
    """A census is being taken since this time; None when there is none."""
    failure: str | None = None
    """Why the last census was not taken."""
    counted_from: float | None = None
    """When classes were counted live for the first time, seconds; None: never yet."""
    counted_s: float = 0.0
    """When they were counted last."""
    over: bool = False
    """No reading follows: the program has ended, or its interpreter is about to."""
    chains: dict[TypeName, ChainsFound] = field(default_factory=dict)
    baselines: list[Baseline] = field(default_factory=lambda: [Baseline(name="start", at=0.0)])
    inspections: dict[str, Inspection] = field(default_factory=dict)
    gc_pauses: list[tuple[int, float, float]] = field(default_factory=list)
    """(count, sum, longest) in seconds of each generation, once collections are timed."""
    watched_room: PointBudget = field(default_factory=lambda: PointBudget(LONG, WATCHED_POINTS))
    class_room: PointBudget = field(default_factory=lambda: PointBudget(LONG, LONG_POINTS))
    type_room: PointBudget = field(default_factory=lambda: PointBudget(LONG, LONG_POINTS))

    def __post_init__(self) -> None:
        """Series that were encoded share their rooms again."""
        for object_ in self.watched.values():
            object_.series.share(self.watched_room)
        for class_ in self.classes.values():
            class_.series.share(self.class_room)
        for series in self.type_series.values():
            series.share(self.type_room)

    def paused_gc(self, event: GcPaused) -> None:
        self.gc_pauses = event.generations

    def mark(self, at: float, name: str) -> None:
        """Keep the counts of now to compare with. The beginning stays."""
        first, *others = self.baselines
        new = Baseline(name=name, at=at)
        self.baselines = [first, *others[-KEEP_BASELINES + 2 :], new]
        new.classes = {
            serial: record.instances for serial, record in self.classes.items() if record.series
        }
        new.awaited = {serial for serial, record in self.classes.items() if not record.series}
        new.types = self._types_at(new)
        new.watched = {
            serial: record.references
            for serial, record in self.watched.items()
            if record.references is not None
        }

    def _types_at(self, baseline: Baseline) -> dict[TypeName, int]:
        """The numbers of the newest census; of classes that are counted live those at the mark."""
        types = {name: count.count for name, count in self.census.types.items()}
        for serial, count in baseline.classes.items():
            record = self.classes[serial]
            if record.ended_s is None:
                types[record.module, record.name] = count
        return types

    def holders_of(self, name: TypeName) -> ChainsFound | None:
        """What is known of who keeps objects of a type alive. Where most of them were garbage at
        the newest census nobody does: what holds the others is not why there are many."""
        count = self.census.types.get(name)
        garbage = self.census.garbage_of(name)
        if count is not None and 2 * garbage > count.count:
            return ChainsFound(
                at=self.census.taken_s,
                process=SESSION,
                module=name[0],
                name=name[1],
                chains=[],
                looked=count.count,
                garbage=garbage,
            )
        return self.chains.get(name)

    @property
    def judged_s(self) -> float:
        """Up to when the live counts are judged, seconds: some way behind, so as not to do it each
        time that they are read; at the end up to the last reading."""
        return self.counted_s if self.over else self.counted_s // JUDGED_S * JUDGED_S

    @property
    def judged_when(self) -> tuple[int, float, int, bool]:
        """Is another as soon as it is worth while to judge again what keeps growing."""
        return self.census.taken, self.judged_s, len(self.chains), self.over

    @property
    def forgets_objects(self) -> bool:
        """So many watched objects have ended that those that end next push out the first."""
        return len(self.ended_watched) == KEEP_DEAD

    def found_object(self, event: WatchedFound) -> None:
        if event.watch in self.watched and event.watch in self.ended_watched:
            self.ended_watched.remove(event.watch)  # watched again
        series = _new_series(len(self.watched), self.watched_room)
        self.watched[event.watch] = WatchedRecord(found=event, series=series)

    def read_objects(self, event: WatchedRead) -> None:
        self.offset = event.offset
        for reading in event.readings:
            record = self.watched.get(reading.watch)
            if record is not None:
                record.ctypes, record.getrefcount = reading.ctypes, reading.getrefcount

    def counted_objects(self, event: WatchedCounted) -> None:
        at, watched = event.at, self.watched  # thousands, some times a second
        for serial, count in event.counts:
            record = watched.get(serial)
            if record is not None:
                if record.references is None:
                    self.baselines[0].watched[serial] = count
                record.references = count
                record.series.add(at, count)

    def ended_object(self, event: WatchedEnded) -> None:
        record = self.watched.get(event.watch)
        if record is None or record.ended_s is not None:
            return
        record.ended_s, record.died = event.at, event.died
        if event.died:
            record.references = 0
            record.series.add(event.at, 0)
        self.ended_watched.append(event.watch)
        while len(self.ended_watched) > KEEP_DEAD:
            serial = self.ended_watched.popleft()
            self.watched.pop(serial).series.leave()
            for baseline in self.baselines:
                baseline.watched.pop(serial, None)

    def found_class(self, event: ClassFound) -> None:
        series = _new_series(len(self.classes), self.class_room)
        record = ClassRecord(
            serial=event.serial,
            module=event.module,
            name=event.name,
            found_s=event.at,
            series=series,
        )
        self.classes[event.serial] = record
        for baseline in self.baselines[1:]:
            if not baseline.complete:
                baseline.awaited.add(event.serial)

    def counted_classes(self, event: ClassesCounted) -> None:
        self.counted_from = event.at if self.counted_from is None else self.counted_from
        self.counted_s, self.over = event.at, self.over or event.last
        for serial, count in event.counts:
            record = self.classes.get(serial)
            if record is not None:
                if not record.series:
                    self._first_count(serial, count)
                record.series.add(event.at, count)

    def _first_count(self, serial: int, count: int) -> None:
        first, *others = self.baselines
        first.classes[serial] = count
        for baseline in others:
            if serial in baseline.awaited:
                baseline.awaited.remove(serial)
                baseline.classes[serial] = count

    def ended_class(self, event: ClassEnded) -> None:
        record = self.classes.get(event.serial)
        if record is None or record.ended_s is not None:
            return
        record.ended_s = event.at
        record.series.add(event.at, 0)
        self.ended_classes.append(event.serial)
        while len(self.ended_classes) > KEEP_DEAD:
            serial = self.ended_classes.popleft()
            self.classes.pop(serial).series.leave()
            for baseline in self.baselines:
                baseline.classes.pop(serial, None)
                baseline.awaited.discard(serial)

    def begun_census(self, event: CensusBegun) -> None:
        self.counting_since = event.at
        self.pauses.append(event.pause_s)
        self.census.pause_s, self.census.method = event.pause_s, event.method

    def paused(self, event: TargetPaused) -> None:
        self.pauses.append(event.pause_s)

    def taken_census(self, event: CensusTaken) -> None:
        census = self.census
        self.counting_since = self.failure = None
        census.number, census.taken_s, census.took_s = event.number, event.at, event.took_s
        census.objects, census.untracked = event.objects, event.untracked
        census.taken += 1
        census.times.append(event.at)
        census.most_referenced, census.garbage = event.most_referenced, event.garbage
        census.largest = event.largest
        if event.garbage is not None:
            census.garbage_sizes.append((event.at, event.garbage.bytes))
        for count in event.types:
            self._count_type(event.at, (count.module, count.name), count)
        self._count_held(event)
        moved = dict(event.moved)
        for record in self.classes.values():
            if record.found_s < event.at:  # else this census has found it
                record.moved = moved.get(record.serial, 0)
        for baseline in self.baselines:
            if not baseline.complete and event.at >= baseline.at:
                baseline.complete = True
                baseline.types = self._types_at(baseline)
        if len(self.type_series) > KEEP_TYPES:
            gone = [name for name in self.type_series if name not in census.types]
            for name in gone[: len(self.type_series) - KEEP_TYPES]:
                self.type_series.pop(name).leave()
                self._forget_held(name)

    def _forget_held(self, name: TypeName) -> None:
        held = self.held_series.pop(name, None)
        if held is not None:
            held.leave()

    def _count_held(self, event: CensusTaken) -> None:
        if event.garbage is None:
            for name in list(self.held_series):
                self._forget_held(name)
            return
        garbage = {(one.module, one.name): one.count for one in event.garbage.types}
        for name in [*garbage, *(name for name in self.held_series if name not in garbage)]:
            count = self.census.types.get(name)
            held, series = self.held_series.get(name), self.type_series.get(name)
            if series is None:
                continue
            if held is None:
                held = self.held_series[name] = _new_series(len(self.held_series), self.type_room)
                for at, before in series:
                    if at < event.at:
                        held.add(at, before)
            held.add(event.at, max(0, (count.count if count else 0) - garbage.get(name, 0)))

    def _count_type(self, at: float, name: TypeName, count: TypeCount) -> None:
        types = self.census.types
        if count.count:
            types[name] = count
        else:
            types.pop(name, None)
        series = self.type_series.get(name)
        if series is None:
            series = self.type_series[name] = _new_series(len(self.type_series), self.type_room)
            if self.census.taken > 1:
                series.add(self.census.times[-2], 0)  # there was none yet
        series.add(at, count.count)

    def failed_census(self, event: CensusFailed) -> None:
        self.counting_since, self.failure = None, event.reason

    def found_chains(self, event: ChainsFound) -> None:
        self.chains.pop((event.module, event.name), None)
        self.chains[event.module, event.name] = event
        while len(self.chains) > KEEP_CHAINS:
            del self.chains[next(iter(self.chains))]

    def found_referrers(self, event: ReferrersFound) -> None:
        self._inspection(event).nodes[event.node] = event

    def ended_inspection(self, event: InspectionEnded) -> None:
        self._inspection(event).ended = event.reason

    def _inspection(self, event: ReferrersFound | InspectionEnded) -> Inspection:
        """The one that the event is about; it may end before anything was found."""
        inspection = self.inspections.get(event.inspection)
        if inspection is None:
            inspection = self.inspections[event.inspection] = Inspection(
                name=event.inspection, at=event.at
            )
            while len(self.inspections) > KEEP_INSPECTIONS:
                del self.inspections[next(iter(self.inspections))]
        return inspection
