"""What a snapshot says of references: all classes, watched objects, the census, and its gaps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from tests.sample_events import census_taken, target_started, watched_found
from tests.simulate import Simulation
from tests.simulate_references import CLASSES, WATCHED, with_references

from refwatch.export import schema_types as snap
from refwatch.export.snapshot import MAX_POINTS, build_snapshot, write_snapshot
from refwatch.export.summary import summary_lines
from refwatch.readings.objects.state import KEEP_DEAD
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Garbage, Referenced, Site, TypeCount, TypeDelta

Complaints = Callable[[object], list[str]]


def simulated(seconds: float = 20.0) -> State:
    state = State()
    for event in with_references(Simulation(seconds, ends=True)):
        state.apply(event)
    return state


def started() -> State:
    state = State()
    state.apply(target_started())
    return state


def process_of(state: State) -> snap.Process:
    (process,) = build_snapshot(state, taken_at=datetime.now().astimezone()).processes
    return process


def reasons(state: State) -> dict[str, str]:
    made = build_snapshot(state, taken_at=datetime.now().astimezone())
    return {limit.reading: limit.reason for limit in made.limits}


def test_it_is_as_the_schema_says(tmp_path: Path, complaints: Complaints) -> None:
    state = simulated()
    write_snapshot(state, tmp_path / "s.json")
    data = (tmp_path / "s.json").read_bytes()
    assert complaints(json.loads(data)) == []
    made = msgspec.json.decode(data, type=snap.Snapshot)
    assert made == build_snapshot(state, taken_at=datetime.fromisoformat(made.taken_at))
    (process,) = made.processes
    assert process.classes
    assert process.watched
    assert process.census is not None
    assert process.census.suspects


# Classes


def test_every_class_has_a_row_and_every_other_type(taken_at: datetime) -> None:
    state = simulated()
    (process,) = build_snapshot(state, taken_at=taken_at).processes
    rows = {f"{one.module}.{one.name}": one for one in process.classes}
    assert len(rows) == len(process.classes)
    exact = {name for name, one in rows.items() if one.exact}
    assert exact == set(CLASSES)
    assert {"builtins.dict", "json.decoder.JSONDecoder"} <= rows.keys() - exact
    counts = [one.instances for one in process.classes]
    assert counts == sorted(counts, reverse=True)

    leak, still = rows["app.Session"], rows["app.Router"]
    assert leak.instances == 792  # 40 a second from 0.2 s to 20 s
    assert leak.delta == 40 * 16  # since the mark at 4 s
    assert leak.per_second == pytest.approx(40, rel=0.02)
    assert leak.series[-1] == (20.0, 792)
    assert (still.delta, still.per_second, len(still.series)) == (0, 0.0, 1)
    dicts = rows["builtins.dict"]
    assert dicts.instances == 3020 + 732 + 300  # as the census at 18.5 s has it
    assert dicts.per_second == pytest.approx(40)


def test_the_instances_at_a_mark_are_those_of_the_newest() -> None:
    state = started()
    state.apply(ev.ClassFound(at=0.5, process=MAIN, serial=1, module="app", name="Thing"))
    for at, count, mark in ((0.5, 10, ""), (1.0, 15, "first"), (2.0, 22, "second"), (3.0, 30, "")):
        state.apply(ev.ClassesCounted(at=at, process=MAIN, counts=[(1, count)]))
        if mark:
            state.apply(ev.Marked(at=at, name=mark))
    state.apply(ev.ClassFound(at=3.5, process=MAIN, serial=2, module="app", name="Late"))
    (thing, late) = process_of(state).classes
    assert (thing.instances, thing.delta) == (30, 8)
    assert (late.instances, late.delta, late.series) == (0, 0, [])


def test_without_a_mark_they_are_counted_from_the_first_time() -> None:
    state = started()
    state.apply(ev.ClassFound(at=0.5, process=MAIN, serial=1, module="app", name="Thing"))
    for at, count in ((0.5, 10), (1.0, 15)):
        state.apply(ev.ClassesCounted(at=at, process=MAIN, counts=[(1, count)]))
        state.apply(
            census_taken(
                at,
                number=1,
                objects=10,
                types=[TypeCount(module="builtins", name="set", count=count, size=8)],
            )
        )
    assert {one.name: (one.instances, one.delta) for one in process_of(state).classes} == {
        "Thing": (15, 5),
        "set": (15, 5),
    }


def test_a_class_that_is_gone_gives_way_to_one_of_its_name() -> None:
    state = started()
    for serial, count in ((1, 5), (2, 3)):
        state.apply(
            ev.ClassFound(at=serial, process=MAIN, serial=serial, module="app", name="Late")
        )
        state.apply(ev.ClassesCounted(at=serial, process=MAIN, counts=[(serial, count)]))
        if serial == 1:
            state.apply(ev.ClassEnded(at=1.5, process=MAIN, serial=serial))
            (gone,) = process_of(state).classes
            assert (gone.instances, gone.series) == (0, [(1.0, 5), (1.5, 0)])
    (late,) = process_of(state).classes
    assert (late.instances, late.series) == (3, [(2.0, 3)])


def test_where_no_class_is_read_from_outside_the_census_counts() -> None:
    state = started()
    state.apply(ev.ClassFound(at=0.5, process=MAIN, serial=1, module="app", name="Thing"))
    state.apply(ev.ClassFound(at=0.5, process=MAIN, serial=2, module="app", name="Never"))
    state.apply(ev.ClassesCounted(at=0.5, process=MAIN, counts=[(1, 10), (2, 0)]))
    state.apply(
        ev.ReadingLimited(
            at=1.0, process=MAIN, reading="outside reading", reason="no longer permitted"
        )
    )
    state.apply(
        census_taken(
            2.0,
            number=1,
            objects=10,
            types=[TypeCount(module="app", name="Thing", count=12, size=8)],
        )
    )
    rows = {one.name: one for one in process_of(state).classes}
    assert (rows["Thing"].instances, rows["Thing"].exact) == (12, False)
    assert (rows["Never"].instances, rows["Never"].exact) == (0, False)
    assert reasons(state)["classes"] == "no longer permitted"


def test_a_rate_stays_that_of_the_end() -> None:
    """Though the daemon may wait for its viewers, and what they do has its time."""
    state = started()
    state.apply(ev.ClassFound(at=0.0, process=MAIN, serial=1, module="app", name="Thing"))
    for tick in range(101):
        state.apply(ev.ClassesCounted(at=tick / 10, process=MAIN, counts=[(1, 2 * tick)]))
    state.apply(ev.TargetExited(at=10.09, process=MAIN, exit_code=0))
    state.apply(ev.SnapshotWritten(at=500.0, path="/tmp/s.json"))
    (thing,) = process_of(state).classes
    assert thing.per_second == pytest.approx(20)


def test_what_has_stopped_growing_has_no_rate() -> None:
    state = started()
    state.apply(ev.ClassFound(at=0.0, process=MAIN, serial=1, module="app", name="Thing"))
    for tick in range(101):
        state.apply(ev.ClassesCounted(at=tick / 10, process=MAIN, counts=[(1, 2 * tick)]))
    for at, rate in ((11.0, 16.0), (14.0, 4.0), (16.0, 0.0)):
        state.apply(ev.Noted(at=at, level="info", text=""))
        assert process_of(state).classes[0].per_second == pytest.approx(rate)


# Watched objects


def test_the_watched_objects() -> None:
    watched = process_of(simulated()).watched
    assert sorted(one.name for one in watched) == sorted(one.name for one in WATCHED)
    by_name = {one.name: one for one in watched}
    template = by_name["template"]
    assert (template.references, template.alive, template.died_s) == (804, True, None)
    assert template.series[-1] == (20.0, 804)
    held = by_name["sessions"]
    assert (held.held, held.references, held.ctypes, held.getrefcount) == (True, 3, 4, 5)
    assert held.getrefcount_offset == 1
    immortal = by_name["retries"]
    assert (immortal.immortal, immortal.references, immortal.series) == (True, None, [])
    dead = by_name["batch"]
    assert (dead.alive, dead.died_s, dead.references) == (False, 5.3, 0)
    assert dead.series[-1] == (5.3, 0)


def test_what_is_no_longer_watched_is_left_out() -> None:
    state = started()
    for watch in (1, 2):
        state.apply(watched_found(1.0, watch, source="viewer"))
    state.apply(ev.WatchedEnded(at=2.0, process=MAIN, watch=1, died=False))
    assert [one.name for one in process_of(state).watched] == ["name 2"]


def test_it_is_said_when_dead_objects_are_no_longer_known() -> None:
    state = started()
    for watch in range(1, KEEP_DEAD + 4):
        state.apply(watched_found(1.0, watch))
    assert "objects  203 objects watched, 0 died" in summary_lines(state)
    for watch in range(1, KEEP_DEAD + 3):
        state.apply(ev.WatchedEnded(at=2.0, process=MAIN, watch=watch))

    assert reasons(state)["watched"] == "only the last 200 objects that have died are kept"
    assert "objects  at least 201 objects watched, at least 200 died" in summary_lines(state)


# The census


def test_the_census() -> None:
    census = process_of(simulated()).census
    assert census is not None
    assert (census.taken_s, census.pause_s, census.took_s) == (18.5, 0.0025, 0.071)
    assert (census.method, census.objects) == ("copy", 25_357)
    assert census.types[0] == TypeCount(
        module="builtins", name="function", count=4210, size=4210 * 160
    )
    assert sum(one.count for one in census.types) == census.objects
    assert census.growth[0] == TypeDelta(
        module="app", name="Session", count=732, delta=580
    )  # since the mark at 4 s
    dicts = next(one for one in census.growth if one.name == "dict")
    assert dicts.delta == 500  # since the census after the mark, at 6 s
    assert 0 not in {one.delta for one in census.growth}
    assert [one.name for one in census.suspects] == ["Session", "dict", "list"]
    suspect = census.suspects[0]
    assert suspect.per_second == pytest.approx(40, rel=0.01)
    assert suspect.r2 > 0.99
    assert [link.edge or link.name for link in suspect.chains[0]] == [
        "item 17", "global sessions", "module __main__",
    ]  # fmt: skip
    assert suspect.allocated_at[0] == Site(
        file="/home/app/app/__init__.py", line=118, function="open_session"
    )
    most = census.most_referenced[0]
    assert (most.type, most.label, most.references) == ("type", "class type", 1220)


def test_what_is_known_of_the_holders_of_a_suspect() -> None:
    state = started()
    names = ("Held", "Cut", "Waiting", "Unseen")
    for number in range(1, 9):
        types = [TypeCount(module="app", name=name, count=200 * number, size=64) for name in names]
        waiting = [TypeCount(module="app", name="Waiting", count=150 * number, size=64)]
        garbage = Garbage(objects=200 * number, bytes=20_000, types=waiting)
        state.apply(
            ev.CensusTaken(
                at=2.5 * number,
                process=MAIN,
                number=number,
                took_s=0.1,
                objects=9,
                types=types,
                most_referenced=[],
                untracked=True,
                garbage=garbage,
            )
        )
    chain = [ChainLink(type="app.Any", edge="global keep"), ChainLink(type="module", name="app")]
    for name, found, missing in (
        ("Held", [chain], ""),
        ("Waiting", [chain], ""),
        ("Cut", [], "cut"),
    ):
        state.apply(
            ev.ChainsFound(
                at=20.0,
                process=MAIN,
                module="app",
                name=name,
                chains=found,
                allocated_at=[],
                missing=missing,
                looked=1600,
            )
        )
    census = process_of(state).census
    assert census is not None
    told = {one.name: (len(one.chains), one.complete, one.garbage) for one in census.suspects}
    assert told == {
        "Held": (1, True, 0),
        "Cut": (0, False, 0),
        "Waiting": (0, True, 1200),
        "Unseen": (0, False, 0),
    }
    assert census.garbage == Garbage(
        objects=1600,
        bytes=20_000,
        types=[TypeCount(module="app", name="Waiting", count=1200, size=64)],
    )
    assert "census.garbage" not in reasons(state)


def test_growth_is_most_first_and_names_what_is_gone() -> None:
    state = started()
    for number, counts in enumerate(({"A": 5, "B": 5, "C": 9}, {"A": 50, "B": 1, "C": 0, "D": 2})):
        types = [
            TypeCount(module="app", name=name, count=count, size=8)
            for name, count in counts.items()
        ]
        state.apply(census_taken(1.0 + number, number=number, objects=10, types=types))
    census = process_of(state).census
    assert census is not None
    assert [(one.name, one.count, one.delta) for one in census.growth] == [
        ("A", 50, 45), ("D", 2, 2), ("B", 1, -4), ("C", 0, -9),
    ]  # fmt: skip


def test_pauses_and_collections() -> None:
    state = simulated()
    made = build_snapshot(state, taken_at=datetime.now().astimezone())
    assert made.cost.census_pauses_s[:3] == [0.0021, 0.0025, 0.0029]
    assert len(made.cost.census_pauses_s) == 8
    collector = made.processes[0].collector
    assert collector is not None
    assert (collector.pauses, collector.longest_s) == (40, 0.0161)
    assert collector.seconds == pytest.approx(0.4)
    assert collector.longest_at is not None
    assert collector.longest_at.function == "crunch"
    assert [(line.line, line.pauses) for line in collector.by_line] == [(22, 40)]


def test_pauses_that_an_older_recording_has_are_told() -> None:
    state = simulated()
    timed = [(5, 0.0735, 0.0161), (0, 0.0, 0.0)]
    state.apply(ev.GcPaused(at=15.0, process=MAIN, generations=timed))
    made = build_snapshot(state, taken_at=datetime.now().astimezone())
    assert made.processes[0].gc_pauses[0] == snap.GcPause(
        generation=0, count=5, total_s=0.0735, longest_s=0.0161
    )


def test_pauses_that_cannot_be_told_apart_have_no_longest() -> None:
    state = simulated()
    state.apply(
        ev.ReadingLimited(
            at=15.0, process=MAIN, reading="garbage collections", reason="calibration failed"
        )
    )
    made = build_snapshot(state, taken_at=datetime.now().astimezone())
    collector = made.processes[0].collector
    assert collector is not None
    assert collector.seconds > 0
    assert (collector.longest_s, collector.longest_at, collector.p99_s) == (None, None, None)


# What is missing


def test_why_there_is_no_census() -> None:
    state = started()
    assert reasons(state)["census"] == reasons(state)["classes"] == "not taken yet"
    state.apply(ev.TargetExited(at=0.2, process=MAIN, exit_code=0))
    assert reasons(state)["census"] == "the target ended before one was taken"
    state.apply(ev.CensusFailed(at=0.2, process=MAIN, reason="memory is short", retry_s=None))
    assert reasons(state)["census"] == "memory is short"
    state.apply(
        ev.ReadingLimited(
            at=0.2, process=MAIN, reading="census", reason="switched off (--census off)"
        )
    )
    assert reasons(state)["census"] == "switched off (--census off)"
    assert process_of(state).census is None
    assert "census" in reasons(State())


def test_a_census_that_is_old_because_the_next_failed() -> None:
    state = started()
    state.apply(census_taken(1.0, number=1, objects=10))
    assert "census" not in reasons(state)
    state.apply(ev.CensusFailed(at=4.0, process=MAIN, reason="memory is short", retry_s=10.0))
    assert reasons(state)["census"] == "not taken again: memory is short"


def test_why_a_number_of_a_watched_object_is_missing() -> None:
    state = started()
    state.apply(watched_found(1.0, 1, name="a"))
    (one,) = process_of(state).watched
    assert (one.references, one.ctypes, one.getrefcount) == (None, None, None)
    assert one.getrefcount_offset is None
    found = reasons(state)
    for number in ("references", "ctypes", "getrefcount", "getrefcount_offset"):
        assert f"watched.{number}" in found
    state.apply(ev.WatchedCounted(at=1.1, process=MAIN, counts=[(1, 2)]))
    state.apply(
        ev.WatchedRead(
            at=1.1,
            process=MAIN,
            offset=1,
            readings=[ev.RawReading(watch=1, ctypes=3, getrefcount=4)],
        )
    )
    assert not [reading for reading in reasons(state) if reading.startswith("watched")]
    state.apply(
        ev.WatchedFound(
            at=1.2,
            process=MAIN,
            watch=2,
            name="b",
            type="int",
            address="0x2",
            source="main",
            immortal=True,
        )
    )
    assert "immortal" in reasons(state)["watched.references"]


def test_a_free_threaded_build_says_so() -> None:
    state = started()
    reason = "a free-threaded build splits an object's count among threads"
    state.apply(ev.ReadingLimited(at=0.1, process=MAIN, reading="references", reason=reason))
    state.apply(
        census_taken(
            1.0,
            number=1,
            objects=10,
            types=[TypeCount(module="app", name="Thing", count=3, size=8)],
        )
    )
    found = reasons(state)
    assert found["classes"] == found["watched"] == found["references"] == reason
    (thing,) = process_of(state).classes
    assert (thing.instances, thing.exact) == (3, False)


# Bounds


def test_names_that_are_no_text(tmp_path: Path, complaints: Complaints) -> None:
    state = started()
    odd = os.fsdecode(b"odd\xff\n\x1b[2J")
    chain = [ChainLink(type=odd, edge=odd, address="0x1"), ChainLink(type="module", name=odd)]
    for event in (
        ev.ClassFound(at=0.1, process=MAIN, serial=1, module=odd, name=odd),
        ev.ClassesCounted(at=0.1, process=MAIN, counts=[(1, 1)]),
        watched_found(0.1, 1, name=odd, type=odd),
        ev.ChainsFound(
            at=0.1,
            process=MAIN,
            module=odd,
            name=odd + "2",
            chains=[chain],
            allocated_at=[Site(file=odd, line=1, function=odd)],
        ),
        ev.CensusFailed(at=0.1, process=MAIN, reason=odd, retry_s=None),
    ):
        state.apply(event)
    path = tmp_path / "s.json"
    write_snapshot(state, path)
    assert complaints(json.loads(path.read_bytes())) == []
    for number in range(1, 8):
        types = [TypeCount(module=odd, name=odd + "2", count=100 * number, size=8)]
        most = [Referenced(type=odd, label=odd, address="0x1", references=5)]
        state.apply(
            ev.CensusTaken(
                at=2.5 * number,
                process=MAIN,
                number=number,
                took_s=0.1,
                objects=9,
                types=types,
                most_referenced=most,
            )
        )
    write_snapshot(state, path)
    written = json.loads(path.read_bytes())
    assert complaints(written) == []
    text = "odd\\udcff\n\x1b[2J"
    (process,) = written["processes"]
    assert process["census"]["suspects"][0]["chains"][0][0]["edge"] == text
    assert process["watched"][0]["name"] == text


def large() -> State:
    """2,000 classes and 5,000 watched objects whose numbers change all the time."""
    state = started()
    for watch in range(5000):
        state.apply(watched_found(0.0, watch))
    for serial in range(2000):
        state.apply(
            ev.ClassFound(at=0.0, process=MAIN, serial=serial, module="app", name=f"Class{serial}")
        )
    for tick in range(1, 700):
        at = tick / 20
        state.apply(
            ev.WatchedCounted(
                at=at, process=MAIN, counts=[(n, (n + tick) % 90) for n in range(5000)]
            )
        )
        state.apply(
            ev.ClassesCounted(
                at=at, process=MAIN, counts=[(n, (n + tick) % 90) for n in range(2000)]
            )
        )
    return state


@pytest.mark.timed
def test_a_large_program_is_written_at_once(tmp_path: Path) -> None:
    """The daemon does it in its loop, while the samples wait."""
    state = large()
    began = time.process_time()
    write_snapshot(state, tmp_path / "s.json")
    spent = time.process_time() - began
    (process,) = build_snapshot(state, taken_at=datetime.now().astimezone()).processes
    assert (len(process.classes), len(process.watched)) == (2000, 5000)
    series = [one.series for one in process.classes] + [one.series for one in process.watched]
    assert max(map(len, series)) <= MAX_POINTS
    assert min(map(len, series)) >= 24
    assert spent < 1.5
