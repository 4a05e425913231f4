"""The states of threads where only the probe may look: from samples taken inside the target.

Whoever samples from inside holds the GIL at that moment, so who held it just before can't be read.
What each thread waits for still can, from its own line of /proc; and of the threads that are
running, those whose Python line moved have had the GIL since the sample before: they share it.
"""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.readings.threads.events import (
    GilSlice,
    LineSeen,
    Sampled,
    ThreadEnded,
    ThreadNamed,
    ThreadSlice,
    ThreadStarted,
)
from refwatch.readings.threads.states import ThreadState, encode_runs
from refwatch.readings.threads.syscalls import Syscalls
from refwatch.target.context import Context
from refwatch.target.probe_messages import Answer, InsideSample, InsideThread


class _Thread(Struct, kw_only=True):
    serial: int
    seen: int
    name: str = ""
    samples: int = 0
    held_s: float = 0.0
    line: int = 0
    line_sent: int = 0
    times: dict[ThreadState, float] = field(default_factory=dict)
    hot: dict[tuple[int, ThreadState], float] = field(default_factory=dict)
    runs: list[tuple[ThreadState, int]] = field(default_factory=list)

    def add(self, state: ThreadState, span: float) -> None:
        self.samples += 1
        self.times[state] = self.times.get(state, 0.0) + span
        key = (self.line, state)
        self.hot[key] = self.hot.get(key, 0.0) + span
        self.runs.append((state, int(span * 1e6)))

    def take_slice(self) -> ThreadSlice:
        piece = ThreadSlice(
            serial=self.serial,
            samples=self.samples,
            states=self.times,
            runs=encode_runs(self.runs),
            hot=[(line, state, seconds) for (line, state), seconds in self.hot.items()],
            stack=[self.line] if self.line != self.line_sent else None,
        )
        self.line_sent = self.line
        self.samples, self.times, self.hot, self.runs = 0, {}, {}, []
        return piece


class InsideSampler:
    """Turns the probe's samples into the events that a sampler outside would send."""

    def __init__(self, context: Context, gil: int | None, rate_hz: float) -> None:
        self._context = context
        self._calls = Syscalls(gil)
        self._rate_hz = rate_hz
        self._threads: dict[int, _Thread] = {}
        self._lines: dict[tuple[str, int, str], int] = {}
        self._serial = 1 << 20  # apart from those that an outside sampler has given
        self._sched: dict[int, str] = {}
        self._round = 0
        self._at_ns = self._from_ns = 0
        self._samples = 0
        self._held_s = 0.0

    def begin(self, at_ns: int) -> None:
        """Time under watch starts here."""
        self._at_ns = self._from_ns = at_ns

    def sample(self, sample: InsideSample, at_ns: int) -> None:
        """Take one of the probe's samples in."""
        self._round += 1
        self._samples += 1
        span = max(0.0, (at_ns - self._at_ns) / 1e9)
        self._at_ns = at_ns
        waits = {row.ident: self._waits_for(row) for row in sample.threads}
        holder = self._holder([row for row in sample.threads if self._ran(row, waits[row.ident])])
        if holder is not None:
            self._held_s += span
        for row in sample.threads:
            thread = self._threads.get(row.ident) or self._begin_thread(row, at_ns)
            thread.seen = self._round
            thread.line = self._line(row, at_ns)
            state = waits[row.ident]
            if row.ident == holder:
                thread.held_s += span
                state = ThreadState.GIL_HELD
            elif state is None:
                state = ThreadState.GIL_WAIT if row.moved else ThreadState.NATIVE
            thread.add(state, span)
        self._end_threads(at_ns)

    def _waits_for(self, row: InsideThread) -> ThreadState | None:
        if row.call:
            return self._calls.state(row.call.encode())
        return None if row.moved else ThreadState.OTHER

    def _ran(self, row: InsideThread, state: ThreadState | None) -> bool:
        """Whether it has run Python since the sample before. One that waits for the GIL now, which
        the probe has, ran Python if it had a CPU at all; one that runs may be in native code."""
        before = self._sched.get(row.ident, row.sched)
        self._sched[row.ident] = row.sched
        return (
            row.moved
            if state is None
            else state is ThreadState.GIL_WAIT
            and (row.moved or row.sched.split(" ")[0] != before.split(" ")[0])
        )

    def _holder(self, ran: list[InsideThread]) -> int | None:
        """One of the threads that ran Python: the one that has had the smallest share so far. It
        may have begun to wait, for the GIL that the probe has now."""
        return min((row.ident for row in ran), key=self._held_of, default=None)

    def _held_of(self, ident: int) -> float:
        thread = self._threads.get(ident)
        return thread.held_s if thread else 0.0

    def _begin_thread(self, row: InsideThread, at_ns: int) -> _Thread:
        self._serial += 1
        thread = self._threads[row.ident] = _Thread(serial=self._serial, seen=self._round)
        at, tid = at_ns / 1e9, row.tid or 0
        self._context.emit(
            ThreadStarted(
                at=at, serial=thread.serial, process=self._context.process, tid=tid, ident=row.ident
            )
        )
        return thread

    def _end_threads(self, at_ns: int) -> None:
        for ident, thread in list(self._threads.items()):
            if thread.seen != self._round:
                del self._threads[ident]
                self._sched.pop(ident, None)
                self._context.emit(
                    ThreadEnded(at=at_ns / 1e9, process=self._context.process, serial=thread.serial)
                )

    def _line(self, row: InsideThread, at_ns: int) -> int:
        key = (row.file, row.line, row.function)
        number = self._lines.get(key)
        if number is None:
            number = self._lines[key] = len(self._lines) + (1 << 20)
            self._context.emit(
                LineSeen(
                    at=at_ns / 1e9,
                    process=self._context.process,
                    line=number,
                    file=row.file,
                    number=row.line,
                    function=row.function,
                )
            )
        return number

    def take_names(self, answer: Answer) -> None:
        """Give the threads the names that threading has for them."""
        for ident, _, name, daemon in answer.threads:
            thread = self._threads.get(ident)
            if thread is not None and thread.name != name:
                thread.name = name
                self._context.emit(
                    ThreadNamed(
                        process=self._context.process,
                        at=self._at_ns / 1e9,
                        serial=thread.serial,
                        name=name,
                        daemon=daemon,
                    )
                )

    def slice(self) -> None:
        """Send what the samples since the last slice add up to."""
        pieces = [thread.take_slice() for thread in self._threads.values() if thread.samples]
        span = (self._at_ns - self._from_ns) / 1e9
        waited = sum(piece.states.get(ThreadState.GIL_WAIT, 0.0) for piece in pieces)
        gil = GilSlice(held_s=self._held_s, wait_s=waited, handoffs=0, interval_s=0.0)
        at = self._at_ns / 1e9
        self._context.emit(
            Sampled(
                at=at,
                process=self._context.process,
                span_s=span,
                samples=self._samples,
                gil=gil,
                threads=pieces,
                rate_hz=self._rate_hz,
            )
        )
        self._from_ns, self._samples, self._held_s = self._at_ns, 0, 0.0
