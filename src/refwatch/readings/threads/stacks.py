"""Whole stacks of the threads that have moved, and the callers that they tell of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from refwatch.readings.threads.call_paths import CallPaths, gap_line
from refwatch.readings.threads.interpreter import Interpreter
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.locations import NO_LINE

PLACE_NS = 2_000_000  # a wait that may last longer gets its callers from its own stack


class UnplacedWaits:
    """Waits at lines whose functions have several callers, and whose stacks are to be read."""

    def __init__(self) -> None:
        self._threads: list[TrackedThread] = []

    def add(self, thread: TrackedThread, at_ns: int, since_ns: int) -> None:
        """It waits since the last sample, ``since_ns`` ago. Where samples are rare its stack is
        read now: at the next one it may have gone on."""
        thread.place_ns = at_ns + PLACE_NS if since_ns < PLACE_NS else at_ns
        if thread not in self._threads:
            self._threads.append(thread)

    def due(self, at_ns: int) -> TrackedThread | None:
        """One that still waits and whose stack is to be read now; one at a sample, because it costs
        as much as a sample."""
        if not self._threads:
            return None
        waiting = [t for t in self._threads if t.place_ns and t.blocked is not None]
        self._threads = [t for t in waiting if t.blocked_node is None]
        return next((t for t in self._threads if at_ns >= t.place_ns), None)


def read_stacks(
    threads: Collection[TrackedThread],
    interpreter: Interpreter,
    paths: CallPaths | None,
    saw: Callable[[TrackedThread], None],
) -> None:
    """Read the whole stack of every thread that has moved since the last time; ``saw`` is called
    for each whose stack is known."""
    if interpreter.lines is None:
        return
    lost = [thread for thread in threads if thread.frames_at and not thread.line]
    interpreter.follow(lost)  # begun without a frame, or torn when last read
    for thread in lost:
        thread.blocked_line = thread.line
    for thread in threads:
        moved = thread.blocked is None or thread.stack_of != thread.changed_at
        if moved and not read_stack(thread, interpreter, paths):
            continue
        if not moved and paths is not None:
            _take_path(thread, interpreter, paths)
        saw(thread)


def read_stack(thread: TrackedThread, interpreter: Interpreter, paths: CallPaths | None) -> bool:
    """Read one thread's; return whether it is known."""
    thread.place_ns = 0
    stack = interpreter.stack(thread)
    if stack is None or not thread.take_stack(*stack):
        return False
    if paths is not None:
        _take_path(thread, interpreter, paths)
    return True


def _take_path(thread: TrackedThread, interpreter: Interpreter, paths: CallPaths) -> None:
    """If its stack is that of where it is blocked its wait has this path, else the stack stands for
    a share of the time."""
    stack = thread.stack
    gap = gap_line(interpreter.lines, thread.left_out) if interpreter.lines else NO_LINE
    thread.paths.follow(stack, paths, gap)
    if thread.blocked is not None and stack and stack[0] == thread.blocked_line:
        thread.place_wait(thread.paths.innermost(paths))
    else:
        thread.paths.count()
