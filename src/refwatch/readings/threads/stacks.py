"""Whole stacks of the threads that have moved, and the callers that they tell of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from refwatch.readings.threads.call_paths import CallPaths
from refwatch.readings.threads.interpreter import Interpreter
from refwatch.readings.threads.tracked import TrackedThread


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
            _take_path(thread, paths)
        saw(thread)


def read_stack(thread: TrackedThread, interpreter: Interpreter, paths: CallPaths | None) -> bool:
    """Read one thread's; return whether it is known."""
    thread.place_ns = 0
    stack = interpreter.stack(thread)
    if stack is None or not thread.take_stack(*stack):
        return False
    if paths is not None:
        _take_path(thread, paths)
    return True


def _take_path(thread: TrackedThread, paths: CallPaths) -> None:
    """If its stack is that of where it is blocked its wait has this path, else the stack stands for
    a share of the time."""
    stack = thread.stack
    thread.paths.follow(stack, paths)
    if thread.blocked is not None and stack and stack[0] == thread.blocked_line:
        thread.place_wait(thread.paths.innermost(paths))
    else:
        thread.paths.count()
