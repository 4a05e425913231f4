"""The sampling rate follows what the machine can afford; time and load are told, not measured."""

from __future__ import annotations

import pytest

from refwatch.readings.threads import rate_controller as pace
from refwatch.readings.threads.rate_controller import RateController
from refwatch.target.proc import machine_times


class Machine:
    """A clock, and how much of the machine is idle."""

    def __init__(self) -> None:
        self.now = 100.0
        self.idle, self.total = 0.0, 0.0
        self.cpu = 5.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.cpu

    def times(self) -> tuple[float, float]:
        return self.idle, self.total

    def sample(
        self, paced: RateController, each_s: float, idle: float, rest: float = 0.0
    ) -> str | None:
        """Half a second of samples that cost ``each_s`` CPU time, and of all else that the daemon
        does, which takes the share ``rest``; then a review."""
        seconds = 0.5
        self.cpu += seconds * (rest + paced.rate_hz * each_s)
        for _ in range(max(1, int(paced.rate_hz * seconds))):
            paced.sampled(max(0, int(each_s * 1e9) - pace.WAKE_NS))
        self.now += seconds
        self.total += 200 * seconds
        self.idle += 200 * seconds * idle
        return paced.review()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(pace, "time", machine)
    monkeypatch.setattr(pace, "machine_times", machine.times)
    return machine


def settle(
    machine: Machine, paced: RateController, each_s: float, idle: float, rest: float = 0.0
) -> list[str]:
    reasons = [machine.sample(paced, each_s, idle, rest) for _ in range(30)]
    return [reason for reason in reasons if reason]


def test_cheap_samples_are_taken_as_often_as_asked_for(machine: Machine) -> None:
    paced = RateController(1000.0)
    assert settle(machine, paced, each_s=pace.BUDGET / 2000, idle=0.5) == []
    assert paced.rate_hz == 1000.0


def test_dear_samples_are_taken_as_the_budget_allows(machine: Machine) -> None:
    paced = RateController(1000.0)
    each_s = pace.BUDGET / 400

    reasons = settle(machine, paced, each_s, idle=0.5)

    assert paced.rate_hz * each_s == pytest.approx(pace.BUDGET, rel=0.25)
    assert "of a core" in reasons[0]
    assert len(reasons) <= 3  # it settles


def test_a_busy_machine_is_given_way_to(machine: Machine) -> None:
    paced = RateController(1000.0)
    each_s = pace.BUSY_BUDGET / 500

    reasons = settle(machine, paced, each_s, idle=0.0)

    assert paced.rate_hz * each_s == pytest.approx(pace.BUSY_BUDGET, rel=0.25)
    assert "no core is idle" in reasons[-1]


def test_what_else_the_daemon_does_comes_off(machine: Machine) -> None:
    paced = RateController(1000.0)
    each_s = 60e-6

    reasons = settle(machine, paced, each_s, idle=0.5, rest=0.045)

    assert paced.rate_hz * each_s + 0.045 == pytest.approx(pace.BUDGET, rel=0.12)
    assert paced.rate_hz < 950
    assert len(reasons) <= 1
    settle(machine, paced, each_s, idle=0.5, rest=0.3)
    assert paced.rate_hz * each_s == pytest.approx(pace.LEAST_BUDGET, rel=0.12)
    settle(machine, paced, each_s, idle=0.5)
    assert paced.rate_hz == 1000.0


def test_a_snapshot_that_is_written_is_no_reason(machine: Machine) -> None:
    paced = RateController(1000.0)
    for number in range(40):
        machine.sample(paced, each_s=60e-6, idle=0.5, rest=0.5 if number % 4 == 3 else 0.01)
        assert paced.rate_hz == 1000.0


def test_one_busy_moment_is_not_a_busy_machine(machine: Machine) -> None:
    paced = RateController(1000.0)
    each_s = pace.BUDGET / 1100
    for _ in range(5):
        assert machine.sample(paced, each_s, idle=0.0) is None
        assert machine.sample(paced, each_s, idle=0.9) is None
    assert paced.rate_hz == 1000.0


def test_it_comes_back_when_there_is_room(machine: Machine) -> None:
    paced = RateController(1000.0)
    settle(machine, paced, each_s=pace.BUDGET / 200, idle=0.5)
    assert paced.rate_hz < 300

    reasons = settle(machine, paced, each_s=pace.BUDGET / 5000, idle=0.5)

    assert paced.rate_hz == 1000.0
    assert "room" in reasons[0]


def test_it_never_goes_below_what_shows_something(machine: Machine) -> None:
    paced = RateController(1000.0)
    settle(machine, paced, each_s=pace.BUSY_BUDGET / 20, idle=0.0)
    assert paced.rate_hz >= min(pace.LOWEST_HZ, pace.BUDGET / (pace.BUSY_BUDGET / 20)) * 0.9


def test_a_low_rate_that_was_asked_for_is_kept(machine: Machine) -> None:
    paced = RateController(10.0)
    assert settle(machine, paced, each_s=pace.BUDGET / 5000, idle=0.5) == []
    assert paced.rate_hz == 10.0


def test_nothing_is_said_without_samples(machine: Machine) -> None:
    paced = RateController(1000.0)
    machine.now += 10
    assert paced.review() is None
    assert paced.rate_hz == 1000.0


def test_a_machine_that_tells_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "machine_times", lambda: (0.0, 0.0))
    paced = RateController(1000.0)
    settle(machine, paced, each_s=pace.BUDGET / 2000, idle=0.5)
    assert paced.rate_hz == 1000.0


def test_this_machine_tells_its_times() -> None:
    idle, total = machine_times()
    assert 0 <= idle <= total
    assert total > 0


def test_while_no_thread_runs_looks_become_rarer_step_by_step() -> None:
    paced = RateController(1000.0)
    waits = [paced.rest() for _ in range(60)]
    assert waits == sorted(waits)
    assert all(wait <= max(paced.period_ns, sum(waits[:n]) / 8) for n, wait in enumerate(waits))
    assert waits[0] < pace.RESTING_NS == waits[-1]
    assert paced.resting
    paced.wake()
    assert paced.rest() == waits[0]


def test_few_dear_samples_between_rests_do_not_lower_the_rate(machine: Machine) -> None:
    paced = RateController(1000.0)
    for _ in range(10):
        paced.rest()
        for _ in range(20):
            paced.sampled(250_000)
        machine.now += 2.5
        machine.total += 500
        machine.idle += 450
        paced.review()
    assert paced.rate_hz == 1000.0


def test_after_a_long_rest_looks_are_rarer_still() -> None:
    rate = RateController(400.0)
    waits: list[int] = []
    while sum(waits) < 5 * 10**9:
        waits.append(rate.rest())
    assert waits == sorted(waits)
    assert 20_000_000 in waits
    assert waits[-1] == 50_000_000
    rate.wake()
    assert rate.rest() < 10_000_000
