"""The fold of references: counts, marks, deaths and censuses, in bounded memory."""

from __future__ import annotations

from tests.sample_events import census_taken, watched_found

from refwatch.readings.objects.state import (
    KEEP_BASELINES,
    KEEP_CHAINS,
    KEEP_DEAD,
    KEEP_INSPECTIONS,
    KEEP_TYPES,
)
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, TypeCount

PID = 42


class Folded:
    """A state, and short names for the events of its target."""

    def __init__(self) -> None:
        self.state = State()
        self.state.apply(
            ev.TargetStarted(
                at=0.0,
                process=MAIN,
                pid=PID,
                argv=[],
                executable="",
                cwd="",
                started_at="",
                refwatch="0",
            )
        )
        assert self.state.main is not None
        self.known = self.state.main.references
        self.censuses = 0

    def found(self, at: float, watch: int, source: str = "main") -> None:
        self.state.apply(watched_found(at, watch, source=source))

    def counted(self, at: float, *counts: tuple[int, int]) -> None:
        self.state.apply(ev.WatchedCounted(at=at, process=MAIN, counts=list(counts)))

    def classes(self, at: float, *counts: tuple[int, int]) -> None:
        """Their instances; a class that is new is found before."""
        for serial, _ in counts:
            if serial not in self.known.classes:
                self.state.apply(
                    ev.ClassFound(
                        at=at, process=MAIN, serial=serial, module="app", name=f"Class{serial}"
                    )
                )
        self.state.apply(ev.ClassesCounted(at=at, process=MAIN, counts=list(counts)))

    def census(self, at: float, **counts: int) -> None:
        self.censuses += 1
        types = [
            TypeCount(module="app", name=name, count=count, size=8 * count)
            for name, count in counts.items()
        ]
        self.state.apply(census_taken(at, number=self.censuses, types=types))

    def mark(self, at: float, name: str) -> None:
        self.state.apply(ev.Marked(at=at, name=name))

    def grown(self, baseline: int) -> dict[str, int]:
        """By how much the types have grown since then."""
        before = self.known.baselines[baseline].types
        return {
            name[1]: count.count - before.get(name, 0)
            for name, count in self.known.census.types.items()
        }


# Watched objects


def test_a_watched_object_from_its_birth_to_its_death() -> None:
    folded = Folded()
    folded.found(1.0, 7)
    record = folded.known.watched[7]
    assert (record.references, record.ctypes, record.alive) == (None, None, True)
    folded.counted(1.1, (7, 2), (8, 99))
    folded.counted(1.2, (7, 3))
    folded.state.apply(
        ev.WatchedRead(
            at=1.3,
            process=MAIN,
            offset=1,
            readings=[ev.RawReading(watch=7, ctypes=3, getrefcount=4)],
        )
    )
    assert (record.references, record.ctypes, record.getrefcount) == (3, 3, 4)
    assert folded.known.offset == 1
    folded.state.apply(ev.WatchedEnded(at=1.5, process=MAIN, watch=7))
    assert (record.references, record.alive, record.ended_s) == (0, False, 1.5)
    assert list(record.series) == [(1.1, 2), (1.2, 3), (1.5, 0)]
    assert folded.known.baselines[0].watched == {7: 2}


def test_one_that_is_only_no_longer_watched_has_not_died() -> None:
    folded = Folded()
    folded.found(1.0, 7)
    folded.counted(1.1, (7, 2))
    folded.state.apply(ev.WatchedEnded(at=1.5, process=MAIN, watch=7, died=False))
    record = folded.known.watched[7]
    assert (record.references, record.alive, record.ended_s) == (2, True, 1.5)


def test_a_death_is_told_of_what_somebody_asked_to_watch() -> None:
    folded = Folded()
    for watch, source in enumerate(("main", "option", "script", "viewer")):
        folded.found(1.0, watch, source)
        folded.state.apply(ev.WatchedEnded(at=2.0, process=MAIN, watch=watch))
    folded.found(1.0, 9, "viewer")
    folded.state.apply(ev.WatchedEnded(at=2.0, process=MAIN, watch=9, died=False))
    told = [note.text for note in folded.state.notes if "died" in note.text]
    assert told == [f"name {watch} (list) died" for watch in (1, 2, 3)]


