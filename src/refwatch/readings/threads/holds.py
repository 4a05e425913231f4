"""How long one thread keeps the GIL while others wait for it."""

from __future__ import annotations

from typing import NamedTuple

from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.locations import NO_LINE


class LongHold(NamedTuple):
    """A hold of the GIL: nanoseconds, its thread, and the line at which that was last seen."""

    ns: int = 0
    serial: int = 0
    line: int = NO_LINE


class HoldTracker:
    """The hold under way, and the longest since somebody asked. One hold is a row of samples that
    all found the same thread with the GIL, and no handoff between them."""

    def __init__(self) -> None:
        self._thread: TrackedThread | None = None
        self._line = NO_LINE
        self._switches = 0
        self._from_ns = 0
        self._longest = LongHold()

    def seen(
        self,
        holder: TrackedThread | None,
        switches: int,
        at_ns: int,
        last_ns: int,
        threads: ThreadList,
    ) -> None:
        """A sample has found this holder, None for a free GIL; ``threads`` are still what they were
        at the sample before, at ``last_ns``."""
        if holder is not self._thread or switches != self._switches:
            self._enter(last_ns, threads)
            self._thread, self._switches, self._from_ns = holder, switches, at_ns
            self._line = NO_LINE
        if holder is not None and holder.line > NO_LINE:  # else it was torn, or is the probe's
            self._line = holder.line

    def _enter(self, at_ns: int, threads: ThreadList) -> None:
        ns = at_ns - self._from_ns
        if (
            self._thread is not None
            and ns > self._longest.ns
            and any(t.blocked is ThreadState.GIL_WAIT for t in threads.by_tid.values())
        ):
            self._longest = LongHold(ns, self._thread.serial, self._line)

    def take_longest(self, at_ns: int, threads: ThreadList) -> LongHold:
        """The longest since this was last asked, with the one under way at ``at_ns``."""
        self._enter(at_ns, threads)
        longest, self._longest = self._longest, LongHold()
        return longest
