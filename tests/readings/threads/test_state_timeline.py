"""A strip shows what filled each piece of time, and nothing where nothing is known."""

from __future__ import annotations

import random

import pytest

from refwatch.readings.threads.state_timeline import StateTimeline
from refwatch.readings.threads.states import ThreadState as S
from refwatch.readings.threads.states import encode_runs


def test_a_cell_is_the_state_that_filled_most_of_it() -> None:
    strip = StateTimeline()
    strip.add(1.0, "h300000w700000")  # 0.0 to 0.3 held, then waiting
    assert strip.cells(0.0, 1.0, 10) == [S.GIL_HELD] * 3 + [S.GIL_WAIT] * 7
    assert strip.cells(0.0, 1.0, 1) == [S.GIL_WAIT]
    assert strip.cells(0.2, 0.5, 1) == [S.GIL_WAIT]
    assert strip.cells(0.1, 0.4, 1) == [S.GIL_HELD]


def test_a_gap_is_none() -> None:
    strip = StateTimeline()
    strip.add(1.0, "s500000")
    strip.add(3.0, "i1000000")
    assert strip.cells(0.0, 4.0, 8) == [None, S.SLEEP, None, None, S.IO_WAIT, S.IO_WAIT, None, None]


def test_an_empty_or_backward_window_has_no_state() -> None:
    strip = StateTimeline()
    assert strip.cells(0.0, 1.0, 3) == [None] * 3
    strip.add(1.0, "h1000000")
    assert strip.cells(1.0, 1.0, 2) == [None] * 2
    assert strip.last() is S.GIL_HELD


@pytest.mark.parametrize("seed", range(10))
def test_runs_cover_each_state_for_its_time(seed: int) -> None:
    rng = random.Random(seed)
    strip, at = StateTimeline(keep_s=100.0), 0.0
    expected: dict[S, float] = {}
    for _ in range(100):
        runs = [(rng.choice(list(S)), rng.randrange(1, 30_000)) for _ in range(20)]
        at += sum(micros for _, micros in runs) / 1e6
        strip.add(at, encode_runs(runs))
        for state, micros in runs:
            expected[state] = expected.get(state, 0.0) + micros / 1e6
    found: dict[S, float] = {}
    for start, end, state in strip.runs(0.0, at):
        found[state] = found.get(state, 0.0) + end - start
    assert found == pytest.approx(expected)
    assert all(strip.cells(0.0, at, 500))


@pytest.mark.parametrize("seed", range(10))
def test_cells_agree_with_a_plain_count(seed: int) -> None:
    rng = random.Random(seed)
    strip = StateTimeline()
    states = [rng.choice([S.GIL_HELD, S.GIL_WAIT, S.SLEEP]) for _ in range(400)]
    for tick in range(0, 400, 10):
        strip.add((tick + 10) / 1000, encode_runs((s, 1000) for s in states[tick : tick + 10]))
    for cell, got in enumerate(strip.cells(0.0, 0.4, 80)):
        piece = states[cell * 5 : cell * 5 + 5]
        assert got is not None
        assert piece.count(got) == max(map(piece.count, piece))


def test_old_slices_are_dropped() -> None:
    strip = StateTimeline(keep_s=2.0)
    for tick in range(1, 101):
        strip.add(tick / 10, "h100000")
    assert len(strip.runs(0.0, 11.0)) == 21
    assert strip.cells(7.0, 7.5, 1) == [None]
    assert strip.cells(9.0, 9.5, 1) == [S.GIL_HELD]
    strip.drop_before(20.0)
    assert not strip
    assert strip.last() is None


def test_looking_at_more_than_is_cached_is_right_and_repeatable() -> None:
    strip = StateTimeline()
    for tick in range(1, 301):
        strip.add(tick / 10, "h50000w50000")
    first = strip.cells(0.0, 30.0, 600)
    assert first == [S.GIL_HELD, S.GIL_WAIT] * 300
    assert strip.cells(0.0, 30.0, 600) == first
