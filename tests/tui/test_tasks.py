"""The tree of an event loop's tasks, and what a loop's thread says of it."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.tui.driving import FakeFeed, asked, driven, frame, state_of, steady, until

from refwatch.readings.threads.loop_events import (
    AsyncTask,
    LoopBlocked,
    LoopFound,
    TasksFailed,
    TasksListed,
)
from refwatch.readings.threads.states import ThreadState
from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.tui.panels.threads.loop_view import draw_loop, view_loop
from refwatch.tui.panels.threads.tasks import TasksScreen
from refwatch.tui.panels.threads.tasks_view import (
    NO_LOOP,
    NOT_LOOKED,
    draw_edge,
    draw_empty,
    draw_place,
    draw_tasks,
    view_tasks,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.wire.commands import ListTasks
from refwatch.wire.event import MAIN

SERIAL = 10  # of the simulated main thread


def task(number: int, parent: int | None = None, awaits: str = "sleep") -> AsyncTask:
    return AsyncTask(
        address=hex(number),
        name=f"task {number}",
        kind="task",
        ident=None,
        coroutine="serve",
        file="/app/serve.py",
        line=10,
        at_file="/lib/asyncio/tasks.py",
        at_line=605,
        awaits=awaits,
        parent=None if parent is None else hex(parent),
        waiter="",
        since_s=1.0 if number == 2 else None,
    )


TASKS = [task(1), task(2, 3), task(3, None, "task 2"), task(4, 3, ""), task(5, 2)]


def listed(*tasks: AsyncTask, at: float = 3.0, left_out: int = 0) -> TasksListed:
    return TasksListed(at=at, process=MAIN, tasks=list(tasks), left_out=left_out)


def simulated(*more: Event) -> list[Event]:
    return [*Simulation(3.0).events(), *more]


def subject(*more: Event) -> Subject:
    return Subject(state_of(simulated(*more)))


def main_serial(state: State) -> int:
    assert state.main is not None
    return next(iter(state.main.threads))


def words(line: Line) -> str:
    return "".join(text for text, _ in line)


def rows(seen: Subject, width: int = 78, *closed: tuple[int, ...]) -> list[str]:
    view = view_tasks(seen, None, "w", frozenset(closed))
    lines = [row.line for row in draw_tasks(view, width)]
    assert all(width_of(line) <= width for line in lines)
    return [words(line) for line in lines]


def test_below_each_task_stand_those_that_it_waits_for() -> None:
    seen = subject(listed(*TASKS))
    shown = rows(seen)
    assert [line.split("serve")[0].rstrip() for line in shown] == [
        "· task 1", "▾ task 3", "├ ▾ task 2", "│ └ · task 5", "└ · task 4",
    ]  # fmt: skip
    assert shown[1].endswith("task 2")
    assert shown[2].endswith("sleep  2.00 s+")
    assert shown[4].endswith("runs")
    assert [line.split("serve")[0].rstrip() for line in rows(seen, 78, (2,))] == [
        "· task 1", "▸ task 3",
    ]  # fmt: skip


def test_tasks_that_wait_for_each_other_are_all_there() -> None:
    shown = rows(subject(listed(task(1, 2), task(2, 1), task(3, 3))))
    assert sorted(line.split("task ")[1][0] for line in shown) == ["1", "2", "3"]


@pytest.mark.parametrize("width", [20, 40, 78, 118])
def test_rows_fit(width: int) -> None:
    rows(subject(listed(*TASKS)), width)


def test_where_a_task_is() -> None:
    view = view_tasks(subject(listed(*TASKS)), None, "w", frozenset())
    own, inner = draw_place(view.tasks[0], 78)
    assert words(own).startswith("in  serve  serve.py:10  /app")
    assert words(inner).startswith("at  sleep  tasks.py:605  /lib/asyncio")
    assert draw_place(None, 78) == ((), ())


@pytest.mark.parametrize(
    ("events", "empty", "edge"),
    [
        ([], NOT_LOOKED, NOT_LOOKED),
        ([listed()], NO_LOOP, "0 tasks  as of 0:03"),
        ([listed(*TASKS, left_out=7)], "", "5 tasks, 7 more not shown  as of 0:03"),
        ([TasksFailed(at=3.0, process=MAIN, reason="memory is short")], NOT_LOOKED,
         "✕ no tasks: memory is short"),
    ],
    ids=["not looked", "no loop", "some", "failed"],
)  # fmt: skip
def test_what_is_said_of_them(events: list[Event], empty: str, edge: str) -> None:
    view = view_tasks(subject(*events), None, "w", frozenset())
    assert words(draw_edge(view, 78)).rstrip() == edge
    if empty:
        assert words(draw_empty(view)) == empty


def loop_events(serial: int) -> list[Event]:
    return [
        LoopFound(at=1.0, process=MAIN, serial=serial, kind="asyncio", exact=True),
        LoopBlocked(
            at=2.0, process=MAIN, serial=serial, began_s=1.5, seconds=0.3, under_way=False,
            lines=[(1, ThreadState.SLEEP, 0.3)],
        ),
        LoopBlocked(
            at=2.5, process=MAIN, serial=serial, began_s=2.0, seconds=0.15, under_way=False,
            lines=[(1, ThreadState.SLEEP, 0.15)],
        ),
    ]  # fmt: skip


def test_a_loops_thread_tells_when_it_was_blocked() -> None:
    plain = state_of(simulated())
    serial = main_serial(plain)
    assert plain.main is not None
    assert view_loop(plain.main, plain.main.threads[serial]) is None
    state = state_of(simulated(*loop_events(serial)))
    assert state.main is not None
    view = view_loop(state.main, state.main.threads[serial])
    assert view is not None
    first, second = (words(line) for line in draw_loop(view, 76)[:2])
    assert first.endswith("blocked 2 times, 0.45 s")
    assert second.startswith("  longest 0.30 s at ")
    idle = state_of(simulated(*loop_events(serial)[:1]))
    assert idle.main is not None
    quiet = view_loop(idle.main, idle.main.threads[serial])
    assert quiet is not None
    assert words(draw_loop(quiet, 76)[0]).endswith("never blocked for 0.1 s")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_tasks_are_asked_for_and_shown(size: tuple[int, int]) -> None:
    feed = FakeFeed(simulated())
    async with driven(feed, size=size) as (app, pilot):
        await pilot.press("3", "a")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))
        await until(pilot, lambda: any(isinstance(one, ListTasks) for one in asked(feed)))
        await until(pilot, lambda: NOT_LOOKED in frame(app))
        feed.push(listed(*TASKS))
        await until(pilot, lambda: "task 5" in frame(app))
        assert "5 tasks  as of 0:03" in frame(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "task 5" not in frame(app))
        await pilot.press("right")
        await until(pilot, lambda: "task 5" in frame(app))
        await pilot.click("#tasks-tree", offset=(2, 2))
        await until(pilot, lambda: "task 5" not in frame(app))
        await pilot.press("r")
        await until(pilot, lambda: sum(isinstance(one, ListTasks) for one in asked(feed)) == 2)
        feed.push(listed(at=3.5))
        await until(pilot, lambda: NO_LOOP in frame(app))
        await pilot.press("a")
        await until(pilot, lambda: not isinstance(app.screen, TasksScreen))
        await steady(app, pilot)
        await pilot.press("enter", "a")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))
