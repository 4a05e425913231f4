"""Durations are kept by their order of size."""

from __future__ import annotations

import random

import pytest

from refwatch.series.log_histogram import LAST, LogHistogram, bucket_of, seconds_of


@pytest.mark.parametrize("ns", [1_000, 1_500, 5_000_000, 60_000_000_000, 3_600_000_000_000])
def test_a_bucket_is_a_tenth_wide(ns: int) -> None:
    assert seconds_of(bucket_of(ns)) == pytest.approx(ns / 1e9, rel=0.05)


def test_the_ends() -> None:
    assert bucket_of(0) == bucket_of(999) == 0
    assert bucket_of(10**18) == LAST


def test_quantiles_are_those_of_the_durations() -> None:
    dice = random.Random(5)
    known = sorted(dice.lognormvariate(16, 1.5) for _ in range(5_000))
    histogram = LogHistogram()
    for ns in known:
        histogram.add({bucket_of(ns): 1}, ns / 1e9)
    for part in (0.5, 0.9, 0.99):
        expected = known[round(part * len(known)) - 1] / 1e9
        assert histogram.quantile(part) == pytest.approx(expected, rel=0.1)
    assert histogram.longest_s == known[-1] / 1e9
    assert histogram.quantile(1.0) == pytest.approx(histogram.longest_s, rel=0.1)


def test_of_nothing_there_is_none() -> None:
    assert LogHistogram().quantile(0.5) is None
