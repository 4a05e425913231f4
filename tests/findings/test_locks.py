"""What is said of deadlocks and of who has a lock, from made-up readings."""

from __future__ import annotations

from tests.sample_locks import NAMES, seen, state_of, wait

from refwatch.findings.locks import owner, timed_circle
from refwatch.findings.verdict import diagnose
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.wire.event import MAIN


def test_a_deadlock_names_its_threads_and_their_lines() -> None:
    waits = [wait(1, 2), wait(2, 1, kind="Lock", evidence="with"), wait(3, 1), wait(4, 3)]
    verdict = diagnose(state_of(seen(*waits, deadlocks=[[1, 2]])))
    assert verdict.sentence == (
        "deadlock: alice waits for bob at bank.py:10, bob for alice at bank.py:20"
    )
    assert verdict.advice == (
        "Take these locks in one order everywhere: bob owns the RLock that alice waits for, "
        "alice is inside with of the Lock that bob waits for. 2 more threads wait behind."
    )
    assert verdict.kind == "lock_bound"
    assert verdict.confidence > 0.8
    assert verdict.evidence["deadlocked"] == 2


def test_a_deadlock_is_told_before_everything_else_and_with_others() -> None:
    waits = [wait(1, 2), wait(2, 1), wait(3, 3)]
    verdict = diagnose(state_of(seen(*waits, deadlocks=[[1, 2], [3]])))
    assert verdict.sentence == (
        "deadlock (and 1 more deadlock): carol waits for an RLock that it has itself at bank.py:30"
    )
    assert verdict.evidence["deadlocked"] == 3


def test_a_join_in_a_circle_is_told_as_such() -> None:
    waits = [wait(1, 2, kind="Thread"), wait(2, 1)]
    verdict = diagnose(state_of(seen(*waits, deadlocks=[[1, 2]])))
    assert verdict.sentence == (
        "deadlock: alice waits for the end of bob at bank.py:10, bob for alice at bank.py:20"
    )
    assert verdict.advice.startswith("Join a thread only after releasing what it needs: alice owns")


def test_what_a_time_out_ends_is_none() -> None:
    state = state_of(seen(wait(1, 2, timed=True), wait(2, 1), timed_cycles=[[1, 2]]))
    assert "deadlock:" not in diagnose(state).sentence
    process = state.processes[MAIN]
    told = timed_circle(process, {1})
    assert told is not None
    assert told.startswith("A deadlock until a time-out ends it: alice waits for bob at bank.py:10")
    assert timed_circle(process, {3, 4}) is None


def test_a_deadlock_that_is_over_is_not_told_as_one() -> None:
    state = state_of(seen(wait(1, 2), wait(2, 1), deadlocks=[[1, 2]]), seen(at=9.5))
    assert "deadlock:" not in diagnose(state).sentence


def test_the_owner_of_the_lock_with_most_waiters_is_named() -> None:
    held = {"address": 8, "owner_state": S.SLEEP, "owner_line": 4}
    state = state_of(seen(wait(1, 4, **held), wait(2, 4, **held), wait(3)))
    process = state.processes[MAIN]
    assert owner(process) == "dave has the RLock for which 2 threads wait, asleep at bank.py:40"
    assert owner(process, {3}) is None
    state.apply(seen(at=30.0))
    assert owner(process) == "dave had the RLock for which 2 threads waited, asleep at bank.py:40"


def test_waits_of_threads_that_have_ended_are_over() -> None:
    state = state_of(seen(wait(1, 2), wait(3, 2)))
    state.apply(ev.ThreadEnded(at=9.5, process=MAIN, serial=1))
    now = state.processes[MAIN].locks.now
    assert now is not None
    assert [each.serial for each in now.waits] == [3]


def test_a_process_ends_with_the_deadlock_that_it_was_in() -> None:
    state = state_of(seen(wait(1, 2), wait(2, 1), deadlocks=[[1, 2]]))
    for serial in NAMES:  # the kernel ends the threads one by one
        state.apply(ev.ThreadEnded(at=20.0, process=MAIN, serial=serial))
    state.apply(ev.TargetExited(at=20.2, process=MAIN, exit_code=0))
    assert diagnose(state).sentence.startswith("deadlock: alice waits for bob")


def test_a_deadlock_that_was_over_before_the_end_is_none_at_the_end() -> None:
    state = state_of(seen(wait(1, 2), wait(2, 1), deadlocks=[[1, 2]]), seen(at=15.0))
    state.apply(ev.TargetExited(at=20.0, process=MAIN, exit_code=0))
    assert "deadlock" not in diagnose(state).sentence
