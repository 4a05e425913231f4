"""At which lines on-CPU time is told that no sample, or only one at a wait's line, has shown."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.placing import MOST_NS, AfterWaits, Placing
from refwatch.readings.threads.states import ThreadState as S

MS = 1_000_000
WAIT, WORK, MORE = 10, 20, 30  # lines


def placing() -> tuple[Placing, TimeAccount]:
    account = TimeAccount()
    return Placing(account, {}), account


def hot(account: TimeAccount) -> dict[tuple[int, S], int]:
    account.close()
    return account.hot


def test_what_is_seen_elsewhere_explains_all_and_nothing_is_left_where_it_waits() -> None:
    place, account = placing()
    place.waits(S.SLEEP, WAIT)
    place.ran(30 * MS)
    place.seen(30 * MS, WORK)
    place.assign(S.GIL_HELD, 5 * MS, WAIT)
    assert hot(account) == {}
    assert account.times == {S.GIL_HELD: 5 * MS}
    place.assign(S.GIL_HELD, MS, WORK)
    assert hot(account) == {(WORK, S.GIL_HELD): 6 * MS}
    assert account.times == {S.GIL_HELD: 6 * MS}


def test_what_works_where_it_waits_keeps_its_time() -> None:
    place, account = placing()
    place.waits(S.IO_WAIT, WAIT)
    place.ran(30 * MS)
    place.seen(5 * MS, WORK)
    place.assign(S.NATIVE, 5 * MS, WAIT)
    assert hot(account) == {(WAIT, S.NATIVE): 5 * MS}


def test_a_run_that_is_known_to_be_long_keeps_its_time() -> None:
    place, account = placing()
    place.waits(S.IO_WAIT, WAIT)
    place.ran(30 * MS)
    place.seen(60 * MS, WORK)
    place.sure = True
    place.assign(S.NATIVE, 5 * MS, WAIT)
    assert hot(account) == {(WAIT, S.NATIVE): 5 * MS}


def test_who_waited_only_for_the_gil_runs_where_it_is_seen() -> None:
    place, account = placing()
    place.waits(S.GIL_WAIT, WORK)
    place.ran(30 * MS)
    place.seen(60 * MS, MORE)
    place.assign(S.GIL_HELD, 5 * MS, WORK)
    assert hot(account) == {(WORK, S.GIL_HELD): 5 * MS}


def test_what_one_thread_has_shown_holds_for_the_next() -> None:
    by_line: dict[int, AfterWaits] = {}
    first, account = Placing(TimeAccount(), by_line), TimeAccount()
    first.waits(S.SLEEP, WAIT)
    first.ran(30 * MS)
    first.assign(S.NATIVE, 30 * MS, WAIT)
    second = Placing(account, by_line)
    second.waits(S.SLEEP, WAIT)
    second.assign(S.NATIVE, MS, WAIT)
    assert hot(account) == {(WAIT, S.NATIVE): pytest.approx(30 / 31 * MS, rel=0.01)}


def test_a_wait_that_was_not_seen_itself() -> None:
    place, account = placing()
    place.waits(S.SLEEP, WAIT)
    place.ran(30 * MS)
    place.seen(30 * MS, WORK)
    place.waits(S.IO_WAIT, MORE)
    place.assign(S.NATIVE, MS, WAIT)
    assert hot(account) == {}
    place.assign(S.GIL_HELD, MS, WAIT)  # with the GIL in hand it runs there
    assert hot(account) == {(WAIT, S.NATIVE): MS, (WAIT, S.GIL_HELD): MS}


def test_what_was_never_seen_elsewhere_is_told_in_the_end() -> None:
    place, account = placing()
    place.waits(S.SLEEP, WAIT)
    place.ran(30 * MS)
    place.seen(30 * MS, WORK)
    place.assign(S.NATIVE, 5 * MS, WAIT)
    place.end()
    assert hot(account) == {(WAIT, S.NATIVE): 5 * MS}
    place.assign(S.NATIVE, MOST_NS + MS, WAIT)
    assert hot(account) == {(WAIT, S.NATIVE): MOST_NS + 6 * MS}
    place.assign(S.NATIVE, MS, WORK)
    place.waits(S.IO_WAIT, WAIT)
    place.assign(S.NATIVE, MS, WAIT)
    place.end()
    assert hot(account)[WORK, S.NATIVE] == 2 * MS


@pytest.mark.parametrize("at_the_wait", [0.0, 0.4])
def test_in_sum_each_line_gets_what_was_spent_at_it(at_the_wait: float) -> None:
    """Bursts of 0.6 ms, sampled once a millisecond by chance; it is woken 0.1 ms before each."""
    chance, (place, account) = random.Random(7), placing()
    truth: Counter[int] = Counter()
    for _ in range(20_000):
        place.waits(S.SLEEP, WAIT)
        parts = [(WAIT, 0.6 * at_the_wait), (WORK, 0.2 * (1 - at_the_wait))]
        parts.append((MORE, 0.4 * (1 - at_the_wait)))
        place.ran(round(0.6 * MS))
        for line, ms in parts:
            truth[line] += round(ms * MS)
        at, line = chance.random() - 0.1, 0  # milliseconds from the start of the burst
        if at < 0:
            line = WAIT
        for one, ms in parts:
            if 0 <= at < ms and not line:
                line = one
            at -= ms
        if line:
            place.seen(MS, line)
            place.assign(S.GIL_HELD, round(6 / 7 * MS), line)  # all since the last one
    found = hot(account)
    whole = sum(found.values())
    for line in (WAIT, WORK, MORE):
        share = found.get((line, S.GIL_HELD), 0) / whole
        assert share == pytest.approx(truth[line] / sum(truth.values()), abs=0.03)
