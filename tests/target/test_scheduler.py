"""Jobs at their times."""

from __future__ import annotations

import pytest

from refwatch.target.scheduler import LONGEST_REST_NS, REST_NS, RETRY_NS, Scheduler


def test_a_job_runs_when_it_is_due_and_again_when_it_says() -> None:
    scheduler, ran = Scheduler(), list[int]()

    def job(now: int) -> int:
        ran.append(now)
        return now + 10

    scheduler.at(job, 5)
    for now in range(40):
        scheduler.run(now)
    assert ran == [5, 15, 25, 35]
    assert scheduler.next == 45


def test_a_job_that_says_nothing_runs_once() -> None:
    scheduler, ran = Scheduler(), list[int]()
    scheduler.at(ran.append, 5)
    scheduler.run(7)
    scheduler.run(9)
    assert (ran, scheduler.next) == ([7], None)


@pytest.mark.parametrize("later", [1, RETRY_NS, 2 * RETRY_NS])
def test_a_job_may_set_its_own_time(later: int) -> None:
    scheduler, ran = Scheduler(), list[int]()

    def job(now: int) -> None:
        scheduler.at(job, now + later)
        ran.append(now)

    scheduler.at(job, 0)
    scheduler.run(0)
    scheduler.run(later)
    assert ran == [0, later]


def test_a_job_that_drops_itself_is_gone() -> None:
    scheduler, ran = Scheduler(), list[int]()

    def job(now: int) -> None:
        scheduler.at(job, now + 1)
        scheduler.drop(job)
        ran.append(now)

    scheduler.at(job, 0)
    scheduler.run(0)
    scheduler.run(5)
    assert (ran, scheduler.next) == ([0], None)


def test_a_job_that_fails_runs_again_a_moment_later_and_keeps_no_other_from_it() -> None:
    scheduler, ran = Scheduler(), list[str]()

    def fails(_: int) -> int:
        ran.append("fails")
        raise OSError("gone")

    def works(now: int) -> int:
        ran.append("works")
        return now + 2 * RETRY_NS

    scheduler.at(fails, 0)
    scheduler.at(works, 0)
    with pytest.raises(OSError, match="gone"):
        scheduler.run(0)
    scheduler.run(1)
    assert (ran, scheduler.next) == (["fails", "works"], RETRY_NS)


def test_what_is_cleared_does_not_run() -> None:
    scheduler, ran = Scheduler(), list[int]()
    scheduler.at(ran.append, 0)
    scheduler.clear()
    scheduler.run(5)
    assert (ran, scheduler.next) == ([], None)


def test_while_nothing_happens_jobs_run_more_rarely_and_then_at_once() -> None:
    scheduler, ran = Scheduler(), list[int]()

    def job(now: int) -> int:
        ran.append(now)
        return now + 10_000_000

    scheduler.at(job, 0)
    scheduler.resting = True
    scheduler.run(0)
    assert scheduler.next == REST_NS
    scheduler.wake()
    assert scheduler.next == 10_000_000
    scheduler.resting = False
    scheduler.run(10_000_000)
    assert (ran, scheduler.next) == ([0, 10_000_000], 20_000_000)


def test_what_is_far_off_is_not_put_off() -> None:
    scheduler = Scheduler()
    scheduler.resting = True
    scheduler.at(lambda now: now + LONGEST_REST_NS + 1, 0)
    scheduler.run(0)
    assert scheduler.next == LONGEST_REST_NS + 1
