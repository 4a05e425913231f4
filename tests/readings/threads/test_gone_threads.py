"""CPU time that threads had after they were last read."""

from __future__ import annotations

import pytest

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.classify import Classifier, Sched
from refwatch.readings.threads.gone_threads import parts_of
from refwatch.readings.threads.states import ThreadState as S

MS = 1_000_000


def test_what_is_left_is_shared_by_the_time_that_nothing_was_read() -> None:
    assert parts_of(30 * MS, [10 * MS, 20 * MS], 0) == [10 * MS, 20 * MS]
    assert parts_of(9 * MS, [10 * MS, 20 * MS], 0) == [3 * MS, 6 * MS]
    assert sum(parts_of(10, [3, 3, 3], 0)) == 10


def test_no_thread_has_more_than_that_where_others_were_never_seen() -> None:
    assert parts_of(90 * MS, [10 * MS, 20 * MS], 30 * MS) == [10 * MS, 20 * MS]
    assert parts_of(6 * MS, [1 * MS], 2 * MS) == [1 * MS]
    assert parts_of(6 * MS, [], 2 * MS) == []


def test_nothing_is_shared_where_nothing_is_left() -> None:
    assert parts_of(0, [0, 0], 0) == [0, 0]


@pytest.mark.parametrize("unread", [0, 3 * MS, 12 * MS])
def test_a_run_that_ends_with_its_thread_is_as_long_as_was_counted(unread: int) -> None:
    account = TimeAccount()
    classifier = Classifier(account.assign)
    classifier.begin(holds=True)
    classifier.held(1 * MS, 7, Sched(1 * MS, 0))
    for _ in range(9):
        classifier.held(1 * MS, 7, None)
    classifier.end(unread)
    account.close()
    assert account.times[S.GIL_HELD] == 1 * MS + unread
    rest = account.times.get(S.CPU_WAIT, 0)  # it was ready all the time
    assert rest == max(0, 9 * MS - unread)


def test_what_a_thread_ran_before_it_was_found_asleep_is_told() -> None:
    account = TimeAccount()
    classifier = Classifier(account.assign)
    classifier.begin(holds=True)
    ran_as, ran = classifier.unseen(Sched(2 * MS, 0), 3 * MS, 0)
    classifier.blocked(S.SLEEP, 1 * MS, 9, Sched(2 * MS, 0))
    classifier.end(500_000)
    account.close()
    assert (ran_as, ran) == (S.GIL_HELD, 2 * MS)
    assert account.times == {S.GIL_HELD: 2_500_000, S.SLEEP: 1 * MS}
