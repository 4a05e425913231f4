"""What the processes of a session may cost together."""

from __future__ import annotations

import pytest

from refwatch.readings.threads import budget
from refwatch.readings.threads.budget import SamplingBudget
from refwatch.readings.threads.rate_controller import RateController


def told(number: int, share: float = 0.05) -> tuple[SamplingBudget, list[object]]:
    shared, members = SamplingBudget(), [object() for _ in range(number)]
    for member in members:
        shared.tell(member, share, 1e-4)
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
    shared.tell(members[1], 0.0, 1e-4)
    shared.leave(members[2])
    assert shared.others(members[0]) == pytest.approx(0.05)
    assert shared.part(1.0) == 0.5
    shared.leave(members[2])


def test_many_are_read_more_rarely() -> None:
    assert told(budget.FEW)[0].stretch == 1.0
    assert told(5 * budget.FEW)[0].stretch == 5.0


class Day:
    """A daemon that uses a share of a core for some time, on a machine that is idle or busy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.now = self.cpu = self.idle = 0.0
        monkeypatch.setattr(budget, "machine_times", lambda: (self.idle, self.now * 100))
        self.shared, _ = told(number, share=0.01)
        self.shared.review(self.now, self.cpu)

    def passes(self, share: float, *, busy: bool = False) -> float:
        """Half a second; the pressure then."""
        self.now += 0.5
        self.cpu += 0.5 * share
        self.idle += 0.0 if busy else 25.0
        self.shared.review(self.now, self.cpu)
        return self.shared.stretch


def test_what_costs_too_much_is_read_more_rarely_until_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = Day(monkeypatch, 3)
    limit = 2 * budget.TOTAL
    controller = RateController(1000.0, day.shared)  # the fourth
    usual_hz = controller.rate_hz
    assert day.passes(limit) == 1.0
    assert [day.passes(9.0) for _ in range(3)] == pytest.approx([2.0, 4.0, 4.0])
    assert controller.rate_hz == pytest.approx(usual_hz / 4.0)
    assert day.passes(limit) == pytest.approx(4.0)
    assert max(day.passes(9.0) for _ in range(20)) == budget.HIGHEST
    assert [day.passes(0.0) for _ in range(40)][-1] == 1.0


def test_many_have_a_bound_and_on_a_busy_machine_a_lower_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = Day(monkeypatch, 100)
    usual = 100 / budget.FEW
    assert day.passes(budget.MOST_TOTAL) == pytest.approx(usual)
    assert day.passes(1.2 * budget.MOST_TOTAL) == pytest.approx(1.2 * usual)
    day = Day(monkeypatch, 2)
    assert day.passes(budget.BUSY_TOTAL, busy=True) == 1.0
    assert day.passes(1.3 * budget.BUSY_TOTAL, busy=True) == pytest.approx(1.3)
    day = Day(monkeypatch, 8)
    assert day.passes(0.01, busy=True) == 4.0
    assert day.shared.copying == 8.0
    assert day.passes(0.01) == 1.0
    assert day.shared.copying == 1.0


def test_one_alone_is_read_as_often_whatever_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(monkeypatch, 1)
    assert {day.passes(0.9, busy=busy) for busy in (True, False, True)} == {1.0}


def test_one_of_several_begins_with_its_part() -> None:
    shared, members = told(3)
    assert shared.join(object(), 1000.0, 0.1) == pytest.approx(0.1 * 2 / 4 / 1e-4)
    assert SamplingBudget().join(members[0], 1000.0, 0.1) == 1000.0
