"""Allocations in the fold: rates and their errors, live blocks, marks; and all of it is bounded."""

from __future__ import annotations

import random
from math import sqrt

import pytest
from tests.simulate_windows import Program, window

from refwatch.readings.allocations import state as module
from refwatch.readings.allocations.estimates import NOTHING, Estimate, Tally, Windows, estimate
from refwatch.readings.allocations.state import KEEP_GROUPS, UNKNOWN, Allocations, By, Key
from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.readings.objects.state import KEEP_BASELINES
from refwatch.session import events as ev
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

SITES = [
    Site(file="/a.py", line=10, function="make"),
    Site(file="/a.py", line=20, function="work"),
    Site(file="/b.py", line=30, function="main"),
    Site(file="/b.py", line=31, function="main"),
]
TRACEBACKS = [[0, 2], [0, 3], [1, 2], [2]]


def known() -> Allocations:
    """Four tracebacks; the first two allocate at the same line, the first three in one file."""
    allocations = Allocations()
    allocations.saw_sites(ev.SitesSeen(at=0.0, process=MAIN, first=0, sites=SITES))
    allocations.saw_tracebacks(
        ev.TracebacksSeen(at=0.0, process=MAIN, first=0, tracebacks=TRACEBACKS)
    )
    return allocations


def use(traceback: int, blocks: float, size: float, variance: float = 0.0) -> BurstUse:
    return BurstUse(
        traceback=traceback,
        blocks=blocks,
        size=size,
        blocks_variance=variance,
        size_variance=variance * 64,
        kept_blocks=blocks / 2,
        kept_size=size / 2,
    )


def burst(
    allocations: Allocations, at: float, *uses: BurstUse, length: float = 0.5, span: float = 1.0
) -> None:
    allocations.measured_burst(
        ev.BurstMeasured(
            at=at, process=MAIN, window_s=length, span_s=span, uses=list(uses), samples=7
        )
    )


def rates(allocations: Allocations, by: By) -> dict[Key, float]:
    """Bytes per second of each group."""
    windows = allocations.rates_since()
    return {
        key: estimate(
            tally.size, tally.size_variance, tally.size_square, tally.size_time, windows
        ).rate
        for key, tally in allocations.tallies_since(by)
    }


# Bursts


def test_figures_are_added_up_by_line_by_file_and_by_traceback() -> None:
    allocations = known()
    burst(allocations, 1.0, use(0, 10, 1000), use(1, 20, 2000), use(2, 1, 64), use(3, 5, 500))
    burst(allocations, 2.0, use(0, 30, 3000))

    assert rates(allocations, By.LINE) == {0: 6000.0, 1: 64.0, 2: 500.0}
    assert rates(allocations, By.FILE) == {"/a.py": 6064.0, "/b.py": 500.0}
    assert rates(allocations, By.TRACEBACK) == {0: 4000.0, 1: 2000.0, 2: 64.0, 3: 500.0}
    hot = allocations.tallies[By.LINE][0]
    assert (hot.blocks, hot.kept_blocks, hot.kept_size) == (60.0, 30.0, 3000.0)
    assert allocations.windows == Windows(count=2, window_s=1.0, square=0.5, span_s=2.0, samples=14)
    assert allocations.windows.coverage == 0.5


def test_the_squares_are_those_of_a_window_not_of_its_parts() -> None:
    """Two tracebacks of one line that take turns: the line itself is as steady as can be."""
    allocations = known()
    for tick in range(20):
        burst(allocations, tick + 1.0, use(tick % 2, 100, 6400))
    line = allocations.tallies[By.LINE][0]
    assert line.blocks_square == pytest.approx(20 * 100**2)
    whole = estimate(line.blocks, 0, line.blocks_square, line.blocks_time, allocations.windows)
    assert whole.rate == 200.0
    assert whole.error == pytest.approx(0.0, abs=1e-6)
    half = allocations.tallies[By.TRACEBACK][0]
    part = estimate(half.blocks, 0, half.blocks_square, half.blocks_time, allocations.windows)
    assert part.rate == 100.0
    assert part.error > 10


def test_what_no_event_has_described_is_a_question_mark() -> None:
    allocations = Allocations()
    burst(allocations, 1.0, use(5, 10, 1000))
    assert list(allocations.tallies[By.LINE]) == [-1]
    assert list(allocations.tallies[By.FILE]) == ["?"]
    assert allocations.site(-1) == UNKNOWN


