"""The allocations of one target: which way they are seen, and the switch from one to another."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from refwatch.daemon.bursts import Bursts
from refwatch.daemon.copies import Copies
from refwatch.daemon.numbers import Numbers
from refwatch.daemon.traces import ExactTraces
from refwatch.model import commands as cmd
from refwatch.model import events as ev
from refwatch.model import reports as rp
from refwatch.model.allocations import Mode
from refwatch.observe.memory import RemoteMemory

FRAMES = 1
BUDGET = 0.03


class AllocationOptions(Struct, frozen=True):
    """What the user asked for. ``frames``: how deep exact tracebacks go. ``budget``: the share of
    the target's time that burst mode may cost."""

    mode: Mode = "burst"
    frames: int = FRAMES
    budget: float = BUDGET


class AllocationWatch:
    """The allocations of process ``pid``. ``send`` gives the probe a command."""

    def __init__(
        self,
        pid: int,
        options: AllocationOptions,
        hello: rp.Hello,
        memory: RemoteMemory | None,
        copies: Copies,
        emit: Callable[[ev.Event], None],
        send: Callable[[dict[str, object]], None],
        clock: Callable[[], int],
    ) -> None:
        self._pid = pid
        self._emit = emit
        self._clock = clock
        self._mode: Mode = "off"
        self._frames = options.frames
        numbers = Numbers(pid, emit)
        self._bursts = Bursts(pid, hello, memory, numbers, emit, send, clock, options.budget)
        self._traces = ExactTraces(pid, copies, numbers, emit, send, clock)
        self._switch(options.mode)

    @property
    def mode(self) -> Mode:
        """How allocations are to be seen now."""
        return self._mode

    @property
    def tracing_s(self) -> float:
        """Time that burst mode has cost the target so far, seconds."""
        return self._bursts.tracing_s

    def step(self, now: int) -> int:
        """Do what is due; the time at which to come again. Raises MemoryGone, ReadingDenied."""
        return min(self._bursts.step(now), self._traces.step(now))

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
            self._emit(ev.AllocationsSwitched(self._clock() / 1e9, self._pid, "off", 0))

    def marked(self) -> None:
        """A mark was set: growth is to count from here."""
        self._traces.wanted()

    def read_last(self) -> None:
        """The target is about to end: this is the last moment to look. Raises MemoryGone,
        ReadingDenied."""
        self._traces.take_last(self._clock())
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
