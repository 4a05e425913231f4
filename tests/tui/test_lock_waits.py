"""What is shown of the lock that a thread waits for."""

from __future__ import annotations

from tests.sample_locks import seen, state_of, wait

from refwatch.tui.panels.threads.view import arrange, columns_for, view_threads
from refwatch.tui.subject import Subject
from refwatch.tui.views.lock_waits import view_lock_wait
from refwatch.tui.views.table import Order
from refwatch.wire.event import MAIN


def test_a_thread_is_shown_with_the_chain_of_its_waits() -> None:
    waits = [wait(1, 2, timed=True), wait(2, 3, kind="Lock", evidence="with"), wait(4, 1)]
    process = state_of(seen(*waits)).processes[MAIN]
    assert [text for text, _ in view_lock_wait(process, 1, 9.0)] == [
        "waits for an RLock that bob owns, 8.00 s, with a time-out",
        "bob waits for a Lock that carol is inside with of, 8.00 s",
        "carol is at bank.py:30, in f",
        "dave waits for this thread's RLock, 8.00 s",
    ]
    (behind,) = view_lock_wait(process, 3, 9.0)
    assert behind == ("bob waits for this thread's Lock, 8.00 s", "warn")


def test_a_deadlock_is_shown_in_the_colour_of_errors() -> None:
    process = state_of(seen(wait(1, 2), wait(2, 1), deadlocks=[[1, 2]])).processes[MAIN]
    lines = view_lock_wait(process, 1, 9.0)
    assert lines[0] == ("Deadlock: these threads wait for one another for ever", "bad")
    assert lines[1:3] == (
        ("waits for an RLock that bob owns, 8.00 s", "bad"),
        ("bob waits for an RLock that alice owns, 8.00 s", "bad"),
    )
    assert view_lock_wait(process, 3, 9.0) == ()


def test_a_thread_in_a_deadlock_has_that_for_its_state() -> None:
    state = state_of(seen(wait(1, 2), wait(2, 1), deadlocks=[[1, 2]]))
    view = view_threads(Subject(state))
    assert [thread.deadlocked for thread in view.threads] == [True, True, False, False]
    rows = arrange(view, columns_for(view), Order())
    assert [row.cells[1][0][1] for row in rows[:2]] == ["bad", "bad"]
    assert "deadlock" in rows[0].cells[1][0][0]
