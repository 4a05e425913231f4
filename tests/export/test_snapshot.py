"""The snapshot holds what the state holds, and says why what is missing is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from tests.sample_events import named_oddly, sampled, target_started

from refwatch.export import schema_types as snap
from refwatch.export.places import MAX_HOT
from refwatch.export.snapshot import MAX_POINTS, build_snapshot, write_snapshot
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN

PID = 42
Complaints = Callable[[object], list[str]]


def as_json(snapshot: snap.Snapshot) -> object:
    return msgspec.json.decode(msgspec.json.encode(snapshot))


def started(gil: bool | None = True) -> State:
    state = State()
    state.apply(target_started())
    if gil is not None:
        state.apply(
            ev.InterpreterFound(
                at=0.0,
                process=MAIN,
                python="3.14.0t",
                free_threaded=not gil,
                gil=gil,
                switch_interval_s=0.005,
            )
        )
    return state


def reasons(snapshot: snap.Snapshot) -> dict[str, str]:
    found = {limit.reading: limit.reason for limit in snapshot.limits}
    assert len(found) == len(snapshot.limits)
    return found


def test_the_whole_of_a_session(state: State, taken_at: datetime) -> None:
    made = build_snapshot(state, taken_at=taken_at)
    assert made.schema == "refwatch.snapshot/1"
    assert made.taken_at == "2026-01-02T03:04:05Z"
    assert made.duration_s == 10.0
    assert made.target == snap.Target(
        argv=["x.py", "a b"],
        executable="/py",
        python="3.13.1",
        free_threaded=False,
        cwd="/tmp",
        started_at="2026-01-01T00:00:00Z",
        exit_code=3,
    )
    assert made.cost == snap.Cost(
        probe_cpu_s=0.012346,
        probe_gil_held_s=0.001,
        census_pauses_s=[],
        tracing_s=0.0,
        daemon_cpu_s=0.5,
    )
    assert made.verdict.kind == "gil_bound"
    assert made.marks == [snap.MarkAt(name="warm", at_s=5.0)]
    assert made.sampling == snap.Sampling(
        method="outside",
        rate_hz=1000.0,
        mean_hz=1000.0,
        samples=10_000,
        torn_frames=100,
        rate_changes=[],
    )
    assert set(reasons(made)) == {
        "census", "classes", "allocations", "locks", "memory split", "ppid", "stacks"
    }  # fmt: skip


def test_the_process(state: State, taken_at: datetime) -> None:
    (process,) = build_snapshot(state, taken_at=taken_at).processes
    assert (process.pid, process.ended_s, process.exit_code) == (PID, 10.0, 3)
    assert process.memory.rss == 10_000_100
    assert (process.memory.uss, process.memory.peak_rss) == (9_000_000, 20_000_000)
    assert process.memory.series[0][1] == pytest.approx(10_000_001, abs=3)
    assert process.cpu == snap.Cpu(user_s=10.0, system_s=0.0)
    assert process.gil.held_fraction == pytest.approx(0.99)
    assert process.gil.contention == pytest.approx(3.0)
    assert process.gil.handoffs == 2000
    assert process.gil.switch_interval_s == 0.005
    assert process.gc == [
        snap.GcStats(generation=0, collections=5, collected=4, uncollectable=0),
        snap.GcStats(generation=1, collections=1, collected=0, uncollectable=0),
    ]
    assert (process.classes, process.watched, process.census) == ([], [], None)


def test_the_threads(state: State, taken_at: datetime) -> None:
    (process,) = build_snapshot(state, taken_at=taken_at).processes
    assert [thread.name for thread in process.threads] == [
        "MainThread", "spinner 1", "spinner 2", "spinner 3", "spinner 4",
    ]  # fmt: skip
    spinner = process.threads[1]
    assert spinner.states == {S.GIL_HELD: 2.5, S.GIL_WAIT: 7.5}
    assert (spinner.alive, spinner.samples, spinner.cpu_s) == (False, 10_000, 2.5)
    assert spinner.stack == [snap.Line(file="/app/work.py", line=12, function="work")]
    assert spinner.hot == [
        snap.HotLine(file="/app/work.py", line=12, function="work", state=S.GIL_WAIT, seconds=7.5),
        snap.HotLine(file="/app/work.py", line=12, function="work", state=S.GIL_HELD, seconds=2.5),
    ]


def test_the_time_is_written_in_utc(state: State) -> None:
    there = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert build_snapshot(state, taken_at=there).taken_at == "2026-01-02T01:04:05Z"


def test_it_reads_back_as_the_structs_and_as_the_schema_says(
    state: State, taken_at: datetime, complaints: Complaints
) -> None:
    made = build_snapshot(state, taken_at=taken_at)
    assert msgspec.json.decode(msgspec.json.encode(made), type=snap.Snapshot) == made
    assert complaints(as_json(made)) == []


@pytest.mark.parametrize("gil", [None, True, False])
def test_every_null_has_a_reason(
    gil: bool | None, taken_at: datetime, complaints: Complaints
) -> None:
    for state in (State(), started(gil)):
        made = build_snapshot(state, taken_at=taken_at)
        assert complaints(as_json(made)) == []
        named = set(reasons(made))
        assert {"census", "allocations", "cost", "samples"} <= named
        for process in made.processes:
            assert None not in {process.memory.rss, process.memory.uss} or {
                "memory", "memory.uss", "ppid", "gil",
            } <= named  # fmt: skip
    assert ("interpreter" in named) == (gil is None)


def test_the_reason_is_that_the_target_ended(taken_at: datetime) -> None:
    state = started(None)
    state.apply(ev.TargetExited(at=0.01, process=MAIN, exit_code=None))
    found = reasons(build_snapshot(state, taken_at=taken_at))
    for reading in ("interpreter", "gil", "memory", "memory.uss", "cost", "samples"):
        assert found[reading] == "the target ended before it could be read"
    assert "status" in found["exit_code"]


def test_a_reason_that_the_session_gave_stays(taken_at: datetime) -> None:
    state = started(None)
    state.apply(
        ev.ReadingLimited(at=0.1, process=MAIN, reading="gil", reason="could not be verified")
    )
    assert reasons(build_snapshot(state, taken_at=taken_at))["gil"] == "could not be verified"


def test_without_a_gil_its_numbers_are_null(taken_at: datetime) -> None:
    state = started(gil=False)
    state.apply(sampled(0.1))
    made = build_snapshot(state, taken_at=taken_at)
    gil = made.processes[0].gil
    assert gil.present is False
    assert (gil.held_fraction, gil.contention, gil.handoffs) == (None, None, None)
    assert reasons(made)["gil"] == "this interpreter runs without a GIL"


def test_the_method_of_sampling(taken_at: datetime) -> None:
    state = started()
    assert build_snapshot(state, taken_at=taken_at).sampling.method == "none"
    state.apply(sampled(0.1))
    assert build_snapshot(state, taken_at=taken_at).sampling.method == "outside"
    state.apply(
        ev.ReadingLimited(at=0.1, process=MAIN, reading="outside reading", reason="not permitted")
    )
    assert build_snapshot(state, taken_at=taken_at).sampling.method == "inside"


def test_a_thread_that_was_never_sampled_has_nulls_with_a_reason(taken_at: datetime) -> None:
    state = started()
    state.apply(ev.ThreadStarted(at=0.1, serial=1, process=MAIN, tid=100))
    made = build_snapshot(state, taken_at=taken_at)
    (thread,) = made.processes[0].threads
    assert (thread.cpu_s, thread.voluntary_switches, thread.ident) == (None, None, None)
    assert {"thread times", "thread ident"} <= set(reasons(made))


def test_series_and_hot_lines_are_bounded(taken_at: datetime) -> None:
    state = started()
    state.apply(ev.ThreadStarted(at=0.0, serial=1, process=MAIN, tid=100))
    for tick in range(1, 5000):
        at = tick / 10
        piece = ev.ThreadSlice(
            serial=1, samples=1, states={S.SLEEP: 0.1}, hot=[(tick % 99, S.SLEEP, tick / 1e6)]
        )
        gil = ev.GilSlice(held_s=0.0, wait_s=0.0, handoffs=0, interval_s=0.005)
        state.apply(sampled(at, piece, samples=1, gil=gil))
        state.apply(
            ev.ProcessMeasured(
                at=at, process=MAIN, rss=tick, peak_rss=tick, user_s=at, system_s=0.0
            )
        )
    (process,) = build_snapshot(state, taken_at=taken_at).processes
    for times in ([p[0] for p in process.gil.series], [p[0] for p in process.memory.series]):
        assert MAX_POINTS / 4 < len(times) <= MAX_POINTS
        assert times == sorted(times)
        assert times[0] < 2.0
        assert times[-1] > 495.0
    hot = process.threads[0].hot
    assert len(hot) == MAX_HOT
    assert [line.seconds for line in hot] == sorted((line.seconds for line in hot), reverse=True)
    assert {(line.file, line.line) for line in hot} == {("?", 0)}


def test_names_that_are_no_text_can_be_written(tmp_path: Path, complaints: Complaints) -> None:
    state = State()
    odd = os.fsdecode(b"odd\xff\n\x1b[2J")
    for event in named_oddly(odd):
        state.apply(event)
    state.apply(ev.Marked(at=1.0, name=odd))
    state.apply(ev.RateChanged(at=1.0, process=MAIN, rate_hz=500.0, reason=odd))
    state.apply(ev.ReadingLimited(at=1.0, process=MAIN, reading="memory.uss", reason=odd))
    path = tmp_path / "s.json"
    write_snapshot(state, path)
    written = json.loads(path.read_bytes())
    assert complaints(written) == []
    assert written["target"]["argv"] == ["odd\\udcff\n\x1b[2J"]


def test_what_is_written_is_the_snapshot(
    state: State, tmp_path: Path, complaints: Complaints
) -> None:
    path = tmp_path / "s.json"
    before = datetime.now(UTC)
    write_snapshot(state, path)
    made = msgspec.json.decode(path.read_bytes(), type=snap.Snapshot)
    assert build_snapshot(state, taken_at=datetime.fromisoformat(made.taken_at)) == made
    assert before <= datetime.fromisoformat(made.taken_at) <= datetime.now(UTC)
    assert complaints(json.loads(path.read_bytes())) == []
    assert path.read_bytes().endswith(b"}\n")
