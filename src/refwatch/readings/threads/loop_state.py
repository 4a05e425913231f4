"""State of a process's event loops and of their tasks."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from refwatch.readings.threads.loop_events import (
    AsyncTask,
    LoopBlocked,
    LoopFound,
    TasksFailed,
    TasksListed,
)
from refwatch.readings.threads.states import ThreadState

KEEP_NEWEST = 50  # times that a loop was blocked
KEEP_LONGEST = 50


class Blocked(Struct, kw_only=True):
    """A time for which a loop did not come back to its selector, seconds."""

    began_s: float
    seconds: float
    lines: list[tuple[int, ThreadState, float]]
    """(line, state, seconds), most first."""
    cpu_wait_s: float = 0.0
    """Of which its thread waited for a CPU."""


class LoopRecord(Struct, kw_only=True):
    """The loop of one thread."""

    serial: int
    kind: str
    found_s: float
    exact: bool | None = None
    """As LoopFound has it."""
    blocked_count: int = 0
    blocked_s: float = 0.0
    longest_s: float = 0.0
    blocked: list[Blocked] = field(default_factory=list)
    """The longest and the newest, in order."""
    newest_s: float = -1.0
    """When the newest began."""

    def take(self, event: LoopBlocked) -> None:
        if event.began_s == self.newest_s and self.blocked:  # goes on, or has ended
            last = self.blocked[-1]
            self.blocked_s += event.seconds - last.seconds
            last.seconds, last.lines = event.seconds, event.lines
            last.cpu_wait_s = event.cpu_wait_s
        else:
            self.newest_s = event.began_s
            self.blocked_count += 1
            self.blocked_s += event.seconds
            self.blocked.append(
                Blocked(
                    began_s=event.began_s,
                    seconds=event.seconds,
                    lines=event.lines,
                    cpu_wait_s=event.cpu_wait_s,
                )
            )
        self.longest_s = max(self.longest_s, event.seconds)
        if len(self.blocked) > KEEP_NEWEST + KEEP_LONGEST:
            older = self.blocked[:-KEEP_NEWEST]
            older.remove(min(older, key=lambda one: one.seconds))
            self.blocked = [*older, *self.blocked[-KEEP_NEWEST:]]

    @property
    def longest(self) -> Blocked | None:
        return max(self.blocked, key=lambda one: one.seconds, default=None)


class TaskList(Struct, kw_only=True):
    """The tasks of a process at one moment."""

    at: float
    tasks: list[AsyncTask]
    left_out: int = 0


class LoopsState(Struct, kw_only=True):
    """``loops`` by serial of their thread."""

    loops: dict[int, LoopRecord] = field(default_factory=dict)
    tasks: TaskList | None = None
    """None where nobody has looked."""
    failure: str = ""
    """Why the last look failed."""

    def found(self, event: LoopFound) -> None:
        known = self.loops.get(event.serial)
        if known is None:
            self.loops[event.serial] = LoopRecord(
                serial=event.serial, kind=event.kind, found_s=event.at, exact=event.exact
            )
        else:
            known.exact = event.exact

    def was_blocked(self, event: LoopBlocked) -> None:
        known = self.loops.get(event.serial)
        if known is not None:
            known.take(event)

    def listed(self, event: TasksListed) -> None:
        before = self.tasks.tasks if self.tasks is not None else []
        earlier_s = self.tasks.at if self.tasks is not None else event.at
        tasks = since(event.tasks, before, earlier_s)
        self.tasks = TaskList(at=event.at, tasks=tasks, left_out=event.left_out)
        self.failure = ""

    def failed(self, event: TasksFailed) -> None:
        self.failure = event.reason


def since(
    tasks: Iterable[AsyncTask], before: Iterable[AsyncTask], earlier_s: float
) -> list[AsyncTask]:
    """The tasks with the time since which each is known to wait as it does: since it was first seen
    in this wait, if an earlier look has seen it there."""
    known = {(task.address, task.waiter): task for task in before if task.waiter}
    return [
        replace(task, since_s=earlier.since_s if earlier.since_s is not None else earlier_s)
        if (earlier := known.get((task.address, task.waiter))) is not None
        and (earlier.name, earlier.coroutine) == (task.name, task.coroutine)
        else task
        for task in tasks
    ]
