"""What a snapshot and a summary say of allocations: rates, live blocks, marks, what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from refwatch.export.allocations import MOST
from refwatch.export.snapshot import build_snapshot, write_snapshot
from refwatch.export.summary import MAX_LINES, summary_lines
from refwatch.model import events as ev
from refwatch.model import snapshot as snap
from refwatch.model.allocations import BurstUse, FileUse, LineUse, MemorySplit, Mode, TracebackUse
from refwatch.model.references import Site
from refwatch.session.state import State

PID = 42
MB = 1 << 20
Complaints = Callable[[object], list[str]]
SITES = [
    Site("/app/hot.py", 10, "make"),
    Site("/app/cool.py", 20, "work"),
    Site("é\udcff", 1, "<m>"),
]


def started(mode: Mode | None = "burst") -> State:
    state = State()
    state.apply(ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0"))
    if mode is not None:
        state.apply(ev.AllocationsSwitched(0.1, PID, mode, 25, "a note"))
    state.apply(ev.SitesSeen(0.2, PID, 0, SITES))
    state.apply(ev.TracebacksSeen(0.2, PID, 0, [[0, 2], [0, 1], [1, 2]]))
    return state


def burst(state: State, at: float, *blocks: float) -> None:
    """A window of half a second in every second; so many blocks of 100 bytes at each traceback."""
    uses = [
        BurstUse(number, count, 100 * count, 4.0, 40_000.0, count / 4, 25 * count)
        for number, count in enumerate(blocks)
    ]
    state.apply(ev.BurstMeasured(at, PID, 0.5, 1.0, uses, 33))


def traces(state: State, at: float, *live: int, number: int = 1) -> None:
    """So many blocks of 100 bytes at each traceback."""
    lines = [live[0] + live[1], *live[2:]]
    total = 100 * sum(live)
    state.apply(
        ev.TracesTaken(
            at,
            PID,
            number,
            9,
            total,
            2 * total,
            sum(live),
            0.001,
            0.1,
            [LineUse(site, 100 * count, count) for site, count in enumerate(lines)],
            [FileUse("/app/hot.py", total, sum(live))],
            [TracebackUse(one, 100 * count, count) for one, count in enumerate(live)],
        )
    )


def process_of(state: State) -> snap.Process:
    (process,) = build_snapshot(state, taken_at=datetime.now().astimezone()).processes
    return process


def found(state: State) -> snap.Allocations:
    allocations = process_of(state).allocations
    assert allocations is not None
    return allocations


def reasons(state: State) -> dict[str, str]:
    made = build_snapshot(state, taken_at=datetime.now().astimezone())
    return {limit.reading: limit.reason for limit in made.limits}


@pytest.mark.parametrize("mode", ["burst", "exact"])
def test_it_is_as_the_schema_says(mode: Mode, tmp_path: Path, complaints: Complaints) -> None:
    state = started(mode)
    burst(state, 1.0, 10, 20, 5)
    if mode == "exact":
        traces(state, 2.0, 10, 20, 5)
    split = MemorySplit(100 * MB, 50 * MB, 5 * MB, None, None, 30 * MB, 15 * MB, 55)
    state.apply(ev.MemoryMeasured(2.0, PID, split))
    write_snapshot(state, tmp_path / "s.json")
    data = (tmp_path / "s.json").read_bytes()
    assert complaints(json.loads(data)) == []
    made = msgspec.json.decode(data, type=snap.Snapshot)
    assert made == build_snapshot(state, taken_at=datetime.fromisoformat(made.taken_at))
    (process,) = made.processes
    assert process.allocations is not None
    assert process.allocations.mode == mode
    assert process.allocations.top
    assert process.memory_split == split


def test_bursts_are_sums_over_the_windows_and_rates_with_errors() -> None:
    state = started()
    burst(state, 1.0, 10, 20, 5)
    state.apply(ev.Marked(1.5, "warm"))
    burst(state, 2.0, 30, 0, 5)
    made = found(state)
    assert (made.mode, made.frames, made.note) == ("burst", 25, "a note")
    assert (made.window_s, made.span_s, made.blocks) == (1.0, 2.0, 66)
    assert (made.traced, made.peak) == (0, 0)

    assert [one.traceback[0].line for one in made.top] == [10, 10, 20]
    first = made.top[0]
    assert first.traceback == [
        snap.Line("/app/hot.py", 10, "make"),
        snap.Line("é\\udcff", 1, "<m>"),
    ]
    assert (first.size, first.count) == (4000, 40)
    assert (first.delta_size, first.delta_count) == (3000, 30)
    assert (first.kept_size, first.kept_count) == (1000, 10)
    assert (first.bytes_per_s, first.blocks_per_s) == (4000.0, 40.0)
    assert first.bytes_per_s_error == pytest.approx(100 * (first.blocks_per_s_error or 0))

    hot, cool = made.lines
    assert (hot.file, hot.line, hot.function) == ("/app/hot.py", 10, "make")
    assert (hot.size, hot.delta_size) == (6000, 3000)
    assert (cool.count, cool.blocks_per_s) == (10, 10.0)
    assert cool.blocks_per_s_error == pytest.approx(8**0.5)  # as steady as can be: of its blocks


def test_exact_figures_are_live_blocks_and_their_growth_since_the_newest_mark() -> None:
    state = started("exact")
    traces(state, 1.0, 10, 20, 5)
    state.apply(ev.Marked(1.5, "warm"))
    traces(state, 1.6, 11, 20, 5, number=2)
    traces(state, 2.0, 31, 15, 5, number=3)
    made = found(state)
    assert (made.mode, made.frames, made.traced, made.peak, made.blocks) == (
        "exact", 9, 5100, 10200, 51,
    )  # fmt: skip
    assert (made.window_s, made.span_s) == (0.0, 0.0)
    assert [(one.size, one.count, one.delta_size, one.delta_count) for one in made.top] == [
        (3100, 31, 2000, 20),
        (1500, 15, -500, -5),
        (500, 5, 0, 0),
    ]
    assert [(one.line, one.count, one.delta_count) for one in made.lines] == [
        (10, 46, 15),
        (20, 5, 0),
    ]
    assert made.top[0].bytes_per_s is made.top[0].kept_size is None


def test_without_a_mark_growth_is_since_the_start() -> None:
    state = started("exact")
    traces(state, 1.0, 10, 20, 5)
    assert [one.delta_count for one in found(state).top] == [20, 10, 5]


def test_only_the_largest_are_told() -> None:
    state = started()
    sites = [Site("/gen.py", number, "f") for number in range(2 * MOST)]
    state.apply(ev.SitesSeen(0.5, PID, 10, sites))
    state.apply(ev.TracebacksSeen(0.5, PID, 10, [[10 + n] for n in range(2 * MOST)]))
    uses = [BurstUse(10 + n, 1.0, float(n), 0.0, 0.0, 0.0, 0.0) for n in range(2 * MOST)]
    state.apply(ev.BurstMeasured(1.0, PID, 0.5, 1.0, uses))
    made = found(state)
    assert [one.line for one in made.lines] == list(range(2 * MOST - 1, MOST - 1, -1))
    assert len(made.top) == MOST


def test_what_nobody_described_is_a_question_mark() -> None:
    state = started()
    state.apply(ev.BurstMeasured(1.0, PID, 0.5, 1.0, [BurstUse(77, 1.0, 9.0, 0, 0, 0, 0)]))
    made = found(state)
    assert made.top[0].traceback == [snap.Line("?", 0, "?")]
    assert (made.lines[0].file, made.lines[0].line) == ("?", 0)


def test_after_it_was_switched_off_the_last_figures_are_there() -> None:
    state = started()
    burst(state, 1.0, 10, 20, 5)
    state.apply(ev.AllocationsSwitched(1.5, PID, "off", 0))
    made = found(state)
    assert (made.mode, made.window_s, len(made.top)) == ("off", 0.5, 3)
    state.apply(ev.AllocationsSwitched(2.0, PID, "exact", 1))
    traces(state, 2.5, 1, 0, 0)
    state.apply(ev.AllocationsSwitched(3.0, PID, "off", 0))
    made = found(state)
    assert (made.mode, made.traced, made.top[0].bytes_per_s) == ("off", 100, None)


# What is missing


def test_null_has_a_reason() -> None:
    state = started(None)
    assert process_of(state).allocations is None
    assert reasons(state)["allocations"] == "not read yet"
    state.apply(ev.AllocationsSwitched(0.1, PID, "off", 0))
    assert process_of(state).allocations is None
    assert reasons(state)["allocations"] == "switched off"
    state.apply(ev.ReadingLimited(0.5, "allocations", "not on this machine"))
    assert reasons(state)["allocations"] == "not on this machine"


def test_no_limit_is_told_of_what_is_there() -> None:
    state = started()
    burst(state, 1.0, 1)
    state.apply(ev.MemoryMeasured(2.0, PID, MemorySplit(1, 1, 0, 0, 0, 0, 0, 1)))
    assert reasons(state).keys().isdisjoint({"allocations", "memory split"})


def test_why_the_memory_is_not_split() -> None:
    state = started()
    assert reasons(state)["memory split"] == "it comes with a census: not taken yet"
    state.apply(ev.CensusFailed(1.0, PID, "memory is short", 10.0))
    assert reasons(state)["memory split"] == "it comes with a census: memory is short"
    state.apply(ev.CensusBegun(2.0, PID, 1, "interval", 0.1, "inside"))
    state.apply(ev.CensusTaken(2.0, PID, 1, 0.1, 10, []))
    assert reasons(state)["memory split"].startswith("the census is taken inside")


# The summary


def line_of(state: State, label: str) -> list[str]:
    return [line[9:] for line in summary_lines(state) if line.startswith(label)]


def test_the_summary_names_the_line_that_allocates_most() -> None:
    state = started()
    assert line_of(state, "alloc") == []
    for at in range(1, 21):
        burst(state, float(at), 100_000, 0, 50)
    state.apply(ev.AllocationsSwitched(21.0, PID, "burst", 0))
    (line,) = line_of(state, "alloc")
    assert line == ("burst, seen 50 % of the time · most /app/hot.py:10 make: 19.1 MiB/s ±0 %")


def test_the_summary_in_exact_mode_names_the_line_that_has_most() -> None:
    state = started("exact")
    traces(state, 1.0, 30_000, 20_000, 1)
    (line,) = line_of(state, "alloc")
    assert line == "exact: 4.8 MiB in 50001 blocks · most /app/hot.py:10 make: 4.8 MiB"


def test_the_summary_says_where_memory_grew() -> None:
    state = started()
    for number in range(20):
        at, c_used = 2.5 * number, (100 + 10 * number) * MB
        split = MemorySplit(100 * MB + c_used, 80 * MB, 0, c_used, 0, 20 * MB, 0)
        state.apply(ev.MemoryMeasured(at, PID, split))
        state.apply(ev.ProcessMeasured(at, PID, split.rss, split.rss, 0.0, 0.0))
    lines = summary_lines(state)
    place = next(index for index, line in enumerate(lines) if line.startswith("memory"))
    told = " ".join(line.strip() for line in lines[place + 1 : place + 3])
    assert told.startswith("RSS grew by ")
    assert "the C heap (in use)" in told
    assert all(len(line) <= 120 for line in lines)
    assert len(lines) <= MAX_LINES


def test_that_nothing_was_counted_is_said() -> None:
    """Not that there was nothing."""
    state = started("exact")
    assert reasons(state)["allocations"] == "not taken yet"
    state.apply(ev.TracesFailed(1.0, PID, "clone: no memory", 5.0))
    assert reasons(state)["allocations"] == "clone: no memory"
    traces(state, 2.0, 10, 20, 5)
    assert "allocations" not in reasons(state)
    state.apply(ev.TracesFailed(3.0, PID, "clone: no memory", 5.0))
    assert reasons(state)["allocations"] == "not counted anew: clone: no memory"
    state = started("exact")
    state.apply(ev.TargetExited(0.3, PID, 3))
    assert reasons(state)["allocations"] == "the target ended before one was taken"
