"""The allocations of one target: which way they are seen, and the switch from one to another."""

from __future__ import annotations

from msgspec import Struct

from refwatch.readings.allocations.burst_mode import BurstMode
from refwatch.readings.allocations.events import AllocationsSwitched
from refwatch.readings.allocations.exact_mode import ExactMode
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.wire import commands as cmd
from refwatch.wire.commands import Mode

FRAMES = 1
BUDGET = 0.03
STEP_NS = 100_000_000  # at most: a report may have changed what is due


class AllocationOptions(Struct, frozen=True, kw_only=True):
    """What the user asked for. ``frames``: how deep exact tracebacks go. ``budget``: the share of
    the target's time that burst mode may cost."""

    mode: Mode = "burst"
    frames: int = FRAMES
    budget: float = BUDGET


class AllocationCollector:
    """The allocations of one process."""

    def __init__(
        self,
        context: Context,
        options: AllocationOptions,
        hello: rp.Hello,
        copies: Copies,
    ) -> None:
        self._context = context
        self._mode: Mode = "off"
        self._frames = options.frames
        numbers = SiteTable(context)
        self._bursts = BurstMode(context, hello, numbers, options.budget)
        self._traces = ExactMode(context, copies, numbers)
        self._switch(options.mode)
        context.scheduler.at(self._step, context.clock())

    @property
    def mode(self) -> Mode:
        """How allocations are to be seen now."""
        return self._mode

    @property
    def tracing_s(self) -> float:
        """Time that burst mode has cost the target so far, seconds."""
        return self._bursts.tracing_s

    def _step(self, now: int) -> int:
        return min(self._bursts.step(now), self._traces.step(now), now + STEP_NS)

    def take(self, report: rp.Report) -> bool:
        """A report about allocations; False if it is none."""
        return self._bursts.take(report) or self._traces.take(report)

    def obey(self, command: cmd.Command) -> bool:
        """A viewer's command about allocations; False if it is none."""
        if isinstance(command, cmd.SwitchAllocations):
            if command.frames is not None:
                self._frames = command.frames
            self._switch(command.mode)
        elif isinstance(command, cmd.CountTraces):
            self._traces.wanted()
        else:
            return False
        return True

    def _switch(self, mode: Mode) -> None:
        if mode != self._mode:
            self.end()
        self._mode = mode
        if mode == "burst":
            self._bursts.begin()
        elif mode == "exact":
            self._traces.begin(self._frames)
        else:
            self._context.emit(
                AllocationsSwitched(
                    at=self._context.now(), process=self._context.process, mode="off", frames=0
                )
            )

    def marked(self) -> None:
        """A mark was set: growth is to count from here."""
        self._traces.wanted()

    def read_last(self) -> None:
        """The target is about to end: this is the last moment to look. Raises MemoryGone,
        ReadingDenied."""
        self._traces.take_last(self._context.clock())
        self._bursts.read_last()

    @property
    def counting(self) -> bool:
        """Traces are being counted, or are about to be."""
        return self._traces.counting

    def end(self) -> None:
        """See them no more: the target is left as it was."""
        if self._mode == "burst":
            self._bursts.end()
        elif self._mode == "exact":
            self._traces.end()
        self._mode = "off"