def test_a_window_without_length_says_nothing_of_rates() -> None:
    allocations = known()
    burst(allocations, 1.0, use(0, 10, 1000), length=0.0, span=0.0)
    assert len(allocations.rates) == 0
    assert allocations.windows.coverage == 0.0
    assert rates(allocations, By.LINE) == {0: 0.0}


def test_the_series_is_the_rate_of_all() -> None:
    allocations = known()
    burst(allocations, 1.0, use(0, 10, 1000), use(3, 5, 500))
    burst(allocations, 2.0)
    assert list(allocations.rates) == [(1.0, 3000.0, 30.0), (2.0, 0.0, 0.0)]


# How exact


@pytest.mark.parametrize("phase_s", [0.0, 0.2], ids=["steady", "in phases"])
@pytest.mark.parametrize("share", [1.0, 0.05], ids=["every block", "one block of twenty"])
@pytest.mark.parametrize(("coverage", "seconds"), [(0.03, 20.0), (0.3, 5.0), (0.9, 3.0)])
def test_the_true_rate_lies_within_two_errors(
    coverage: float, seconds: float, share: float, phase_s: float
) -> None:
    """In about 95 % of the sessions; and the errors are no wider than need be: those of a steady
    program are not beyond three times what its blocks alone, which come at random, allow."""
    sessions = 200
    within = 0
    width = 0.0
    for seed in range(sessions):
        rng = random.Random(seed)
        program = Program(rng, 2000.0, phase_s)
        allocations = known()
        true = 0
        while program.at < seconds:
            event, allocated = window(rng, program, coverage, share)
            true += allocated
            allocations.measured_burst(event)
        tally = allocations.tallies[By.LINE].get(0, NOTHING)
        found = estimate(
            tally.blocks,
            tally.blocks_variance,
            tally.blocks_square,
            tally.blocks_time,
            allocations.windows,
        )
        within += abs(found.rate - true / program.at) <= 2 * found.error
        width += found.error / sessions
        seen = allocations.windows.window_s
    assert within / sessions > 0.9
    if phase_s == 0:
        assert width < 3 * sqrt(2000 * seen / share) / seen


def test_few_windows_have_wide_errors() -> None:
    def found(*blocks: float) -> Estimate:
        allocations = known()
        for tick, number in enumerate(blocks, 1):
            burst(allocations, float(tick), use(0, number, number), length=0.5, span=10.0)
        tally = allocations.tallies[By.LINE][0]
        windows = allocations.windows
        return estimate(tally.blocks, 0, tally.blocks_square, tally.blocks_time, windows)

    one, two, twelve = found(100), found(90, 110), found(*([90, 110] * 6))
    assert (one.rate, two.rate, twelve.rate) == (200.0, 200.0, 200.0)
    assert one.error == pytest.approx(200 * sqrt(0.95))
    assert two.error > 3 * twelve.error > 0


def test_what_was_seen_whole_has_the_error_of_its_blocks_alone() -> None:
    allocations = known()
    for tick, number in enumerate((10, 500, 3), 1):
        burst(allocations, float(tick), use(0, number, 0, variance=3), length=1.0, span=1.0)
    tally = allocations.tallies[By.LINE][0]
    found = estimate(tally.blocks, 9.0, tally.blocks_square, tally.blocks_time, allocations.windows)
    assert (found.rate, found.error) == (171.0, 1.0)
    assert estimate(1, 1, 1, 1, Windows()) == Estimate(rate=0.0, error=0.0)


# Marks


def test_since_a_mark_only_what_came_after_it_counts() -> None:
    allocations = known()
    burst(allocations, 1.0, use(0, 10, 1000), use(3, 5, 500))
    allocations.mark(1.5, "warm")
    assert list(allocations.tallies_since(By.LINE, allocations.baselines[-1])) == []
    burst(allocations, 2.0, use(0, 30, 3000))

    ((key, since),) = allocations.tallies_since(By.LINE, allocations.baselines[-1])
    assert (key, since.size, since.blocks_square, since.size_time) == (0, 3000.0, 900.0, 1500.0)
    windows = allocations.rates_since(allocations.baselines[-1])
    assert (windows.count, windows.window_s, windows.span_s) == (1, 0.5, 1.0)
    everything = dict(allocations.tallies_since(By.LINE, allocations.baselines[0]))
    assert everything == dict(allocations.tallies_since(By.LINE))
    assert everything[0].size == 4000.0


