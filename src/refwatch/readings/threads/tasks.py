"""The tasks of a process's event loops, from what a copy has found to an event."""

from __future__ import annotations

from msgspec.structs import asdict

from refwatch.readings.threads.loop_events import AsyncTask, TasksListed
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context


def tasks_listed(context: Context, report: rp.TasksReport, at: float) -> TasksListed:
    """The event; ``at``: when the copy was made, seconds since the session began."""
    return TasksListed(
        at=at,
        process=context.process,
        tasks=[AsyncTask(**asdict(row)) for row in report.tasks],
        left_out=report.left_out,
    )
