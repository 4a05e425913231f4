"""Holds of the GIL and waits for it, one by one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.events import GilSlice
from refwatch.readings.threads.gil_account import GilAccount
from refwatch.readings.threads.interpreter import GilWords
from refwatch.readings.threads.states import ThreadState as S
from refwatch.series.log_histogram import seconds_of

MS = 1_000_000
THREADS = SimpleNamespace(by_tid={1: SimpleNamespace(blocked=S.GIL_WAIT, gil=0)})


def thread(serial: int, *, probe: bool = False) -> SimpleNamespace:
    return SimpleNamespace(serial=serial, line=10 * serial, probe=probe)


class Gil:
    """A GIL that is sampled once a millisecond."""

    def __init__(self) -> None:
        self.account = GilAccount()
        self._ms = 0
        self._switches = 7

    def samples(self, count: int, holder: SimpleNamespace | None, handoffs: int = 0) -> None:
        """So many samples that find this holder; before the first there were these handoffs."""
        self._switches += handoffs
        for _ in range(count):
            self._ms += 1
            words = GilWords(5000, 1, int(holder is not None), self._switches, 0)
            now, last = self._ms * MS, (self._ms - 1) * MS
            self.account.seen(words, holder, now, last, THREADS)  # type: ignore[arg-type]

    def slice(self) -> GilSlice:
        words = GilWords(5000, 1, 1, self._switches, 0)
        told = self.account.slice(
            words, self._ms * MS, THREADS, wait_s=0.0, reads_collector=True  # type: ignore[arg-type]
        )  # fmt: skip
        assert told is not None
        return told


def lengths(counts: dict[int, int]) -> list[float]:
    """In milliseconds."""
    return [seconds_of(each) * 1000 for each, count in sorted(counts.items()) for _ in range(count)]


def test_a_hold_ends_with_a_handoff() -> None:
    gil, first, second = Gil(), thread(1), thread(2)
    gil.samples(1, None)
    gil.samples(20, first)
    gil.samples(5, second, handoffs=1)
    gil.samples(3, first, handoffs=1)
    told = gil.slice()
    assert lengths(told.holds) == pytest.approx([5.0, 20.0], rel=0.06)
    assert told.longest_held_s == pytest.approx(0.020, abs=0.001)
    assert dict(told.hold_lines) == pytest.approx({10: 0.020, 20: 0.005}, abs=0.001)
    assert told.handoffs == 2
    assert told.held_s == pytest.approx(0.028)
    assert gil.slice().holds == {}


def test_who_lets_it_go_and_takes_it_again_has_held_it_all_the_time() -> None:
    gil, first, second = Gil(), thread(1), thread(2)
    gil.samples(10, first)
    gil.samples(10, second, handoffs=1)
    assert len(lengths(gil.slice().holds)) == 1


def test_the_next_one_waits_for_a_cpu_before_it_has_the_gil() -> None:
    gil, first, second = Gil(), thread(1), thread(2)
    gil.samples(20, first)
    gil.samples(4, None)
    gil.samples(5, second, handoffs=1)
    gil.samples(1, first, handoffs=1)
    told = gil.slice()
    assert lengths(told.holds) == pytest.approx([5.0, 20.0], rel=0.06)
    assert dict(told.hold_lines) == pytest.approx({10: 0.020, 20: 0.005}, abs=0.001)


def test_who_takes_it_again_before_the_one_that_waits_has_handed_nothing_over() -> None:
    gil, first, second = Gil(), thread(1), thread(2)
    gil.samples(20, first)
    gil.samples(2, None)
    gil.samples(3, first)
    assert gil.slice().holds == {}
    gil.samples(1, second, handoffs=1)
    assert lengths(gil.slice().holds) == pytest.approx([3.0], rel=0.1)


def test_many_handoffs_between_two_samples() -> None:
    gil, first, second = Gil(), thread(1), thread(2)
    gil.samples(10, first)
    gil.samples(1, second, handoffs=9)
    found = lengths(gil.slice().holds)
    assert len(found) == 9
    assert found[:8] == pytest.approx([0.1] * 8, rel=0.06)


def test_what_the_probe_holds_is_none_of_the_program_s() -> None:
    gil = Gil()
    gil.samples(10, thread(1, probe=True))
    gil.samples(1, thread(2), handoffs=1)
    assert gil.slice().holds == {}


def test_a_wait_lasts_from_wanting_to_having() -> None:
    account = TimeAccount()
    for state, ms in [(S.GIL_WAIT, 5), (S.CPU_WAIT, 1), (S.GIL_WAIT, 4), (S.GIL_HELD, 5)]:
        account.assign(state, ms * MS, 1)
    account.assign(S.GIL_WAIT, 7 * MS, 1)
    account.close()
    assert account.waits == [10 * MS]
    account.clear()
    account.assign(S.GIL_WAIT, 3 * MS, 1)  # of the wait that was under way
    account.assign(S.GIL_HELD, MS, 1)
    account.close()
    assert account.waits == [10 * MS]
    gil = Gil()
    gil.samples(1, None)
    gil.account.waited(account.waits, account.after_io)
    told = gil.slice()
    assert lengths(told.waits) == pytest.approx([10.0], rel=0.06)
    assert told.longest_wait_s == pytest.approx(0.010)
