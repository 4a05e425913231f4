"""What a snapshot and a summary say of allocations: rates, live blocks, marks, what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from tests.sample_events import census_taken, target_started

from refwatch.export import schema_types as snap
from refwatch.export.allocations import MOST
from refwatch.export.snapshot import build_snapshot, write_snapshot
from refwatch.export.summary import MAX_LINES, summary_lines
from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.text.sanitize import encodable
from refwatch.wire.commands import Mode
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

MB = 1 << 20
Complaints = Callable[[object], list[str]]
SITES = [
    Site(file="/app/hot.py", line=10, function="make"),
    Site(file="/app/cool.py", line=20, function="work"),
    Site(file="é\udcff", line=1, function="<m>"),
]


def started(mode: Mode | None = "burst") -> State:
    state = State()
    state.apply(target_started())
    if mode is not None:
        state.apply(
            ev.AllocationsSwitched(at=0.1, process=MAIN, mode=mode, frames=25, note="a note")
        )
    state.apply(ev.SitesSeen(at=0.2, process=MAIN, first=0, sites=SITES))
    state.apply(
        ev.TracebacksSeen(at=0.2, process=MAIN, first=0, tracebacks=[[0, 2], [0, 1], [1, 2]])
    )
    return state


def burst(state: State, at: float, *blocks: float) -> None:
    """A window of half a second in every second; so many blocks of 100 bytes at each traceback."""
    uses = [
        BurstUse(
            traceback=number,
            blocks=count,
            size=100 * count,
            blocks_variance=4.0,
            size_variance=40_000.0,
            kept_blocks=count / 4,
            kept_size=25 * count,
        )
        for number, count in enumerate(blocks)
    ]
    state.apply(
        ev.BurstMeasured(at=at, process=MAIN, window_s=0.5, span_s=1.0, uses=uses, samples=33)
    )


def traces(state: State, at: float, *live: int, number: int = 1) -> None:
    """So many blocks of 100 bytes at each traceback."""
    lines = [live[0] + live[1], *live[2:]]
    total = 100 * sum(live)
    state.apply(
        ev.TracesTaken(
            at=at,
            process=MAIN,
            number=number,
            frames=9,
            traced=total,
            peak=2 * total,
            blocks=sum(live),
            pause_s=0.001,
            took_s=0.1,
            lines=[
                LineUse(site=site, size=100 * count, count=count)
                for site, count in enumerate(lines)
            ],
            files=[FileUse(file="/app/hot.py", size=total, count=sum(live))],
            tracebacks=[
                TracebackUse(traceback=one, size=100 * count, count=count)
                for one, count in enumerate(live)
            ],
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
    split = MemorySplit(
        rss=100 * MB,
        python_used=50 * MB,
        python_free=5 * MB,
        c_used=None,
        c_free=None,
        files=30 * MB,
        other=15 * MB,
        arenas=55,
    )
    state.apply(ev.MemoryMeasured(at=2.0, process=MAIN, split=split))
    write_snapshot(state, tmp_path / "s.json")
    data = (tmp_path / "s.json").read_bytes()
    assert complaints(json.loads(data)) == []
    assert b'"file": "\xc3\xa9\\\\udcff"' in data  # bytes of a file name that are not UTF-8
    made = msgspec.json.decode(data, type=snap.Snapshot)
    built = build_snapshot(state, taken_at=datetime.fromisoformat(made.taken_at))
    assert encodable(msgspec.to_builtins(built)) == encodable(msgspec.to_builtins(made))
    (process,) = made.processes
    assert process.allocations is not None
    assert process.allocations.mode == mode
    assert process.allocations.top
    assert process.memory_split == split


def test_bursts_are_sums_over_the_windows_and_rates_with_errors() -> None:
    state = started()
    burst(state, 1.0, 10, 20, 5)
    state.apply(ev.Marked(at=1.5, name="warm"))
    burst(state, 2.0, 30, 0, 5)
    made = found(state)
    assert (made.mode, made.frames, made.note) == ("burst", 25, "a note")
    assert (made.window_s, made.span_s, made.blocks) == (1.0, 2.0, 66)
    assert (made.traced, made.peak) == (0, 0)

    assert [one.traceback[0].line for one in made.top] == [10, 10, 20]
    first = made.top[0]
    assert first.traceback == [
        snap.Line(file="/app/hot.py", line=10, function="make"),
        snap.Line(file="é\udcff", line=1, function="<m>"),
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
    state.apply(ev.Marked(at=1.5, name="warm"))
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
    sites = [Site(file="/gen.py", line=number, function="f") for number in range(2 * MOST)]
    state.apply(ev.SitesSeen(at=0.5, process=MAIN, first=10, sites=sites))
    state.apply(
        ev.TracebacksSeen(
            at=0.5, process=MAIN, first=10, tracebacks=[[10 + n] for n in range(2 * MOST)]
        )
    )
    uses = [
        BurstUse(
            traceback=10 + n,
            blocks=1.0,
            size=float(n),
            blocks_variance=0.0,
            size_variance=0.0,
            kept_blocks=0.0,
            kept_size=0.0,
        )
        for n in range(2 * MOST)
    ]
    state.apply(ev.BurstMeasured(at=1.0, process=MAIN, window_s=0.5, span_s=1.0, uses=uses))
    made = found(state)
    assert [one.line for one in made.lines] == list(range(2 * MOST - 1, MOST - 1, -1))
    assert len(made.top) == MOST


def test_what_nobody_described_is_a_question_mark() -> None:
    state = started()
    state.apply(
        ev.BurstMeasured(
            at=1.0,
            process=MAIN,
            window_s=0.5,
            span_s=1.0,
            uses=[
                BurstUse(
                    traceback=77,
                    blocks=1.0,
                    size=9.0,
                    blocks_variance=0,
                    size_variance=0,
                    kept_blocks=0,
                    kept_size=0,
                )
            ],
        )
    )
    made = found(state)
    assert made.top[0].traceback == [snap.Line(file="?", line=0, function="?")]
    assert (made.lines[0].file, made.lines[0].line) == ("?", 0)


def test_after_it_was_switched_off_the_last_figures_are_there() -> None:
    state = started()
    burst(state, 1.0, 10, 20, 5)
    state.apply(ev.AllocationsSwitched(at=1.5, process=MAIN, mode="off", frames=0))
    made = found(state)
    assert (made.mode, made.window_s, len(made.top)) == ("off", 0.5, 3)
    state.apply(ev.AllocationsSwitched(at=2.0, process=MAIN, mode="exact", frames=1))
    traces(state, 2.5, 1, 0, 0)
    state.apply(ev.AllocationsSwitched(at=3.0, process=MAIN, mode="off", frames=0))
    made = found(state)
    assert (made.mode, made.traced, made.top[0].bytes_per_s) == ("off", 100, None)


# What is missing


def test_null_has_a_reason() -> None:
    state = started(None)
    assert process_of(state).allocations is None
    assert reasons(state)["allocations"] == "not read yet"
    state.apply(ev.AllocationsSwitched(at=0.1, process=MAIN, mode="off", frames=0))
    assert process_of(state).allocations is None
    assert reasons(state)["allocations"] == "switched off"
    state.apply(
        ev.ReadingLimited(at=0.5, process=MAIN, reading="allocations", reason="not on this machine")
    )
    assert reasons(state)["allocations"] == "not on this machine"


def test_no_limit_is_told_of_what_is_there() -> None:
    state = started()
    burst(state, 1.0, 1)
    state.apply(
        ev.MemoryMeasured(
            at=2.0,
            process=MAIN,
            split=MemorySplit(
                rss=1, python_used=1, python_free=0, c_used=0, c_free=0, files=0, other=0, arenas=1
            ),
        )
    )
    assert reasons(state).keys().isdisjoint({"allocations", "memory split"})


def test_why_the_memory_is_not_split() -> None:
    state = started()
    assert reasons(state)["memory split"] == "it comes with a census: not taken yet"
    state.apply(ev.CensusFailed(at=1.0, process=MAIN, reason="memory is short", retry_s=10.0))
    assert reasons(state)["memory split"] == "it comes with a census: memory is short"
    state.apply(
        ev.CensusBegun(
            at=2.0, process=MAIN, number=1, reason="interval", pause_s=0.1, method="inside"
        )
    )
    state.apply(census_taken(2.0, number=1, objects=10))
    assert reasons(state)["memory split"].startswith("the census was taken in the target")


# The summary


def line_of(state: State, label: str) -> list[str]:
    return [line[9:] for line in summary_lines(state) if line.startswith(label)]


def test_the_summary_names_the_line_that_allocates_most() -> None:
    state = started()
    assert line_of(state, "alloc") == []
    for at in range(1, 21):
        burst(state, float(at), 100_000, 0, 50)
    state.apply(ev.AllocationsSwitched(at=21.0, process=MAIN, mode="burst", frames=0))
    (line,) = line_of(state, "alloc")
    assert line == ("burst, seen 50 % of the time · most /app/hot.py:10 make: 19.1 MiB/s ±<1 %")


def test_the_summary_in_exact_mode_names_the_line_that_has_most() -> None:
    state = started("exact")
    traces(state, 1.0, 30_000, 20_000, 1)
    (line,) = line_of(state, "alloc")
    assert line == "exact: 4.8 MiB in 50,001 blocks · most /app/hot.py:10 make: 4.8 MiB"


def test_the_summary_says_where_memory_grew() -> None:
    state = started()
    for number in range(20):
        at, c_used = 2.5 * number, (100 + 10 * number) * MB
        split = MemorySplit(
            rss=100 * MB + c_used,
            python_used=80 * MB,
            python_free=0,
            c_used=c_used,
            c_free=0,
            files=20 * MB,
            other=0,
        )
        state.apply(ev.MemoryMeasured(at=at, process=MAIN, split=split))
        state.apply(
            ev.ProcessMeasured(
                at=at, process=MAIN, rss=split.rss, peak_rss=split.rss, user_s=0.0, system_s=0.0
            )
        )
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
    state.apply(ev.TracesFailed(at=1.0, process=MAIN, reason="clone: no memory", retry_s=5.0))
    assert reasons(state)["allocations"] == "clone: no memory"
    traces(state, 2.0, 10, 20, 5)
    assert "allocations" not in reasons(state)
    state.apply(ev.TracesFailed(at=3.0, process=MAIN, reason="clone: no memory", retry_s=5.0))
    assert reasons(state)["allocations"] == "not counted again: clone: no memory"
    state = started("exact")
    state.apply(ev.TargetExited(at=0.3, process=MAIN, exit_code=3))
    assert reasons(state)["allocations"] == "the target ended before one was taken"
