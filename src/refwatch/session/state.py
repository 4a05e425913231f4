"""State of a session: a fold over its events, with bounded memory.

Live view, replay, snapshot and summary read nothing else, so that a recording shows what the live
session showed. Nothing here reads a clock, a file or a process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from refwatch.readings.allocations.state import Allocations
from refwatch.readings.objects.state import References
from refwatch.readings.threads.loop_state import LoopsState
from refwatch.readings.threads.state import ThreadRecord
from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.output import Output
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_seconds, fmt_status
from refwatch.wire.event import MAIN, SESSION, TimedEvent

KEEP_NOTES = 500
KEEP_MARKS = 1000
KEEP_RATE_CHANGES = 20
KEEP_WORK = 20
KEEP_PROCESSES = 200  # of those that have ended
MOST_TOLD = 20  # processes of whose start there is a note


class Note(Struct, kw_only=True):
    """A line of the event list."""

    at: float
    level: str
    text: str
    process: int = SESSION
    """Number of the process that it is about, or of the session."""


class ForgottenProcesses(Struct, kw_only=True):
    """Sums over processes that have ended and are no longer kept; times in seconds."""

    processes: int = 0
    failed: int = 0
    """By a signal, or with a status that is not 0."""
    copied: int = 0
    """Of which there was a hidden copy."""
    cpu_s: float = 0.0
    gil_held_s: float = 0.0
    threads: int = 0


class MemoryTotal(Struct, kw_only=True):
    """Memory of all processes that run, in bytes: as last read, and at most. Pages that processes
    share count in ``rss`` of each, and in ``uss`` of none; ``uss`` is None until it was read of
    each that runs."""

    rss: int | None = None
    uss: int | None = None
    peak_rss: int | None = None
    peak_uss: int | None = None


class State(Struct, kw_only=True):
    """Everything known about a session up to ``now``."""

    now: float = 0.0
    """Time of the newest event, in seconds since the session began."""
    version: int = 0
    """Number of events so far: a view redraws when it changes."""
    processes: dict[int, ProcessState] = field(default_factory=dict)
    """Process number -> process, in the order in which they were seen."""
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=KEEP_NOTES))
    marks: list[ev.Marked] = field(default_factory=list)
    output: Output = field(default_factory=Output)
    memory: MemoryTotal = field(default_factory=MemoryTotal)
    forgotten: ForgottenProcesses = field(default_factory=ForgottenProcesses)
    ended: str | None = None
    """Why nothing more will be read; None while the session goes on."""

    @property
    def main(self) -> ProcessState | None:
        """The process that was started or attached to."""
        return self.processes.get(MAIN)

    @property
    def process_count(self) -> int:
        """Number of processes so far, with those that are no longer kept."""
        return len(self.processes) + self.forgotten.processes

    @property
    def cpu_s(self) -> float:
        """CPU time of all of them, seconds."""
        return self.children_cpu_s + (self.main.cpu_s if self.main is not None else 0.0)

    @property
    def children_cpu_s(self) -> float:
        """That of the children that are watched: as last read of each, or what the system has told
        the program of those that it has waited for, where that is of no others and is more. Of a
        child that lived for a moment nothing was read."""
        children = [one for one in self.processes.values() if one.number != MAIN]
        read = sum(one.cpu_s for one in children) + self.forgotten.cpu_s
        memory = self.main.memory if self.main is not None else None
        others = self.forgotten.copied or any(one.copied for one in children)
        if memory is None or memory.children or others or self.process_count < 2:
            return read
        return max(read, memory.reaped_s)

    @property
    def gil_held_s(self) -> float:
        """Seconds for which their GILs were held, in sum."""
        return sum(one.gil.held_s for one in self.processes.values()) + self.forgotten.gil_held_s

    def references_of(self, process: int) -> References | None:
        """What is known of the references of this process; None for an unknown one."""
        known = self.processes.get(process)
        return known.references if known is not None else None

    @property
    def target(self) -> ev.TargetStarted | None:
        """How it was started; None before that."""
        return self.main.started if self.main is not None else None

    @property
    def exited(self) -> ev.TargetExited | None:
        """How it ended; None while it runs."""
        return self.main.exited if self.main is not None else None

    @property
    def over(self) -> bool:
        """Whether nothing more is read: the target has ended, or the session has."""
        return self.exited is not None or self.ended is not None

    def apply(self, event: TimedEvent) -> None:
        """Fold an event into the state. Events of an unknown process change only the time."""
        self.now = max(self.now, event.at)
        self.version += 1
        fold = _SESSION_FOLDS.get(type(event))
        if fold is not None:
            fold(self, event)
            return
        process = self.processes.get(event.process)
        if process is not None:
            _PROCESS_FOLDS[type(event)](self, process, event)

    def checkpoint(self) -> ev.Checkpoint:
        """The whole state as one event, to be applied to another state."""
        return ev.Checkpoint(at=self.now, shape=codec.shape_of(State), data=codec.encode(self))

    def forget_processes(self) -> None:
        """Keep the newest of those that have ended, rather those that ended badly; of the others
        only their sums."""
        ended = [one for one in self.processes.values() if one.exited and one.number != MAIN]
        ended.sort(key=lambda one: one.failed)
        for old in ended[: max(0, len(ended) - KEEP_PROCESSES)]:
            del self.processes[old.number]
            self.forgotten.processes += 1
            self.forgotten.failed += old.failed
            self.forgotten.copied += old.copied
            self.forgotten.cpu_s += old.cpu_s
            self.forgotten.gil_held_s += old.gil.held_s
            self.forgotten.threads += len(old.threads) + old.forgotten_threads

    def note(self, event: TimedEvent, text: str, level: str = "info") -> None:
        """Add a line to the event list."""
        self.notes.append(Note(at=event.at, level=level, text=text, process=event.process))


# Events of the session


def _process_started(state: State, event: ev.TargetStarted) -> None:
    before = state.processes.get(event.process)
    if before is not None:  # an exec: the process goes on, with another program
        event = replace(event, ppid=before.started.ppid, began_s=before.began_s)
        state.processes[event.process] = ProcessState(started=event)
        state.note(event, f"runs another program now, pid {event.pid}")
        return
    state.processes[event.process] = ProcessState(started=event)
    state.forget_processes()
    if event.process == MAIN:
        state.note(event, f"started, pid {event.pid}")
    elif len(state.processes) <= MOST_TOLD:
        state.note(event, f"child started ({event.start_method}), pid {event.pid}")


def _output_written(state: State, event: ev.OutputWritten) -> None:
    state.output.add(event.data)


def _terminal_sized(state: State, event: ev.TerminalSized) -> None:
    state.output.resize(event.rows, event.columns)


def _noted(state: State, event: ev.Noted) -> None:
    state.note(event, event.text, event.level)


def _marked(state: State, event: ev.Marked) -> None:
    state.marks = [*state.marks, event][-KEEP_MARKS:]
    for process in state.processes.values():
        process.mark(event.at, event.name)
    state.note(event, f"mark {event.name}")


def _snapshot_written(state: State, event: ev.SnapshotWritten) -> None:
    state.note(event, f"snapshot written to {event.path}")


def _checkpoint(state: State, event: ev.Checkpoint) -> None:
    try:
        if event.shape != codec.shape_of(State):
            raise codec.CodecError("it was written by another version of refwatch")
        whole = codec.decode(event.data, State)
    except codec.CodecError as error:
        state.note(event, f"the state up to here cannot be read: {error}", "error")
        return
    for name in State.__struct_fields__:
        setattr(state, name, getattr(whole, name))


def _watch_ended(state: State, event: ev.SessionEnded) -> None:
    state.ended = event.reason


# Events of a process


def _process_measured(state: State, process: ProcessState, event: ev.ProcessMeasured) -> None:
    process.measured(event)
    sizes = [one.resident for one in state.processes.values() if not one.exited and one.memory]
    total = state.memory
    total.rss = sum(rss for rss, _ in sizes)
    total.peak_rss = max(total.rss, total.peak_rss or 0)
    private = [uss for _, uss in sizes if uss is not None]
    total.uss = sum(private) if len(private) == len(sizes) else None
    if total.uss is not None:
        total.peak_uss = max(total.uss, total.peak_uss or 0)


def _interpreter_found(state: State, process: ProcessState, event: ev.InterpreterFound) -> None:
    process.interpreter = event
    process.gil.present = event.gil
    process.gil.switch_interval_s = event.switch_interval_s
    state.note(event, f"probe calibrated on CPython {event.python}")


def _reading_limited(state: State, process: ProcessState, event: ev.ReadingLimited) -> None:
    if process.limits.get(event.reading) != event.reason:
        process.limits[event.reading] = event.reason
        state.note(event, f"{event.reading}: {event.reason}", "warning")


def _thread_started(state: State, process: ProcessState, event: ev.ThreadStarted) -> None:  # noqa: ARG001
    process.add_thread(
        ThreadRecord(
            serial=event.serial,
            tid=event.tid,
            ident=event.ident,
            started_s=event.at,
            name=event.name,
        )
    )


def _thread_named(state: State, process: ProcessState, event: ev.ThreadNamed) -> None:
    thread = process.threads.get(event.serial)
    if thread is not None:
        if thread.named and thread.name != event.name:
            state.note(event, f"thread {thread.name} is now {event.name}")
        thread.name, thread.named = event.name, True
        if event.daemon is not None:
            thread.daemon = event.daemon


def _rate_changed(state: State, process: ProcessState, event: ev.RateChanged) -> None:
    process.rate_hz = event.rate_hz
    text = f"{event.rate_hz:.0f} samples/s: {event.reason}"
    process.rate_changes = [*process.rate_changes, text][-KEEP_RATE_CHANGES:]
    state.note(event, text)


def _target_exited(state: State, process: ProcessState, event: ev.TargetExited) -> None:
    process.end(event)
    if event.process == MAIN:
        state.note(event, f"the target {fmt_status(event.exit_code)}")


def _watched_ended(state: State, process: ProcessState, event: ev.WatchedEnded) -> None:
    record = process.references.watched.get(event.watch)
    if record is not None:
        process.references.ended_object(event)
        if event.died and record.found.source != "main":
            state.note(event, f"{record.found.name} ({record.found.type}) died")


def _census_failed(state: State, process: ProcessState, event: ev.CensusFailed) -> None:
    process.references.failed_census(event)
    state.note(event, f"no census: {event.reason}{_again(event.retry_s)}", "warning")


def _work_progressed(state: State, process: ProcessState, event: ev.WorkProgressed) -> None:
    process.work.pop(event.work, None)
    process.work[event.work] = event
    while len(process.work) > KEEP_WORK:
        del process.work[next(iter(process.work))]
    if event.failure is not None:
        state.note(event, event.failure, "warning")


def _graph_written(state: State, process: ProcessState, event: ev.GraphWritten) -> None:  # noqa: ARG001
    state.note(event, f"reference graph written to {' and '.join(event.paths)}")


def _allocations_switched(
    state: State, process: ProcessState, event: ev.AllocationsSwitched
) -> None:
    process.allocations.switched(event)
    more = f": {event.note}" if event.note else ""
    state.note(event, f"allocations: {event.mode}{more}", "warning" if more else "info")


def _traces_failed(state: State, process: ProcessState, event: ev.TracesFailed) -> None:
    process.allocations.failed_traces(event)
    state.note(event, f"traces not counted: {event.reason}{_again(event.retry_s)}", "warning")


def _again(retry_s: float | None) -> str:
    return "" if retry_s is None else f"; tried again in {fmt_seconds(retry_s)}"


def _viewer_refused(state: State, event: ev.ViewerRefused) -> None:
    state.note(event, event.reason, "error")


_Fold = Callable[[State, ProcessState, Any], None]


def _in_process(take: Callable[[ProcessState, Any], None]) -> _Fold:
    return lambda _, process, event: take(process, event)


def _in_references(take: Callable[[References, Any], None]) -> _Fold:
    return lambda _, process, event: take(process.references, event)


def _in_loops(take: Callable[[LoopsState, Any], None]) -> _Fold:
    return lambda _, process, event: take(process.event_loops, event)


def _in_allocations(take: Callable[[Allocations, Any], None]) -> _Fold:
    return lambda _, process, event: take(process.allocations, event)


_SILENT_FOLDS: Mapping[type, Callable[[ProcessState, Any], None]] = {
    ev.ThreadEnded: ProcessState.ended_thread,
    ev.LineSeen: ProcessState.saw_line,
    ev.PathsSeen: ProcessState.saw_paths,
    ev.Sampled: ProcessState.sampled,
    ev.LocksSeen: ProcessState.saw_locks,
    ev.GcMeasured: ProcessState.measured_gc,
    ev.CostMeasured: ProcessState.measured_cost,
    ev.InheritedMeasured: ProcessState.measured_inherited,
}

_REFERENCE_FOLDS: Mapping[type, Callable[[References, Any], None]] = {
    ev.GcPaused: References.paused_gc,
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

_LOOP_FOLDS: Mapping[type, Callable[[LoopsState, Any], None]] = {
    ev.LoopFound: LoopsState.found,
    ev.LoopBlocked: LoopsState.was_blocked,
    ev.TasksListed: LoopsState.listed,
    ev.TasksFailed: LoopsState.failed,
}

_ALLOCATION_FOLDS: Mapping[type, Callable[[Allocations, Any], None]] = {
    ev.SitesSeen: Allocations.saw_sites,
    ev.TracebacksSeen: Allocations.saw_tracebacks,
    ev.BurstMeasured: Allocations.measured_burst,
    ev.TracesTaken: Allocations.took_traces,
    ev.MemoryMeasured: Allocations.measured_memory,
}

_PROCESS_FOLDS: dict[type, _Fold] = {
    ev.InterpreterFound: _interpreter_found,
    ev.ProcessMeasured: _process_measured,
    ev.ReadingLimited: _reading_limited,
    ev.ThreadStarted: _thread_started,
    ev.ThreadNamed: _thread_named,
    ev.RateChanged: _rate_changed,
    ev.TargetExited: _target_exited,
    ev.WatchedEnded: _watched_ended,
    ev.CensusFailed: _census_failed,
    ev.WorkProgressed: _work_progressed,
    ev.GraphWritten: _graph_written,
    ev.AllocationsSwitched: _allocations_switched,
    ev.TracesFailed: _traces_failed,
    **{kind: _in_process(take) for kind, take in _SILENT_FOLDS.items()},
    **{kind: _in_references(take) for kind, take in _REFERENCE_FOLDS.items()},
    **{kind: _in_loops(take) for kind, take in _LOOP_FOLDS.items()},
    **{kind: _in_allocations(take) for kind, take in _ALLOCATION_FOLDS.items()},
}

_SESSION_FOLDS: dict[type, Callable[[State, Any], None]] = {
    ev.TargetStarted: _process_started,
    ev.OutputWritten: _output_written,
    ev.TerminalSized: _terminal_sized,
    ev.Noted: _noted,
    ev.Marked: _marked,
    ev.SnapshotWritten: _snapshot_written,
    ev.SessionEnded: _watch_ended,
    ev.ViewerRefused: _viewer_refused,
    ev.Checkpoint: _checkpoint,
}
