"""Windows stay within the budget, and sample neither too much nor too little."""

from __future__ import annotations

import pytest

from refwatch.readings.allocations.window_plan import (
    LEAST_WINDOW_NS,
    WANTED,
    WINDOW_COST_S,
    WINDOW_NS,
    WindowPlan,
)

SECOND = 1_000_000_000


def run(plan: WindowPlan, share: float, seconds: int) -> float:
    """Windows that cost this share of their time, one after another; the share of all time that
    was spent on them in the second half."""
    now, spent = 0, 0.0
    plan.begin(now)
    while now < seconds * SECOND:
        window_s = plan.length_ns / 1e9
        now += plan.length_ns
        plan.account(window_s, share * window_s, now)
        if now > seconds * SECOND / 2:
            spent += share * window_s
        if not plan.continuous:
            now += plan.gap_ns(plan.coverage)
    return spent / (seconds / 2)


@pytest.mark.parametrize("share", [0.05, 0.3, 2.0])
def test_the_budget_holds(share: float) -> None:
    assert run(WindowPlan(0.03), share, 4000) == pytest.approx(0.03, rel=0.2)


def test_what_costs_little_is_covered_whole() -> None:
    plan = WindowPlan(0.03)
    run(plan, 0.01, 20)
    assert plan.continuous
    assert plan.length_ns == WINDOW_NS


def test_no_window_costs_much() -> None:
    plan = WindowPlan(0.03)
    run(plan, 0.2, 20)
    assert plan.length_ns == pytest.approx(WINDOW_COST_S / 0.2 * 1e9, rel=0.01)
    run(plan, 10.0, 100)
    assert plan.length_ns == LEAST_WINDOW_NS


def test_the_mean_follows_the_number_of_blocks() -> None:
    plan = WindowPlan(0.03)
    before = plan.mean
    plan.adapt(plan.length_ns / 1e9, 100 * WANTED, before, followed=True)
    many = plan.mean
    assert many > 10 * before
    plan.adapt(plan.length_ns / 1e9, 1, many, followed=True)
    assert plan.mean == many // 16


def test_frees_are_followed_at_first() -> None:
    plan = WindowPlan(0.03)
    for _ in range(3):
        plan.adapt(1.0, WANTED, plan.mean, followed=plan.follow)
        assert plan.follow


def test_with_many_processes_windows_come_more_rarely() -> None:
    plan = WindowPlan(0.02)
    plan.begin(0)
    plan.account(0.5, 0.0, 500_000_000)
    assert plan.continuous
    plan.account(0.5, 0.0, 1_000_000_000, stretch=4.0)
    assert plan.coverage == 0.25
    assert not plan.continuous
