"""Event loops of the snapshot."""

from __future__ import annotations

from refwatch.export import schema_loops as snap
from refwatch.export.values import rounded, rounded_optional
from refwatch.readings.threads.coroutine_times import coroutine_times
from refwatch.readings.threads.loop_events import AsyncTask
from refwatch.readings.threads.loop_state import Blocked, LoopRecord
from refwatch.session.process import ProcessState

MOST_COROUTINES = 50


def loops(process: ProcessState) -> list[snap.EventLoop]:
    """The loops of a process whose threads are still known."""
    known = process.event_loops
    main = next((serial for serial in known.loops if serial in process.threads), None)
    return [
        _loop(process, record, first=record.serial == main)
        for record in known.loops.values()
        if record.serial in process.threads
    ]


def _loop(process: ProcessState, record: LoopRecord, *, first: bool) -> snap.EventLoop:
    thread = process.threads[record.serial]
    listed, known_serials = process.event_loops.tasks, process.event_loops.loops
    times = ((node, seconds) for (node, _), seconds in thread.paths.items())
    spent = coroutine_times(process.tree, process.lines, times, record.kind)
    # Where it is not known whose loop a task is of, it is told with the first.
    idents = {
        process.threads[serial].ident for serial in known_serials if serial in process.threads
    }
    return snap.EventLoop(
        tid=thread.tid,
        kind=record.kind,
        blocked=[_block(process, one) for one in record.blocked],
        blocked_count=record.blocked_count,
        blocked_s=rounded(record.blocked_s),
        longest_s=rounded(record.longest_s),
        exact=record.exact,
        coroutines=[
            snap.CoroutineTime(
                file=one.file,
                line=one.line,
                function=one.function,
                seconds=rounded(one.seconds),
                own=rounded(one.own_s),
            )
            for one in spent[:MOST_COROUTINES]
        ],
        tasks=None
        if listed is None or record.kind == "trio"
        else [
            _task(task)
            for task in listed.tasks
            if task.ident == thread.ident or (first and task.ident not in idents)
        ],
        tasks_at_s=None if listed is None else rounded_optional(listed.at),
        tasks_left_out=0 if listed is None else listed.left_out,
    )


def _block(process: ProcessState, one: Blocked) -> snap.LoopBlock:
    line = process.lines.get(one.lines[0][0]) if one.lines else None
    return snap.LoopBlock(
        at_s=rounded(one.began_s),
        seconds=rounded(one.seconds),
        file=line.file if line else "",
        line=line.number if line else 0,
        function=line.function if line else "",
        cpu_wait_s=rounded(one.cpu_wait_s),
    )


def _task(task: AsyncTask) -> snap.Task:
    return snap.Task(
        name=task.name,
        coroutine=task.coroutine,
        awaits=task.awaits,
        since_s=rounded_optional(task.since_s),
        parent=task.parent,
        address=task.address,
        kind=task.kind,
        file=task.file,
        line=task.line,
        at_file=task.at_file,
        at_line=task.at_line,
    )
