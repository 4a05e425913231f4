"""Timer queue of a process's watch, run by the daemon's loop."""

from __future__ import annotations

from collections.abc import Callable

Job = Callable[[int], int | None]
"""Gets the time and returns when it is to run again, both in nanoseconds since the session began;
None where something else will schedule it."""

RESTING = 5
"""Times more rarely jobs run while nothing happens in the target."""
REST_NS, LONGEST_REST_NS = 500_000_000, 5_000_000_000
"""From one run of a job to the next then, at least, and at most for it to be put off at all."""
RETRY_NS = 100_000_000
"""After which a job runs again that could not read the target."""


class Scheduler:
    """Runs jobs at their times; a job has one time at most."""

    def __init__(self) -> None:
        self.resting = False
        """Nothing happens in the target: jobs run more rarely, until :meth:`wake`."""
        self._put_off: dict[Job, int] = {}
        self._due: dict[Job, int] = {}
        self.next: int | None = None
        """When the first of them is due; None where there is none."""

    def __contains__(self, job: Job) -> bool:
        """Whether it has a time."""
        return job in self._due

    def at(self, job: Job, when: int) -> None:
        """Run the job at this time, instead of at the time it had."""
        self._due[job] = when
        if self.next is None or when < self.next:
            self.next = when

    def drop(self, job: Job) -> None:
        """Do not run the job."""
        self._due.pop(job, None)

    def clear(self) -> None:
        """Run none of them."""
        self._due.clear()
        self.next = None

    def run(self, now: int) -> None:
        """Run what is due. What a job raises is raised here; it will run again a moment later."""
        if self.next is None or now < self.next:
            return
        try:
            for job, when in list(self._due.items()):
                if now >= when and self._due.get(job) == when:
                    self._run(job, now)
        finally:
            self.next = min(self._due.values(), default=None)

    def _run(self, job: Job, now: int) -> None:
        del self._due[job]
        again: int | None = now + RETRY_NS
        try:
            again = job(now)
        finally:
            if again is not None:
                self._due.setdefault(job, self._later(job, again, now) if self.resting else again)

    def _later(self, job: Job, when: int, now: int) -> int:
        later = now + min(max(RESTING * (when - now), REST_NS), LONGEST_REST_NS)
        if later <= when:
            return when
        self._put_off[job] = when
        return later

    def wake(self) -> None:
        """Run what was put off at the time at which it was due."""
        if not self._put_off:
            return
        for job, when in self._put_off.items():
            if job in self._due:
                self._due[job] = min(self._due[job], when)
        self._put_off.clear()
        self.next = min(self._due.values(), default=None)
