"""What is to be done when: jobs at their times, for a loop that asks again and again."""

from __future__ import annotations

from collections.abc import Callable

Job = Callable[[int], None]
"""Gets the time, nanoseconds since the session's start."""


class Jobs:
    """Each job has one time at most; one that has begun is due no more until somebody says when."""

    def __init__(self) -> None:
        self._due: dict[Job, int] = {}
        self.next: int | None = None
        """When the first of them is due; None where there is none."""

    def at(self, job: Job, when: int) -> None:
        """Do this job at this time."""
        self._due[job] = when
        if self.next is None or when < self.next:
            self.next = when

    def drop(self, job: Job) -> None:
        """Do not do this job."""
        self._due.pop(job, None)

    def clear(self) -> None:
        """There is nothing to be done any more."""
        self._due.clear()
        self.next = None

    def run(self, now: int) -> None:
        """Do what is due."""
        if self.next is None or now < self.next:
            return
        for job, when in list(self._due.items()):
            if now >= when and self._due.get(job) == when:
                del self._due[job]
                job(now)
        self.next = min(self._due.values(), default=None)
