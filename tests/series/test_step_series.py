"""Steps are bounded, span their whole life, and are exact where it matters."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import pairwise
from math import inf

import pytest

from refwatch.series.step_series import LARGEST, PointBudget, StepSeries


def filled(points: list[tuple[float, int]], limit: int = 600) -> StepSeries:
    steps = StepSeries(limit)
    for at, count in points:
        steps.add(at, count)
    return steps


def a_walk(seed: int, length: int) -> list[tuple[float, int]]:
    """Changes at random times, some of them to the same count."""
    rng = random.Random(seed)
    at, count = rng.uniform(0, 5), 100
    points: list[tuple[float, int]] = []
    for _ in range(length):
        points.append((at, count))
        at += rng.choice([0.05, rng.expovariate(1), rng.expovariate(0.05)])
        count += rng.choice([-3, 0, 1, 2])
    return points


def truth(points: list[tuple[float, int]], at: float) -> int:
    return points[bisect_right([time for time, _ in points], at) - 1][1]


@pytest.mark.parametrize("limit", [4, 8, 48, 300])
@pytest.mark.parametrize("seed", range(4))
def test_they_are_bounded_and_each_point_is_true(seed: int, limit: int) -> None:
    points = a_walk(seed, 3000)
    steps = StepSeries(limit)
    for number, (at, count) in enumerate(points):
        steps.add(at, count)
        if number % 97 == 0 or number > 2990:
            kept = list(steps)
            assert len(kept) == len(steps) <= limit
            assert kept[0] == points[0]
            assert (steps.first(), steps.last()) == (points[0][1], count)
            assert all(before[1] != after[1] for before, after in pairwise(kept))
            assert [time for time, _ in kept] == sorted(time for time, _ in kept)
            assert all(truth(points[: number + 1], time) == held for time, held in kept)


@pytest.mark.parametrize("limit", [48, 300])
def test_the_newest_stay_and_the_others_are_spread_over_their_time(limit: int) -> None:
    points = [(number / 10, number) for number in range(36_000)]
    steps = filled(points, limit)
    assert list(steps)[-limit // 4 :] == points[-limit // 4 :]
    old = [at for at, _ in list(steps)[: -limit // 2]]
    gaps = [after - before for before, after in pairwise(old)]
    assert len(old) >= limit // 8
    assert max(gaps) <= 8 * 3600 / limit


def test_between_two_points_it_is_the_first_of_them() -> None:
    steps = filled([(1.0, 5), (2.0, 7), (2.5, 7), (4.0, 0)])
    assert len(steps) == 3
    asked = [0.0, 0.999, 1.0, 1.5, 2.0, 3.999, 4.0, 100.0]
    expected = [None, None, 5, 5, 7, 7, 0, 0]
    assert [steps.at(time) for time in asked] == expected
    assert steps.at_each(asked) == expected
    assert steps.resampled(0.0, 5.0, 5) == [5, 7, 7, 0, 0]
    assert steps.resampled(0.0, 5.0, 0) == []
    assert steps.between(1.5, 4.0) == [5, 7]
    assert steps.between(0.0, 9.0) == [5, 7, 0]
    assert steps.between(4.0, 9.0) == [0]


def test_a_rate_is_the_mean_over_the_last_seconds() -> None:
    steps = filled([(float(second), 10 * second) for second in range(21)])
    assert steps.per_second(20.0, 5.0) == pytest.approx(10.0)
    assert steps.per_second(20.0, 100.0) == pytest.approx(10.0)
    assert steps.per_second(30.0, 20.0) == pytest.approx(5.0)  # it has stood still for ten
    assert steps.per_second(30.0, 5.0) == 0.0
    assert StepSeries().per_second(3.0, 5.0) == 0.0
    assert filled([(3.0, 8)]).per_second(3.0, 5.0) == 0.0


def test_across_a_gap_that_thinning_made_it_is_near_a_straight_line() -> None:
    steps = filled([(number / 10, number) for number in range(36_000)], limit=48)
    for time in range(0, 3500, 7):
        assert steps.near(float(time)) == pytest.approx(10.0 * time, abs=1.0)


def test_what_held_for_long_is_no_gap() -> None:
    steps = filled([(0.0, 1), (1.0, 2), *((1000.0 + n, n) for n in range(3, 60))], limit=48)
    assert steps.near(500.0) == 2
    assert steps.near(-1.0) == 0.0


def test_until_when_it_was_at_its_lowest() -> None:
    assert filled([(1.0, 3), (2.0, 0), (3.0, 4), (5.0, 9)]).lowest_until() == 3.0
    assert filled([(1.0, 3), (2.0, 0)]).lowest_until() == inf
    assert StepSeries().lowest_until() == inf


def test_odd_times_and_counts() -> None:
    steps = filled([(2.0, 1), (1.0, 5), (3.0, 1 << 70), (4.0, -(1 << 70))])
    assert list(steps) == [(2.0, 1), (2.0, 5), (3.0, LARGEST), (4.0, -LARGEST)]
    with pytest.raises(ValueError, match="four points"):
        StepSeries(3)


def test_of_many_the_first_that_need_it_are_long() -> None:
    room = PointBudget(2, 100)
    series = [StepSeries(10, room) for _ in range(4)]
    for steps in series[1:]:
        for number in range(200):
            steps.add(float(number), number)
    assert [steps.limit for steps in series] == [10, 100, 100, 10]
    assert room.left == 0
    series[1].leave()
    assert room.left == 1
