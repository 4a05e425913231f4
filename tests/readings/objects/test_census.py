"""When censuses are taken, and which of them have failed; how they are made, `tests/e2e` has."""

from __future__ import annotations

import os

import pytest
from tests.readings.objects.played_copies import CENSUS, begun

from refwatch.readings.memory.breakdown import read_resident
from refwatch.readings.objects.census import INTERVAL_NS
from refwatch.readings.objects.growth import LEAST_CENSUSES
from refwatch.readings.objects.state import References
from refwatch.session import events as ev
from refwatch.target import probe_messages as rp
from refwatch.wire.heap_values import TypeCount

SECOND = 10**9


def test_a_copy_that_ends_after_its_census_has_not_failed() -> None:
    copies, censuses, events = begun()
    copies.take(CENSUS)
    copies.fail("the copy ended before it was done")
    assert [type(event) for event in events] == [ev.CensusBegun, ev.CensusTaken]
    events.clear()
    censuses.tick(10 * 10**9)  # and the next comes when it is due
    copies.take(rp.Copied(work="census-1", pid=12345, pause_s=0.001))
    assert [type(event) for event in events] == [ev.CensusBegun]


def test_one_that_ends_before_has_failed() -> None:
    copies, _, events = begun()
    copies.fail("the copy ended before it was done")
    assert [type(event) for event in events] == [ev.CensusBegun, ev.CensusFailed]


@pytest.mark.parametrize("last_s", [3.0, 25.0])
def test_the_end_has_a_census_where_the_last_was_long_ago(last_s: float) -> None:
    known = References()
    known.taken_census(
        ev.CensusTaken(at=last_s, process=os.getpid(), number=1, took_s=0.1, objects=1000, types=[])
    )
    known.counted_classes(ev.ClassesCounted(at=30.0, process=os.getpid(), counts=[], last=True))
    copies, censuses, _ = begun(known)
    copies.take(CENSUS)
    censuses.read_last(30 * SECOND)
    assert copies.asked == (2 if last_s == 3.0 else 1)
    assert censuses.confirming == (last_s == 3.0)


@pytest.mark.parametrize("answers", [True, False])
def test_who_holds_a_suspect_is_worth_waiting_for_at_the_end(answers: bool) -> None:
    known = References()
    for number in range(1, 8):
        rows = [TypeCount(module="app", name="Row", count=200 * number, size=64)]
        known.taken_census(
            ev.CensusTaken(
                at=2.5 * number,
                process=os.getpid(),
                number=number,
                took_s=0.1,
                objects=1000,
                types=rows,
            )
        )
    copies, censuses, _ = begun(known)
    assert not censuses.confirming
    copies.take(CENSUS)
    assert (copies.asked, censuses.confirming) == (2, True)
    if answers:
        copies.take(
            rp.ChainsReport(
                work="chains-1", module="app", name="Row", looked=1400, chains=[], allocated_at=[]
            )
        )
    else:
        copies.fail("the copy ended before it had answered")
    assert not censuses.confirming


def due_after(pauses_ms: list[float], *, wanted: bool = False) -> float:
    """Seconds until the next census is begun, when those before have made the target pause so."""
    copies, censuses, _ = begun()
    at = SECOND  # of begun()
    for pause_ms in pauses_ms:
        censuses.paused(pause_ms / 1000 - 0.001)  # begun() and the lines below have one of 1 ms
        if wanted:
            censuses.wanted("viewer", at)
        copies.take(CENSUS)
        began, asked = at, copies.asked
        while copies.asked == asked:
            at += SECOND // 10
            censuses.tick(at)
        copies.take(rp.Copied(work="census-1", pid=12345, pause_s=0.001))
    return (at - began) / SECOND


@pytest.mark.parametrize(
    ("pauses_ms", "seconds"),
    [
        ([1], 2.5),
        ([15, 15, 15], 10),  # 0.15 % of the time
        ([40], 10),  # for once, it may be 0.4 %
        ([1, 1, 40], 10),
        ([40, 1], 2.5),
        ([3, 6, 9, 12], 4),
    ],
)
def test_the_next_census_comes_when_the_pauses_are_paid(
    pauses_ms: list[float], seconds: float
) -> None:
    assert due_after(pauses_ms) == pytest.approx(seconds, abs=0.2)


def test_one_that_is_wanted_while_another_is_taken_comes_next() -> None:
    assert due_after([100], wanted=True) <= 0.1


@pytest.mark.parametrize("grown", [True, False])
def test_much_more_memory_is_counted_before_its_time(grown: bool) -> None:
    copies, censuses, _ = begun()
    censuses.paused(1.0)  # for which the next one waits
    copies.take(CENSUS)
    resident = read_resident(os.getpid())
    assert resident is not None
    more = b"x" * (max(64 << 20, sum(resident)) if grown else 0)
    censuses.tick(10 * SECOND)
    assert copies.asked == (2 if grown else 1)
    del more


def test_the_first_are_not_put_off_because_several_processes_cost_much() -> None:
    """Later ones are, and all where there are many processes."""
    copies, censuses, _ = begun(stretch=lambda: 8.0, copying=lambda: 1.5)
    now = taken = 10**9
    gaps: list[float] = []
    while len(gaps) < LEAST_CENSUSES:
        copies.take(CENSUS)
        before = copies.asked
        while copies.asked == before:
            now += 10**7
            censuses.tick(now)
        gaps.append((now - taken) / INTERVAL_NS)
        taken = now
        copies.take(rp.Copied(work="census-1", pid=12345, pause_s=0.001))
    assert gaps == pytest.approx([1.5] * (LEAST_CENSUSES - 1) + [8.0], abs=0.1)
