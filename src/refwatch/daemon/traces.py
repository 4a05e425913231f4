"""Exact mode: tracemalloc in the target, and its traces counted in a copy."""

from __future__ import annotations

from collections.abc import Callable

from refwatch.daemon.copies import Copies
from refwatch.daemon.numbers import Numbers
from refwatch.model import events as ev
from refwatch.model import reports as rp

STEP_NS = 50_000_000


class ExactTraces:
    """Has tracemalloc switched on and off, and copies made that count its traces."""

    def __init__(
        self,
        pid: int,
        copies: Copies,
        numbers: Numbers,
        emit: Callable[[ev.Event], None],
        send: Callable[[dict[str, object]], None],
        clock: Callable[[], int],
    ) -> None:
        del pid, copies, numbers, emit, send, clock

    def begin(self, frames: int) -> None:
        """Switch it on, with tracebacks so deep."""

    def end(self) -> None:
        """Switch it off, unless it is the target's own."""

    def wanted(self) -> None:
        """Count the traces as soon as the count that is under way is done."""

    def step(self, now: int) -> int:
        """Do what is due; the time at which to come again."""
        return now + STEP_NS

    def take(self, report: rp.Report) -> bool:
        """A report about tracemalloc; False if it is none."""
        del report
        return False
