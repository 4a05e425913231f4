"""Events about event loops and their tasks."""

from __future__ import annotations

from refwatch.readings.threads.states import ThreadState
from refwatch.wire.event import TimedEvent
from refwatch.wire.task_row import TaskRow


class LoopFound(TimedEvent, frozen=True, kw_only=True, tag="loop_found"):
    """A thread was seen to run an event loop."""

    serial: int
    kind: str
    """``asyncio``, ``uvloop`` or ``trio``."""
    exact: bool | None = None
    """Its turns are read; False: they cannot be, so that only waits are told; None: it has not been
    busy for long enough to know."""


class LoopBlocked(TimedEvent, frozen=True, kw_only=True, tag="loop_blocked"):
    """An event loop did not come back to its selector for more than a tenth of a second. While that
    goes on it is told again, with the same ``began_s``."""

    serial: int
    began_s: float
    """Seconds since the session began."""
    seconds: float
    cpu_wait_s: float = 0.0
    """Of which its thread waited for a CPU."""
    under_way: bool
    lines: list[tuple[int, ThreadState, float]]
    """(line number of LineSeen, state, seconds) of that time, most first."""


class AsyncTask(TaskRow, frozen=True, kw_only=True):
    """A task of an event loop, or a greenlet that waits."""

    since_s: float | None = None
    """It has been seen in this wait since then, seconds since the session began; None where this is
    the first time."""


class TasksListed(TimedEvent, frozen=True, kw_only=True, tag="tasks_listed"):
    """The tasks that a copy of the process had; ``at`` is when that was made."""

    tasks: list[AsyncTask]
    left_out: int = 0
    """Further tasks, which were only counted."""


class TasksFailed(TimedEvent, frozen=True, kw_only=True, tag="tasks_failed"):
    """The tasks could not be listed."""

    reason: str
