"""Structs of the snapshot about event loops and their tasks."""

from __future__ import annotations

from msgspec import Struct, field


class LoopBlock(Struct, frozen=True, kw_only=True):
    """A time for which the loop did not come back to its selector, and the line at which most of
    it was spent. ``cpu_wait_s``: of which its thread waited for a CPU."""

    at_s: float
    seconds: float
    file: str
    line: int
    function: str
    cpu_wait_s: float


class CoroutineTime(Struct, frozen=True, kw_only=True):
    """Seconds of the loop's thread in the outermost coroutine function of a task, or the function
    of a callback, with all that it calls and awaits; ``self``: at its own lines. ``line`` is the
    one of these by which most of the time went."""

    file: str
    line: int
    function: str
    seconds: float
    own: float = field(name="self")


class Task(Struct, frozen=True, kw_only=True):
    """A task that was there when a copy of the process was last looked at, or a ``greenlet`` that
    waited. ``since_s``: it has been seen in this wait since then; null where one look has seen it
    there. ``parent``: ``address`` of the task that waits for it; null where none does."""

    name: str
    coroutine: str
    awaits: str
    since_s: float | None
    parent: str | None
    address: str
    kind: str
    file: str
    line: int
    at_file: str
    at_line: int


class EventLoop(Struct, frozen=True, kw_only=True):
    """``blocked``: times of more than a tenth of a second, of the longest 50 and the newest 50.
    ``exact``: its turns were read; false: they cannot be, so that only waits are told; null: it was
    never busy for long enough to know. ``tasks`` is null where no copy was looked at;
    ``tasks_left_out`` were only counted, in the whole process."""

    tid: int
    kind: str
    blocked: list[LoopBlock]
    blocked_count: int
    blocked_s: float
    longest_s: float
    exact: bool | None
    coroutines: list[CoroutineTime]
    tasks: list[Task] | None
    tasks_at_s: float | None
    tasks_left_out: int
