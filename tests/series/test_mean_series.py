"""A series is bounded, spans its whole life, and keeps its mean."""

from __future__ import annotations

import itertools
import random

import pytest

from refwatch.series.mean_series import MeanSeries


def weighted_mean(series: MeanSeries) -> float:
    weights = series.weights()
    return sum(v * w for v, w in zip(series.column(0), weights, strict=True)) / sum(weights)


@pytest.mark.parametrize("limit", [2, 3, 7, 600])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_bounded_spans_its_life_and_keeps_the_mean(limit: int, seed: int) -> None:
    rng = random.Random(seed)
    series = MeanSeries(1, limit=limit, span=0.1)
    at, total, weights = 5.0, 0.0, 0.0
    for _ in range(rng.randrange(1, 5000)):
        value, weight = rng.uniform(-5, 100), rng.uniform(0.01, 2)
        series.add(at, value, weight=weight)
        total, weights = total + value * weight, weights + weight
        assert len(series) <= limit
        newest, at = at, at + rng.expovariate(10)
    times = [point[0] for point in series]
    assert times[0] == 5.0
    assert newest - times[-1] <= series.span
    assert times == sorted(times)
    assert weighted_mean(series) == pytest.approx(total / weights)


def test_points_stay_evenly_spread() -> None:
    series = MeanSeries(1, limit=100, span=0.1)
    for tick in range(36_000):
        series.add(tick / 10, 1.0)
    times = [point[0] for point in series]
    gaps = {round(b - a, 6) for a, b in itertools.pairwise(times)}
    assert gaps == {series.span}
    assert len(series) >= 50


def test_the_newest_value_is_in_the_last_point() -> None:
    series = MeanSeries(2, span=1.0)
    assert series.last() is None
    series.add(0.0, 1.0, 10.0)
    series.add(0.5, 3.0, 30.0)
    assert series.last() == (0.0, 2.0, 20.0)
    series.add(1.0, 9.0, 90.0)
    assert series.last() == (1.0, 9.0, 90.0)
    assert series.column(1) == [20.0, 90.0]


def test_it_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(ValueError, match="two points"):
        MeanSeries(1, limit=1)
    with pytest.raises(ValueError, match="2 values expected, not 1"):
        MeanSeries(2).add(0.0, 1.0)
