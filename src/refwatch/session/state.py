"""The state of a session: a fold over its events, with bounded memory.

Live view, replay, snapshot and summary read this and nothing else, so a recording shows what the
live session showed. Nothing here reads a clock, a file or a process.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from refwatch.model import events as ev
from refwatch.model.events import Event
from refwatch.session import codec
from refwatch.session.allocations import Allocations
from refwatch.session.process import ProcessState, ThreadRecord
from refwatch.session.references import References

KEEP_NOTES = 500
KEEP_MARKS = 1000
KEEP_RATE_CHANGES = 20
KEEP_WORK = 20
PIECE = 4096  # characters; a million pieces of two characters would take fifty times their size
KEEP_OUTPUT = 1 << 20  # characters of the target's output


class Note(Struct):
    """One line of the list of events that a user reads."""

    at: float
    level: str
    text: str


class Line(Struct):
    """A source line that a sample has named."""

    file: str
    number: int
    function: str


class Cost(Struct):
    """What refwatch has used so far, seconds."""

    probe_cpu_s: float = 0.0
    probe_gil_held_s: float = 0.0
    daemon_cpu_s: float = 0.0
    tracing_s: float = 0.0
    measured: bool = False
    """False until the first measurement: the zeros mean nothing then."""


class Output(Struct):
    """The target's terminal output, the last million characters of it. Small pieces are joined, so
    the last of ``pieces`` may grow: :meth:`since` says what is new."""

    pieces: deque[str] = field(default_factory=deque)
    kept: int = 0
    written: int = 0
    """Characters written in all; it grows with every piece."""

    def add(self, text: str) -> None:
        if self.pieces and len(self.pieces[-1]) < PIECE:
            self.pieces[-1] += text
        else:
            self.pieces.append(text)
        self.kept += len(text)
        self.written += len(text)
        while self.kept > KEEP_OUTPUT and len(self.pieces) > 1:
            self.kept -= len(self.pieces.popleft())

    def since(self, written: int) -> str:
        """What came after the first ``written`` characters, as far back as it is kept."""
        missing = self.written - written
        newest: deque[str] = deque()
        for piece in reversed(self.pieces):
            if missing <= 0:
                break
            newest.appendleft(piece[-missing:])
            missing -= len(piece)
        return "".join(newest)


class State(Struct):
    """All that is known of a session up to ``now``."""

    now: float = 0.0
    """Time of the newest event, seconds since the target started."""
    version: int = 0
    """Grows with every event: a view redraws when it has."""
    target: ev.TargetStarted | None = None
    interpreter: ev.InterpreterFound | None = None
    processes: dict[int, ProcessState] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    """reading -> reason"""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=KEEP_NOTES))
    marks: list[ev.Marked] = field(default_factory=list)
    cost: Cost = field(default_factory=Cost)
    output: Output = field(default_factory=Output)
    work: dict[str, ev.WorkProgressed] = field(default_factory=dict)
    """Long work that goes on in a copy, or has lately ended, by the name its viewer gave it."""
    graph_paths: list[str] = field(default_factory=list)
    """Where the last reference graph was written."""
    rate_hz: float = 0.0
    rate_changes: list[str] = field(default_factory=list)
    exited: ev.TargetExited | None = None
    ended: str | None = None
    """Why no further reading will come; None while the watch goes on."""
    snapshot_path: str | None = None
    """Where the last snapshot was written."""

    @property
    def main(self) -> ProcessState | None:
        """The process that was started or attached to."""
        return self.processes.get(self.target.pid) if self.target else None

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self.now = max(self.now, event.at)
        self.version += 1
        _FOLDS[type(event)](self, event)

    def checkpoint(self) -> ev.Checkpoint:
        """All of it as one event, which another state takes in as it takes in others."""
        return ev.Checkpoint(self.now, codec.shape_of(State), codec.encode(self))

    def note(self, at: float, text: str, level: str = "info") -> None:
        self.notes.append(Note(at, level, text))

    def thread(self, serial: int) -> tuple[ProcessState, ThreadRecord] | None:
        """The thread of this serial, with its process."""
        for process in self.processes.values():
            found = process.threads.get(serial)
            if found is not None:
                return process, found
        return None


def _target_started(state: State, event: ev.TargetStarted) -> None:
    state.target = event
    state.processes[event.pid] = ProcessState(
        event.pid, list(event.argv), event.at, ppid=event.ppid
    )
    state.note(event.at, f"started, pid {event.pid}")


def _interpreter_found(state: State, event: ev.InterpreterFound) -> None:
    state.interpreter = event
    process = state.processes.get(event.pid)
    if process:
        process.gil.present = event.gil
        process.gil.switch_interval_s = event.switch_interval_s
    state.note(event.at, f"probe calibrated on CPython {event.python}")


def _reading_limited(state: State, event: ev.ReadingLimited) -> None:
    if state.limits.get(event.reading) != event.reason:
        state.limits[event.reading] = event.reason
        state.note(event.at, f"{event.reading}: {event.reason}", "warning")


def _thread_started(state: State, event: ev.ThreadStarted) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.add_thread(
            ThreadRecord(event.serial, event.tid, event.ident, event.at, name=event.name)
        )


def _thread_named(state: State, event: ev.ThreadNamed) -> None:
    found = state.thread(event.serial)
    if found:
        _, thread = found
        if thread.named and thread.name != event.name:
            state.note(event.at, f"thread {thread.name} is now {event.name}")
        thread.name, thread.named = event.name, True
        if event.daemon is not None:
            thread.daemon = event.daemon


def _thread_ended(state: State, event: ev.ThreadEnded) -> None:
    found = state.thread(event.serial)
    if found:
        process, thread = found
        process.end_thread(thread, event.at)


def _line_seen(state: State, event: ev.LineSeen) -> None:
    state.lines[event.line] = Line(event.file, event.number, event.function)


def _sampled(state: State, event: ev.Sampled) -> None:
    process = state.processes.get(event.pid)
    if event.rate_hz > 0:  # 0 in what is left over when sampling stops
        state.rate_hz = event.rate_hz
    if process:
        process.sampled(event)


def _process_measured(state: State, event: ev.ProcessMeasured) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.measured(event)


def _gc_measured(state: State, event: ev.GcMeasured) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.gc = list(event.generations)


def _cost_measured(state: State, event: ev.CostMeasured) -> None:
    state.cost = Cost(
        event.probe_cpu_s,
        event.probe_gil_held_s,
        event.daemon_cpu_s,
        event.tracing_s,
        measured=True,
    )


def _rate_changed(state: State, event: ev.RateChanged) -> None:
    state.rate_hz = event.rate_hz
    text = f"{event.rate_hz:.0f} samples/s: {event.reason}"
    state.rate_changes = [*state.rate_changes, text][-KEEP_RATE_CHANGES:]
    state.note(event.at, text)


def _output_written(state: State, event: ev.OutputWritten) -> None:
    state.output.add(event.data)


def _noted(state: State, event: ev.Noted) -> None:
    state.note(event.at, event.text, event.level)


def _marked(state: State, event: ev.Marked) -> None:
    state.marks = [*state.marks, event][-KEEP_MARKS:]
    for process in state.processes.values():
        process.references.mark(event.at, event.name)
        process.allocations.mark(event.at, event.name)
    state.note(event.at, f"mark {event.name}")


def _snapshot_written(state: State, event: ev.SnapshotWritten) -> None:
    state.snapshot_path = event.path
    state.note(event.at, f"snapshot written to {event.path}")


def _target_exited(state: State, event: ev.TargetExited) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.end(event.at, event.exit_code)
    if state.target and event.pid == state.target.pid:
        state.exited = event
        state.note(event.at, f"the target ended {_how(event.exit_code)}")


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "with unknown status"
    if exit_code > 128 and exit_code - 128 in signal.valid_signals():
        return f"by {signal.Signals(exit_code - 128).name}, status {exit_code}"
    return f"with status {exit_code}"


def _gc_paused(state: State, event: ev.GcPaused) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.references.gc_pauses = event.generations


def _watched_ended(state: State, event: ev.WatchedEnded) -> None:
    process = state.processes.get(event.pid)
    record = process.references.watched.get(event.watch) if process else None
    if process and record is not None:
        process.references.ended_object(event)
        if event.died and record.source != "main":
            state.note(event.at, f"{record.name} ({record.type}) died")


def _census_failed(state: State, event: ev.CensusFailed) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.references.failed_census(event)
    again = "" if event.retry_s is None else f"; tried again in {event.retry_s:.0f} s"
    state.note(event.at, f"no census: {event.reason}{again}", "warning")


def _work_progressed(state: State, event: ev.WorkProgressed) -> None:
    state.work.pop(event.work, None)
    state.work[event.work] = event
    while len(state.work) > KEEP_WORK:
        del state.work[next(iter(state.work))]
    if event.failure is not None:
        state.note(event.at, event.failure, "warning")


def _graph_written(state: State, event: ev.GraphWritten) -> None:
    state.graph_paths = event.paths
    state.note(event.at, f"reference graph written to {' and '.join(event.paths)}")


def _reference_fold(take: Callable[[References, Any], None]) -> Callable[[State, Any], None]:
    def fold(state: State, event: Any) -> None:  # noqa: ANN401 - the table below has its type
        process = state.processes.get(event.pid)
        if process:
            take(process.references, event)

    return fold


def _allocation_fold(take: Callable[[Allocations, Any], None]) -> Callable[[State, Any], None]:
    def fold(state: State, event: Any) -> None:  # noqa: ANN401 - the table below has its type
        process = state.processes.get(event.pid)
        if process:
            take(process.allocations, event)

    return fold


def _allocations_switched(state: State, event: ev.AllocationsSwitched) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.allocations.switched(event)
    more = f": {event.note}" if event.note else ""
    state.note(event.at, f"allocations: {event.mode}{more}", "warning" if more else "info")


def _traces_failed(state: State, event: ev.TracesFailed) -> None:
    process = state.processes.get(event.pid)
    if process:
        process.allocations.failed_traces(event)
    again = "" if event.retry_s is None else f"; tried again in {event.retry_s:.0f} s"
    state.note(event.at, f"traces not counted: {event.reason}{again}", "warning")


def _checkpoint(state: State, event: ev.Checkpoint) -> None:
    try:
        if event.shape != codec.shape_of(State):
            raise codec.CodecError("it is of another version of refwatch")
        whole = codec.decode(event.data, State)
    except codec.CodecError as error:
        state.note(event.at, f"what came before cannot be read: {error}", "error")
        return
    for name in State.__struct_fields__:
        setattr(state, name, getattr(whole, name))


def _watch_ended(state: State, event: ev.WatchEnded) -> None:
    state.ended = event.reason


_REFERENCE_FOLDS: Mapping[type, Callable[[References, Any], None]] = {
    ev.WatchedFound: References.found_object,
    ev.WatchedRead: References.read_objects,
    ev.WatchedCounted: References.counted_objects,
    ev.ClassFound: References.found_class,
    ev.ClassesCounted: References.counted_classes,
    ev.ClassEnded: References.ended_class,
    ev.CensusBegun: References.begun_census,
    ev.TargetPaused: References.paused,
    ev.CensusTaken: References.taken_census,
    ev.ChainsFound: References.found_chains,
    ev.ReferrersFound: References.found_referrers,
    ev.InspectionEnded: References.ended_inspection,
}

_ALLOCATION_FOLDS: Mapping[type, Callable[[Allocations, Any], None]] = {
    ev.SitesSeen: Allocations.saw_sites,
    ev.TracebacksSeen: Allocations.saw_tracebacks,
    ev.BurstMeasured: Allocations.measured_burst,
    ev.TracesTaken: Allocations.took_traces,
    ev.MemoryMeasured: Allocations.measured_memory,
}

_FOLDS: dict[type, Callable[[State, Any], None]] = {
    ev.TargetStarted: _target_started,
    ev.InterpreterFound: _interpreter_found,
    ev.ReadingLimited: _reading_limited,
    ev.ThreadStarted: _thread_started,
    ev.ThreadNamed: _thread_named,
    ev.ThreadEnded: _thread_ended,
    ev.LineSeen: _line_seen,
    ev.Sampled: _sampled,
    ev.ProcessMeasured: _process_measured,
    ev.GcMeasured: _gc_measured,
    ev.CostMeasured: _cost_measured,
    ev.RateChanged: _rate_changed,
    ev.OutputWritten: _output_written,
    ev.Noted: _noted,
    ev.Marked: _marked,
    ev.SnapshotWritten: _snapshot_written,
    ev.TargetExited: _target_exited,
    ev.WatchEnded: _watch_ended,
    ev.Checkpoint: _checkpoint,
    ev.GcPaused: _gc_paused,
    ev.WatchedEnded: _watched_ended,
    ev.CensusFailed: _census_failed,
    ev.WorkProgressed: _work_progressed,
    ev.GraphWritten: _graph_written,
    ev.AllocationsSwitched: _allocations_switched,
    ev.TracesFailed: _traces_failed,
    **{kind: _allocation_fold(take) for kind, take in _ALLOCATION_FOLDS.items()},
    **{kind: _reference_fold(take) for kind, take in _REFERENCE_FOLDS.items()},
}