def test_the_beginning_and_the_newest_marks_are_kept() -> None:
    allocations = known()
    for number in range(30):
        allocations.mark(float(number), f"mark {number}")
    names = [one.name for one in allocations.baselines]
    assert len(names) == KEEP_BASELINES
    assert names[0] == "start"
    assert names[-1] == "mark 29"


# Traces


def traces(at: float, size: int) -> ev.TracesTaken:
    return ev.TracesTaken(
        at=at,
        process=MAIN,
        number=1,
        frames=5,
        traced=size,
        peak=2 * size,
        blocks=9,
        pause_s=0.001,
        took_s=0.1,
        lines=[LineUse(site=0, size=size, count=4)],
        files=[FileUse(file="/a.py", size=size, count=4)],
        tracebacks=[TracebackUse(traceback=1, size=size, count=4)],
    )


def switched(mode: str, frames: int = 1, at: float = 0.0) -> ev.AllocationsSwitched:
    assert mode in {"exact", "burst", "off"}
    return ev.AllocationsSwitched(at=at, process=MAIN, mode=mode, frames=frames)  # type: ignore[arg-type]


def awaited(allocations: Allocations) -> list[bool]:
    return [baseline.awaited for baseline in allocations.baselines]


def test_traces_are_those_of_the_newest_count() -> None:
    allocations = known()
    allocations.took_traces(traces(1.0, 100))
    allocations.took_traces(traces(2.0, 300))
    found = allocations.traces
    assert (found.traced, found.peak, found.blocks, found.frames) == (300, 600, 9, 5)
    assert {by: dict(groups) for by, groups in found.groups.items()} == {
        By.LINE: {0: module.Live(size=300, count=4)},
        By.FILE: {"/a.py": module.Live(size=300, count=4)},
        By.TRACEBACK: {1: module.Live(size=300, count=4)},
    }
    assert list(allocations.traced) == [(1.0, 100.0, 9.0), (2.0, 300.0, 9.0)]


def test_why_a_count_did_not_come_is_said_until_the_next_one_does() -> None:
    allocations = known()
    allocations.failed_traces(
        ev.TracesFailed(at=0.5, process=MAIN, reason="memory is short", retry_s=1.0)
    )
    said = [allocations.failure]
    allocations.took_traces(traces(1.0, 100))
    assert [*said, allocations.failure] == ["memory is short", None]


def test_a_mark_in_exact_mode_has_the_traces_that_are_counted_after_it() -> None:
    allocations = known()
    allocations.switched(switched("exact"))
    allocations.took_traces(traces(1.0, 100))
    allocations.mark(2.0, "warm")
    assert awaited(allocations) == [False, True]
    assert allocations.baselines[-1].traces.traced == 100
    allocations.took_traces(traces(1.9, 150))  # a copy that was made before the mark
    assert awaited(allocations) == [False, True]
    allocations.took_traces(traces(2.1, 200))
    allocations.took_traces(traces(3.0, 300))
    assert awaited(allocations) == [False, False]
    assert allocations.baselines[-1].traces.traced == 200


def test_a_mark_in_burst_mode_awaits_no_traces() -> None:
    allocations = known()
    allocations.switched(switched("burst"))
    allocations.mark(2.0, "warm")
    assert awaited(allocations) == [False, False]


def test_tracing_that_begins_anew_is_compared_with_nothing_before() -> None:
    allocations = known()
    allocations.switched(switched("exact"))
    allocations.took_traces(traces(1.0, 100))
    allocations.mark(1.5, "first")
    allocations.took_traces(traces(2.0, 200))
    allocations.switched(switched("exact", at=2.5))  # the same once more: a note has changed
    assert allocations.baselines[-1].traces.traced == 200
    allocations.mark(3.0, "second")
    allocations.switched(switched("off", at=3.5))
    assert allocations.traces.traced == 200  # still to be looked at
    allocations.switched(switched("exact", at=4.0))
    assert allocations.traces.traced == 0
    assert [one.traces.traced for one in allocations.baselines] == [0, 0, 0]
    allocations.took_traces(traces(5.0, 50))
    assert [one.traces.traced for one in allocations.baselines] == [0, 0, 0]
    allocations.switched(switched("exact", frames=9, at=6.0))
    assert allocations.traces.traced == 0