def test_of_the_dead_those_that_died_last_are_kept() -> None:
    """Also one that was found before all others."""
    folded = Folded()
    for watch in range(KEEP_DEAD + 100):
        folded.found(1.0, watch)
        folded.counted(1.0, (watch, 1))
    for watch in range(KEEP_DEAD + 99, -1, -1):
        folded.state.apply(ev.WatchedEnded(at=2.0, process=MAIN, watch=watch))
    assert list(folded.known.watched) == list(range(KEEP_DEAD))
    assert folded.known.baselines[0].watched.keys() == folded.known.watched.keys()


def test_a_class_that_ends_has_no_instances() -> None:
    folded = Folded()
    for serial in range(KEEP_DEAD + 5):
        folded.classes(1.0, (serial, 3))
        folded.state.apply(ev.ClassEnded(at=2.0, process=MAIN, serial=serial))
    assert len(folded.known.classes) == KEEP_DEAD
    assert {one.instances for one in folded.known.classes.values()} == {0}
    assert len(folded.known.baselines[0].classes) == KEEP_DEAD


# Marks


def test_a_mark_keeps_what_there_is() -> None:
    folded = Folded()
    folded.found(0.5, 1)
    folded.counted(0.6, (1, 2))
    folded.classes(0.6, (5, 10))
    folded.mark(1.0, "warm")
    folded.census(1.05, Class5=10)
    folded.counted(1.1, (1, 9))
    folded.classes(1.1, (5, 15), (6, 1))
    start, warm = folded.known.baselines
    assert (start.name, start.classes, start.watched) == ("start", {5: 10, 6: 1}, {1: 2})
    assert (warm.name, warm.at) == ("warm", 1.0)
    assert (warm.classes, warm.watched) == ({5: 10}, {1: 2})


def test_the_types_at_a_mark_are_those_of_the_census_after_it() -> None:
    folded = Folded()
    folded.census(1.0, A=10, B=1)
    folded.mark(2.0, "warm")
    assert folded.grown(1) == {"A": 0, "B": 0}  # as far as is known then
    folded.census(1.9, A=11)  # its copy was made before the mark
    assert folded.grown(1) == {"A": 1, "B": 0}
    folded.census(2.1, A=12, B=0)
    assert folded.grown(1) == {"A": 0}
    folded.census(3.0, A=20, C=4)
    assert folded.grown(1) == {"A": 8, "C": 4}
    assert folded.grown(0) == {"A": 10, "C": 4}


def test_of_what_is_counted_live_a_mark_has_the_exact_number() -> None:
    """The census after it comes too late: the program has gone on."""
    folded = Folded()
    folded.census(1.0, Class5=10, dict=100)
    folded.classes(1.1, (5, 10))
    folded.classes(1.9, (5, 14))
    folded.mark(2.0, "warm")
    assert folded.known.baselines[1].types == {("app", "Class5"): 14, ("app", "dict"): 100}
    folded.classes(2.1, (5, 500))
    folded.census(2.1, Class5=500, dict=600)
    assert folded.grown(1) == {"Class5": 486, "dict": 0}


def test_the_instances_of_a_class_that_the_census_after_a_mark_finds() -> None:
    """They were there at the mark, but nobody had counted them; later classes are new."""
    folded = Folded()
    folded.state.apply(ev.ClassFound(at=0.05, process=MAIN, serial=4, module="app", name="Other"))
    folded.mark(0.1, "imported")
    folded.state.apply(ev.ClassFound(at=0.7, process=MAIN, serial=5, module="app", name="Thing"))
    folded.census(0.6, Thing=1000)
    folded.classes(0.8, (5, 1000))
    folded.classes(0.9, (4, 7), (5, 1200), (6, 30))
    start, imported = folded.known.baselines
    assert start.classes == {5: 1000, 4: 7, 6: 30}
    assert imported.classes == {5: 1000, 4: 7}
    assert imported.awaited == set()


def test_the_beginning_stays_however_many_marks_there_are() -> None:
    folded = Folded()
    folded.census(0.5, A=1)
    for number in range(50):
        folded.mark(1.0 + number, f"mark {number}")
    names = [baseline.name for baseline in folded.known.baselines]
    assert len(names) == KEEP_BASELINES
    assert (names[0], names[1], names[-1]) == ("start", f"mark {51 - KEEP_BASELINES}", "mark 49")
    assert folded.grown(0) == {"A": 0}


