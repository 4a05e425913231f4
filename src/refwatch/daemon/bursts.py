"""Burst mode: windows of time in which some of the blocks that are allocated are seen."""

from __future__ import annotations

from collections.abc import Callable

from refwatch.daemon.numbers import Numbers
from refwatch.model import events as ev
from refwatch.model import reports as rp
from refwatch.observe.memory import RemoteMemory

STEP_NS = 50_000_000


class Bursts:
    """Opens and closes the windows, and tells what was seen in them."""

    def __init__(
        self,
        pid: int,
        hello: rp.Hello,
        memory: RemoteMemory | None,
        numbers: Numbers,
        emit: Callable[[ev.Event], None],
        send: Callable[[dict[str, object]], None],
        clock: Callable[[], int],
        budget: float,
    ) -> None:
        self.tracing_s = 0.0
        del pid, hello, memory, numbers, emit, send, clock, budget

    def begin(self) -> None:
        """Switch it on."""

    def end(self) -> None:
        """Switch it off."""

    def step(self, now: int) -> int:
        """Do what is due; the time at which to come again."""
        return now + STEP_NS

    def take(self, report: rp.Report) -> bool:
        """A report about bursts; False if it is none."""
        del report
        return False

    def read_last(self) -> None:
        """The target is about to end."""
