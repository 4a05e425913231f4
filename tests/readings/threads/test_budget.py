"""What the processes of a session may cost together."""

from __future__ import annotations

import pytest

from refwatch.readings.threads import budget
from refwatch.readings.threads.budget import SamplingBudget


def told(number: int, share: float = 0.05) -> tuple[SamplingBudget, list[object]]:
    shared, members = SamplingBudget(), [object() for _ in range(number)]
    for member in members:
        shared.tell(member, share)
    return shared, members


def test_one_alone_has_all() -> None:
    shared, _ = told(1)
    assert shared.part(shared.total(0.08)) == 0.08
    assert SamplingBudget().part(SamplingBudget().total(0.08)) == 0.08
    assert shared.stretch == 1.0


def test_more_have_more_together_and_less_each() -> None:
    parts = [shared.part(shared.total(0.08)) for shared, _ in map(told, (1, 2, 4, 16, 100))]
    assert parts == sorted(parts, reverse=True)
    totals = [shared.total(0.08) for shared, _ in map(told, (1, 2, 4, 16, 100))]
    assert totals == sorted(totals)
    assert totals[2] == pytest.approx(0.16)
    assert totals[-1] == budget.MOST


def test_those_that_rest_take_no_part_and_those_that_leave_count_no_more() -> None:
    shared, members = told(4)
    assert shared.others(members[0]) == pytest.approx(0.15)
    shared.tell(members[1], 0.0)
    shared.leave(members[2])
    assert shared.others(members[0]) == pytest.approx(0.05)
    assert shared.part(1.0) == 0.5
    shared.leave(members[2])


def test_many_are_read_more_rarely() -> None:
    assert told(budget.FEW)[0].stretch == 1.0
    assert told(5 * budget.FEW)[0].stretch == 5.0


def test_what_costs_too_much_with_many_is_read_more_rarely_still_until_it_does_not() -> None:
    shared, _ = told(16, share=0.01)
    now = cpu = 0.0

    def review(share: float) -> float:
        nonlocal now, cpu
        now, cpu = now + 1.0, cpu + share
        shared.review(now, cpu)
        return shared.stretch

    assert review(0.0) == 2.0
    sampling = 16 * 0.01
    slower = [review(sampling + 2 * budget.REST) for _ in range(3)]
    assert slower == pytest.approx([3.0, 4.5, 6.75])
    assert review(sampling + budget.REST) == pytest.approx(6.75)
    assert max(review(9.0) for _ in range(20)) == 2.0 * budget.SLOWEST
    assert [review(sampling) for _ in range(30)][-1] == 2.0


def test_few_are_read_as_often_whatever_it_costs() -> None:
    shared, _ = told(budget.FEW)
    for second in range(10):
        shared.review(float(second), 0.9 * second)
    assert shared.stretch == 1.0