# Censuses


def test_a_type_that_is_gone_and_one_that_comes() -> None:
    folded = Folded()
    folded.census(1.0, A=5)
    folded.census(2.0, A=0, B=3)
    assert set(folded.known.census.types) == {("app", "B")}
    assert list(folded.known.type_series["app", "A"]) == [(1.0, 5), (2.0, 0)]
    assert list(folded.known.type_series["app", "B"]) == [(1.0, 0), (2.0, 3)]


def test_what_is_being_counted_and_what_went_wrong() -> None:
    folded = Folded()
    known = folded.known
    folded.state.apply(
        ev.CensusBegun(at=1.0, process=MAIN, number=1, reason="interval", pause_s=0.002)
    )
    assert (known.counting_since, list(known.pauses)) == (1.0, [0.002])
    folded.state.apply(ev.CensusFailed(at=2.0, process=MAIN, reason="no memory", retry_s=10.0))
    assert (known.counting_since, known.failure, known.census.taken) == (None, "no memory", 0)
    assert folded.state.notes[-1].text == "no census: no memory; tried again in 10 s"
    folded.state.apply(
        ev.CensusBegun(
            at=12.0, process=MAIN, number=2, reason="interval", pause_s=0.003, method="inside"
        )
    )
    folded.census(12.0, A=1)
    assert (known.counting_since, known.failure, known.census.taken) == (None, None, 1)
    assert (known.census.method, known.census.pause_s) == ("inside", 0.003)
    folded.state.apply(ev.TargetPaused(at=13.0, process=MAIN, pause_s=0.004))
    assert list(known.pauses) == [0.002, 0.003, 0.004]


def test_types_that_come_and_go_are_forgotten() -> None:
    folded = Folded()
    names = [f"T{number}" for number in range(KEEP_TYPES + 500)]
    half = KEEP_TYPES // 2
    folded.census(1.0, **dict.fromkeys(names[:half], 1))
    folded.census(2.0, **dict.fromkeys(names[: half - 10], 0))
    folded.census(3.0, **dict.fromkeys(names[half:], 1))
    assert len(folded.known.type_series) == KEEP_TYPES
    assert folded.known.census.types.keys() <= folded.known.type_series.keys()
    assert len(folded.known.census.types) == KEEP_TYPES + 500 - half + 10


# What was looked into


def test_chains_and_inspections_are_bounded() -> None:
    folded = Folded()
    chain = [ChainLink(type="app.A", edge="global a"), ChainLink(type="module", name="__main__")]
    for number in range(2 * KEEP_CHAINS):
        folded.state.apply(
            ev.ChainsFound(at=1.0, process=MAIN, module="app", name=f"C{number}", chains=[chain])
        )
        folded.state.apply(
            ev.ReferrersFound(
                at=1.0,
                process=MAIN,
                inspection=f"in {number}",
                node=0,
                type="dict",
                label="dict",
                address="0x1",
                references=2,
                seen=1,
                referrers=[],
            )
        )
    folded.state.apply(
        ev.InspectionEnded(at=2.0, process=MAIN, inspection="in 0", reason="forgotten")
    )
    newest = f"in {2 * KEEP_CHAINS - 1}"
    folded.state.apply(
        ev.InspectionEnded(at=2.0, process=MAIN, inspection=newest, reason="the copy is gone")
    )
    assert len(folded.known.chains) == KEEP_CHAINS
    assert ("app", f"C{2 * KEEP_CHAINS - 1}") in folded.known.chains
    assert len(folded.known.inspections) == KEEP_INSPECTIONS
    assert folded.known.inspections[newest].ended == "the copy is gone"


def test_events_of_a_process_that_nobody_knows_are_left_out() -> None:
    state = State()
    state.apply(watched_found(1.0, 1, name="a"))
    state.apply(ev.ClassesCounted(at=1.0, process=MAIN, counts=[(1, 2)]))
    state.apply(census_taken(1.0, number=1, objects=10))
    state.apply(ev.CensusFailed(at=1.0, process=MAIN, reason="no", retry_s=None))
    state.apply(ev.WatchedEnded(at=1.0, process=MAIN, watch=1))
    state.apply(ev.GcPaused(at=1.0, process=MAIN, generations=[]))
    assert state.processes == {}
