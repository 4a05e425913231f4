"""What is kept of interpreters that come and go."""

from __future__ import annotations

import pytest

from refwatch.readings.threads.events import GilSlice, InterpreterSlice
from refwatch.readings.threads.interpreter_records import KEEP, Interpreters
from refwatch.readings.threads.state import ThreadRecord


def piece(
    number: int, held_s: float = 0.05, *, threads: list[int] | None = None, ended: bool = False
) -> InterpreterSlice:
    gil = GilSlice(held_s=held_s, wait_s=0.0, handoffs=1, interval_s=0.005)
    return InterpreterSlice(
        number=number, span_s=0.1, gil_own=True, gil=gil, threads=threads, ended=ended
    )


def test_those_that_have_ended_are_forgotten_the_least_busy_first() -> None:
    known = Interpreters()
    for number in range(1, 2 * KEEP + 1):
        known.sampled(number / 10, [piece(number, 0.1 if number <= 3 else 0.01, ended=True)])
    assert len(known.others) == KEEP
    assert known.forgotten == KEEP
    assert {1, 2, 3} < set(known.others)


def test_which_threads_an_interpreter_has() -> None:
    known = Interpreters()
    idents = {1: 10, 2: 20, 3: 30, 4: None}
    threads = {
        serial: ThreadRecord(serial=serial, tid=serial, ident=ident, started_s=0.0)
        for serial, ident in idents.items()
    }
    assert known.in_main(threads) == [1, 2, 3]
    known.sampled(0.1, [InterpreterSlice(number=0, threads=[1, 2]), piece(5, threads=[2, 3])])
    known.sampled(0.2, [InterpreterSlice(number=0), piece(5)])
    assert known.others[5].serials == [2, 3]
    assert known.in_main(threads) == [1, 2]  # the third was begun in the other one
    assert [one.number for one in known.of_thread(3)] == [5]


def test_its_life() -> None:
    known = Interpreters()
    known.sampled(1.0, [piece(2)])
    known.sampled(1.1, [piece(2, ended=True)])
    record = known.others[2]
    assert (record.began_s, record.ended_s) == (0.9, 1.1)
    assert record.gil.held_fraction == pytest.approx(0.5)
