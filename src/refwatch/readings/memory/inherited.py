"""Reads from time to time what the child of a fork still shares with its parent."""

from __future__ import annotations

import time
from collections.abc import Callable

from refwatch.readings.memory.events import InheritedMeasured
from refwatch.target.context import Context
from refwatch.target.inherited_memory import InheritedMemory
from refwatch.target.memory import MemoryGone, ReadingDenied

FIRST_NS = 300_000_000
SLOWEST_NS = 5_000_000_000  # each interval is twice the one before, up to this
SHARE = 0.005  # of the time may go into it
LAST_S = 0.02  # at the end the process waits for the reading: not for longer than this


class InheritedCollector:
    """``parent``: pid of the process that has forked it a moment ago. ``copied``: whether a copy
    may exist, with which the process shares its memory."""

    def __init__(self, context: Context, parent: int, copied: Callable[[], bool]) -> None:
        self._context = context
        self._copied = copied
        self._interval_ns = FIRST_NS
        self._took_s = 0.0
        try:
            self._memory: InheritedMemory | None = InheritedMemory(context.pid, parent)
        except (OSError, MemoryGone, ReadingDenied):  # the next reading says so, where it matters
            self._memory = None
            return
        context.scheduler.at(self._measure, context.clock() + FIRST_NS)

    def end(self) -> None:
        """No reading after this."""
        self._context.scheduler.drop(self._measure)
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def read_last(self) -> None:
        """The process is about to end."""
        if self._took_s < LAST_S:
            self._read()
        self.end()

    def _measure(self, now: int) -> int | None:
        if not self._read():
            return None
        self._interval_ns = min(2 * self._interval_ns, SLOWEST_NS)
        return now + max(
            self._context.stretched(self._interval_ns), int(self._took_s / SHARE * 1e9)
        )

    def _read(self) -> bool:
        """False when one of the two processes is gone."""
        if self._memory is None:
            return False
        if self._copied():
            return True
        began = time.perf_counter()
        try:
            found = self._memory.read()
        except (OSError, MemoryGone, ReadingDenied):
            self.end()
            return False
        self._took_s = time.perf_counter() - began
        if found.inherited:
            self._context.emit(
                InheritedMeasured(
                    at=self._context.now(),
                    process=self._context.process,
                    inherited=found.inherited,
                    copied=found.copied,
                    by_counts=found.by_counts,
                )
            )
        return True
