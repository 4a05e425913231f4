"""Timer queue of one process's collectors, run by the daemon's loop."""

from __future__ import annotations

from collections.abc import Callable

Job = Callable[[int], int | None]
"""Takes the time and returns when to run again, both in nanoseconds since the session began; None
where something else schedules it."""

RETRY_NS = 100_000_000
"""Delay before a job that raised runs again."""


class Scheduler:
    """Runs jobs when they are due. A job has at most one due time."""

    def __init__(self) -> None:
        self._due: dict[Job, int] = {}
        self.next: int | None = None
        """When the first job is due; None without jobs."""

    def at(self, job: Job, when: int) -> None:
        """Schedule the job for this time, instead of the one it had."""
        self._due[job] = when
        if self.next is None or when < self.next:
            self.next = when

    def drop(self, job: Job) -> None:
        """Unschedule the job."""
        self._due.pop(job, None)

    def clear(self) -> None:
        """Unschedule all jobs."""
        self._due.clear()
        self.next = None

    def run(self, now: int) -> None:
        """Run the jobs that are due. Raises what a job raises; that job is retried after
        RETRY_NS."""
        if self.next is None or now < self.next:
            return
        try:
            for job, when in list(self._due.items()):
                if now >= when and self._due.get(job) == when:
                    self._run(job, now)
        finally:
            self.next = min(self._due.values(), default=None)

    def _run(self, job: Job, now: int) -> None:
        retry = self._due[job] = now + RETRY_NS
        again = job(now)
        if self._due.get(job) != retry:  # the job has rescheduled itself, or was dropped
            return
        if again is None:
            del self._due[job]
        else:
            self._due[job] = again
