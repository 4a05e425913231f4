"""When whole stacks are read: a hundred times a second, or with every tenth sample at least."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 10  # samples between two readings, at most
PERIOD_NS = 9_500_000  # at the end of which the next sample reads them, where samples are rarer
PART = 100  # unless they took more than this part of one core


class StackPace:
    """On a busy machine samples come more rarely. Callers share the time at a line by chance, and
    stacks that came as much more rarely would make that worse, for little CPU time saved."""

    def __init__(self) -> None:
        self._number = 0
        self._at_ns = 0
        self._cost_ns = 0
        """CPU time that they took the last time."""

    def sampled(self, number: int, at_ns: int, read: Callable[[], None]) -> None:
        """Read them at this sample, if it is time."""
        since_ns = at_ns - self._at_ns
        if number - self._number < EVERY and since_ns < max(PERIOD_NS, PART * self._cost_ns):
            return
        began = time.thread_time_ns()
        read()
        self._cost_ns = time.thread_time_ns() - began
        self._number, self._at_ns = number, at_ns
