"""View of the Processes panel: processes as a tree, what they add up to, and their threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import COMPUTING, ThreadState
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.header import fmt_target
from refwatch.tui.views.threads import fmt_line, thread_name, wish_to_run
from refwatch.tui.views.timeline import KEEP_S, Runs
from refwatch.wire.event import MAIN

NOW_S = 1.0
"""How far back "now" reaches for the GIL."""
RUNS = 0.05
"""Share of the last seconds in which a thread ran or wanted to, from which on a process runs."""
LAST_S = 2.0
"""How long before its process a thread may have ended that still has a timeline."""

Condition = Literal["running", "idle", "unwatched", "ended"]
"""``unwatched``: it ran on when the session ended."""


@dataclass(frozen=True)
class ProcessRow:
    """One process; times in seconds, sizes in bytes. Of one that is not watched any more, what is
    told of now is told of its whole life, and what it has now is None."""

    number: int
    parent: int | None
    """Number of the process that started it, or of the program where that one is not known."""
    pid: int
    condition: Condition
    exit_code: int | None
    cpus: float | None
    """CPUs in use now."""
    cpu_s: float | None
    """CPU time; None where it was not read: it lived for a moment."""
    rss: int | None
    uss: int | None
    held: float | None
    """Share of the last second in which its GIL was held."""
    threads: int | None
    method: str
    """How it was started."""
    age_s: float
    place: str
    """``file:line`` at which it ran most; of one that is idle, at which it waited most."""
    function: str
    command: str

    @property
    def alive(self) -> bool:
        """It runs, and is watched."""
        return self.condition in {"running", "idle"}


@dataclass(frozen=True)
class Totals:
    """What the processes that run add up to; ``cpu_s`` of all. ``uss`` is a lower bound unless
    ``uss_whole``: it was not read of each. When none is watched any more: means over the session,
    and the most memory that they had."""

    alive: int
    ended: int
    processes: int
    cpus: float
    cpu_s: float
    rss: int
    uss: int | None
    uss_whole: bool
    held: float
    """GILs held now: 1.96 is two processes that hold theirs nearly all the time."""


@dataclass(frozen=True)
class StripView:
    """The timeline of one thread."""

    number: int
    """Of its process."""
    pid: int
    serial: int
    name: str
    activity: float
    """Share of its last seconds in which it ran or wanted to."""
    states: frozenset[ThreadState]
    """Those of its last seconds."""
    ended_s: float | None
    """When its process ended, seconds."""
    runs: Runs = field(compare=False)


@dataclass(frozen=True)
class ProcessesView:
    """All processes in the order in which they were seen."""

    rows: tuple[ProcessRow, ...]
    totals: Totals
    subject: int
    """Number of the process that the other panels show."""
    strips: tuple[StripView, ...]
    unwatched: str = ""
    """Why children are not watched, or not all."""


NOTHING = ProcessesView((), Totals(0, 0, 0, 0.0, 0.0, 0, None, False, 0.0), MAIN, ())


def view_processes(subject: Subject) -> ProcessesView:
    """Read the processes of the session."""
    state = subject.state
    processes = list(state.processes.values())
    parents = _parents(processes)
    rows = tuple(_row(process, parents[process.number], state) for process in processes)
    return ProcessesView(
        rows,
        _totals(rows, state),
        subject.number,
        tuple(strip for process in processes for strip in _strips(process, state.now)),
        printable(state.main.limits.get("children", "")) if state.main is not None else "",
    )


def _parents(processes: Iterable[ProcessState]) -> dict[int, int | None]:
    """Number of each -> that of its parent. Pids come again: the newest that began before it."""
    parents: dict[int, int | None] = {}
    of_pid: dict[int, list[ProcessState]] = defaultdict(list)
    for process in sorted(processes, key=lambda each: (each.began_s, each.number)):
        known = of_pid.get(process.started.ppid or 0)
        parent = known[-1].number if known else MAIN
        parents[process.number] = parent if process.number != MAIN else None
        of_pid[process.pid].append(process)
    return parents


def _row(process: ProcessState, parent: int | None, state: State) -> ProcessRow:
    alive = process.ended_s is None and not state.over
    threads = [thread for thread in process.threads.values() if thread.alive]
    until_s = state.now if process.ended_s is None else process.ended_s
    age_s = max(0.0, until_s - process.began_s)
    life_cpus = process.cpu_s / age_s if age_s and process.memory is not None else None
    cpus = _cpus(process, threads) if alive else life_cpus
    condition: Condition = "ended" if process.ended_s is not None else "unwatched"
    if alive:
        condition = "running" if max([cpus or 0.0, *map(activity, threads)]) >= RUNS else "idle"
    place, function = fmt_line(process, hottest(process, idle=condition == "idle"))
    rss, uss = process.resident
    return ProcessRow(
        process.number,
        parent,
        process.pid,
        condition,
        process.exited.exit_code if process.exited is not None else None,
        cpus,
        process.known_cpu_s,
        rss if alive and process.memory is not None else None,
        uss if alive else None,
        _held_now(process) if alive else process.gil.held_fraction,
        len(threads) if alive else None,
        printable(process.started.start_method or ""),
        age_s,
        place,
        function,
        fmt_target(process.started.argv),
    )


def _cpus(process: ProcessState, threads: Iterable[ThreadRecord]) -> float:
    """As its threads have used them, where they are sampled: those readings are newer."""
    if process.samples:
        return sum(thread.cpu_now for thread in threads)
    last = process.cpu_series.last()
    return last[1] if last is not None else 0.0


def activity(thread: ThreadRecord) -> float:
    """Share of its last seconds, or of its life if it has ended, in which it ran or wanted to."""
    seconds: Mapping[ThreadState, float] = thread.recent if thread.alive else thread.states
    total = sum(seconds.values())
    return wish_to_run(seconds) / total if total else 0.0


def _held_now(process: ProcessState) -> float | None:
    series = process.gil.series
    recent = series.column(0)[-max(1, round(NOW_S / series.span)) :]
    return sum(recent) / len(recent) if recent else None


def hottest(process: ProcessState, *, idle: bool) -> int:
    """The line at which its threads ran most, or where they waited most if it is ``idle``; 0 for
    none."""
    lines: dict[int, float] = defaultdict(float)
    for thread in process.threads.values():
        for (line, state), seconds in thread.hot.items():
            if (state not in COMPUTING) is idle:
                lines[line] += seconds
    return max(lines, key=lambda line: lines[line], default=0)


def _totals(rows: Iterable[ProcessRow], state: State) -> Totals:
    alive = [row for row in rows if row.alive]
    if not alive:
        return _totals_at_the_end(state)
    private = [row.uss for row in alive if row.uss is not None]
    return Totals(
        len(alive),
        _ended(state),
        state.process_count,
        sum(row.cpus or 0.0 for row in alive),
        state.cpu_s,
        sum(row.rss or 0 for row in alive),
        sum(private) if private else None,
        len(private) == len(alive),
        sum(row.held or 0.0 for row in alive),
    )


def _ended(state: State) -> int:
    """Number of processes that have ended."""
    known = sum(process.ended_s is not None for process in state.processes.values())
    return known + state.forgotten.processes


def _totals_at_the_end(state: State) -> Totals:
    memory, span = state.memory, state.now or 1.0
    return Totals(
        0, _ended(state), state.process_count, state.cpu_s / span, state.cpu_s,
        memory.peak_rss or 0, memory.peak_uss, True, state.gil_held_s / span,
    )  # fmt: skip


def _strips(process: ProcessState, now: float) -> Iterable[StripView]:
    """Of the threads that live; of a process that has ended lately, of those that lived to the
    last."""
    ended = process.ended_s
    if ended is not None and ended < now - KEEP_S:
        return
    for thread in process.threads.values():
        to_the_last = ended is not None and (thread.ended_s or 0.0) >= ended - LAST_S
        if thread.strip and (thread.alive or to_the_last):
            yield StripView(
                process.number,
                process.pid,
                thread.serial,
                thread_name(thread),
                activity(thread),
                frozenset(thread.recent if thread.alive else thread.states),
                process.ended_s,
                thread.strip,
            )
