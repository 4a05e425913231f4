"""Reads a process's memory, CPU time and children at intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from refwatch.target.context import Context

if TYPE_CHECKING:
    from refwatch.readings.memory.process_usage import ProcessReader

INTERVAL_NS = 250_000_000
FIRST_NS = 100_000_000  # a target that ends sooner is not worth loading psutil for


class UsageCollector:
    """``copied``: whether a copy may exist, with which the process shares its memory."""

    def __init__(self, context: Context, copied: Callable[[], bool]) -> None:
        self._context = context
        self._copied = copied
        self._reader: ProcessReader | None = None

    def begin(self) -> None:
        self._context.scheduler.at(self._measure, self._context.clock() + FIRST_NS)

    def end(self) -> None:
        self._context.scheduler.drop(self._measure)

    def read_last(self) -> None:
        """The process is about to end: read once more, if it was read before, and then no more."""
        self.end()
        if self._reader is not None:
            self._read(last=True)

    def _measure(self, now: int) -> int | None:
        return now + self._context.stretched(INTERVAL_NS) if self._read(last=False) else None

    def _read(self, *, last: bool) -> bool:
        """False when the process is gone."""
        from refwatch.readings.memory.process_usage import ProcessGone, ProcessReader  # psutil

        try:
            self._reader = self._reader or ProcessReader(self._context)
            at = self._context.now()
            self._context.emit(self._reader.read(at, last=last, copied=self._copied()))
        except ProcessGone:
            return False
        if self._reader.uss_denied:
            self._context.limit("uss", "not permitted: /proc/PID/smaps_rollup")
        return True