def test_the_mode_is_the_one_switched_to_last() -> None:
    allocations = known()
    assert (allocations.mode, allocations.switched_s) == ("off", None)
    allocations.switched(
        ev.AllocationsSwitched(at=1.5, process=MAIN, mode="exact", frames=25, note="its own")
    )
    assert (allocations.mode, allocations.frames, allocations.note) == ("exact", 25, "its own")
    assert allocations.switched_s == 1.5


# Where the memory is


def test_the_split_is_kept_over_time() -> None:
    allocations = known()
    split = MemorySplit(
        rss=100,
        python_used=40,
        python_free=10,
        c_used=None,
        c_free=None,
        files=20,
        other=30,
        arenas=1,
    )
    allocations.measured_memory(ev.MemoryMeasured(at=2.0, process=MAIN, split=split))
    assert (allocations.split, allocations.split_s) == (split, 2.0)
    assert list(allocations.splits) == [(2.0, 40.0, 10.0, 0.0, 0.0, 20.0, 30.0)]


# Bounds


def test_of_too_many_groups_the_largest_are_kept() -> None:
    allocations = Allocations()
    allocations.mark(0.0, "warm")
    number = 2 * KEEP_GROUPS + 1
    burst(allocations, 1.0, *(use(n, 1, n) for n in range(1, number)))
    assert len(allocations.tallies[By.TRACEBACK]) == 2 * KEEP_GROUPS
    burst(allocations, 2.0, use(number, 1, number))
    kept = allocations.tallies[By.TRACEBACK]
    assert len(kept) == KEEP_GROUPS
    assert min(int(key) for key in kept) == number - KEEP_GROUPS + 1


def test_a_group_that_was_forgotten_counts_anew_when_it_comes_back() -> None:
    allocations = Allocations()
    burst(allocations, 1.0, use(0, 100, 1))
    allocations.mark(1.5, "warm")
    burst(allocations, 2.0, *(use(n, 1, 1000) for n in range(1, 2 * KEEP_GROUPS + 2)))
    assert 0 not in allocations.tallies[By.TRACEBACK]
    burst(allocations, 3.0, use(0, 7, 70))
    since = dict(allocations.tallies_since(By.TRACEBACK, allocations.baselines[-1]))
    assert since[0] == Tally(
        blocks=7,
        size=70,
        blocks_variance=0,
        size_variance=0,
        kept_blocks=3.5,
        kept_size=35,
        blocks_square=49,
        size_square=4900,
        blocks_time=3.5,
        size_time=35,
    )


def test_numbers_that_nobody_speaks_of_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_NUMBERED", 100)
    allocations = Allocations()
    for first in range(0, 1000, 10):
        sites = [
            Site(file="/gen.py", line=number, function="f") for number in range(first, first + 10)
        ]
        allocations.saw_sites(ev.SitesSeen(at=0.0, process=MAIN, first=first, sites=sites))
        tracebacks = [[number, 3] for number in range(first, first + 10)]
        allocations.saw_tracebacks(
            ev.TracebacksSeen(at=0.0, process=MAIN, first=first, tracebacks=tracebacks)
        )
        if first == 20:
            burst(allocations, 1.0, use(25, 1, 64))
            allocations.took_traces(traces(1.0, 100))  # of line 0 and traceback 1
            allocations.mark(1.0, "warm")
        if first == 500:
            allocations.took_traces(
                ev.TracesTaken(
                    at=2.0,
                    process=MAIN,
                    number=2,
                    frames=1,
                    traced=0,
                    peak=0,
                    blocks=0,
                    pause_s=0.0,
                    took_s=0.0,
                    lines=[],
                    files=[],
                    tracebacks=[],
                )
            )
    assert len(allocations.tracebacks) <= 200 + 2
    assert len(allocations.sites) <= 200 + 4
    assert {25, 1} | set(range(900, 1000)) <= allocations.tracebacks.keys()
    assert {25, 0, 3} | set(range(900, 1000)) <= allocations.sites.keys()
    assert allocations.sites[25].line == 25
