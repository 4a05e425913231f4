"""What is kept of event loops: times that they were blocked, tasks, and since when those wait."""

from __future__ import annotations

import pytest

from refwatch.readings.threads.loop_events import AsyncTask, LoopBlocked, LoopFound, TasksListed
from refwatch.readings.threads.loop_state import KEEP_LONGEST, KEEP_NEWEST, LoopsState
from refwatch.readings.threads.states import ThreadState
from refwatch.wire.event import MAIN

SERIAL = 7


def blocked(began_s: float, seconds: float, *, under_way: bool = False) -> LoopBlocked:
    return LoopBlocked(
        at=began_s + seconds,
        process=MAIN,
        serial=SERIAL,
        began_s=began_s,
        seconds=seconds,
        under_way=under_way,
        lines=[(3, ThreadState.SLEEP, seconds)],
    )


def with_loop(*events: LoopBlocked) -> LoopsState:
    state = LoopsState()
    state.found(LoopFound(at=0.1, process=MAIN, serial=SERIAL, kind="asyncio"))
    for event in events:
        state.was_blocked(event)
    return state


def task(address: str, waiter: str, name: str = "Task-1") -> AsyncTask:
    return AsyncTask(
        address=address,
        name=name,
        kind="task",
        ident=1,
        coroutine="main",
        file="/a.py",
        line=1,
        at_file="/a.py",
        at_line=1,
        awaits="sleep",
        parent=None,
        waiter=waiter,
    )


def listed(at: float, *tasks: AsyncTask) -> TasksListed:
    return TasksListed(at=at, process=MAIN, tasks=list(tasks))


def test_what_goes_on_is_one_time() -> None:
    state = with_loop(
        blocked(1.0, 0.2, under_way=True), blocked(1.0, 0.3, under_way=True), blocked(1.0, 0.35)
    )
    (loop,) = state.loops.values()
    assert loop.blocked_count == 1
    assert loop.longest_s == pytest.approx(0.35)
    assert loop.blocked_s == pytest.approx(0.35)
    assert [one.seconds for one in loop.blocked] == [0.35]


def test_a_loop_that_is_not_known_is_not_blocked() -> None:
    state = LoopsState()
    state.was_blocked(blocked(1.0, 0.2))
    assert not state.loops


def test_the_longest_and_the_newest_are_kept() -> None:
    many = 3 * (KEEP_LONGEST + KEEP_NEWEST)
    state = with_loop(*(blocked(float(number), 10.0 - number * 0.01) for number in range(many)))
    (loop,) = state.loops.values()
    assert loop.blocked_count == many
    began = [one.began_s for one in loop.blocked]
    assert began == sorted(began)
    assert began == [*range(KEEP_LONGEST), *range(many - KEEP_NEWEST, many)]
    assert loop.longest is not None
    assert loop.longest.began_s == 0.0


def test_a_task_waits_since_it_was_first_seen_to() -> None:
    state = LoopsState()
    state.listed(listed(1.0, task("0x1", "4 f1 2.5"), task("0x2", "")))
    assert state.tasks is not None
    assert [one.since_s for one in state.tasks.tasks] == [None, None]
    state.listed(listed(2.0, task("0x1", "4 f1 2.5"), task("0x2", "")))
    assert [one.since_s for one in state.tasks.tasks] == [1.0, None]
    state.listed(listed(3.0, task("0x1", "4 f1 2.5"), task("0x3", "4 f1 2.5")))
    assert [one.since_s for one in state.tasks.tasks] == [1.0, None]
    state.listed(listed(4.0, task("0x1", "4 f1 9.5")))
    assert [one.since_s for one in state.tasks.tasks] == [None]


def test_an_address_that_is_used_again_is_another_task() -> None:
    state = LoopsState()
    state.listed(listed(1.0, task("0x1", "4 f1 2.5", "Task-1")))
    state.listed(listed(2.0, task("0x1", "4 f1 2.5", "Task-9")))
    assert state.tasks is not None
    assert [one.since_s for one in state.tasks.tasks] == [None]
