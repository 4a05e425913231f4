"""Snapshots of a state, in the schema ``refwatch.snapshot/1``.

A number that was not measured is null, with its reason in ``limits``.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import asdict

from refwatch import __version__
from refwatch.export import allocations, references
from refwatch.export import schema_types as snap
from refwatch.export.collector import collector_of
from refwatch.export.groups import Groups
from refwatch.export.holds import holds_of, waits_of
from refwatch.export.interpreters import interpreters_of
from refwatch.export.locks import deadlocks_of, locks_of
from refwatch.export.loops import loops
from refwatch.export.missing import limits_of
from refwatch.export.places import hot_lines, line_of, states_of
from refwatch.export.stacks import stacks
from refwatch.export.values import DIGITS, rounded, rounded_optional
from refwatch.findings.crossing import Crossing, crossing_of
from refwatch.findings.verdict import diagnose
from refwatch.readings.threads.state import GilRecord, Line, ThreadRecord
from refwatch.series.mean_series import MeanSeries
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.wire.codec import encode_json
from refwatch.wire.files import ExportError, check_writable, write_atomically

__all__ = ["ExportError", "build_snapshot", "check_writable", "snapshot_json", "write_snapshot"]

MAX_POINTS = 600  # of one series


def write_snapshot(state: State, path: Path | str) -> None:
    """Write a snapshot of ``state``, taken now. Raises ExportError; an older file is unchanged
    then."""
    write_atomically(path, snapshot_json(state))


def snapshot_json(state: State) -> bytes:
    """A snapshot of ``state``, taken now, as formatted JSON."""
    snapshot = build_snapshot(state, taken_at=datetime.now(UTC))
    return msgspec.json.format(encode_json(snapshot), indent=1) + b"\n"


def build_snapshot(state: State, *, taken_at: datetime) -> snap.Snapshot:
    """A snapshot of ``state``. ``taken_at`` must be aware of its time zone."""
    processes = [_process(process, state) for process in state.processes.values()]
    target, cost, sampling = _target(state), _cost(state), _sampling(state)
    return snap.Snapshot(
        refwatch=__version__,
        taken_at=taken_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        duration_s=rounded(state.now),
        target=target,
        limits=limits_of(state, target, cost, sampling, processes),
        cost=cost,
        verdict=diagnose(state),
        marks=[snap.MarkAt(name=mark.name, at_s=rounded(mark.at)) for mark in state.marks],
        processes=processes,
        sampling=sampling,
        totals=_totals(state),
    )


def _totals(state: State) -> snap.Totals:
    processes, past = state.processes.values(), state.forgotten
    return snap.Totals(
        processes=state.process_count,
        cpu_s=rounded(state.cpu_s),
        rss=state.memory.rss,
        uss=state.memory.uss,
        peak_rss=state.memory.peak_rss,
        peak_uss=state.memory.peak_uss,
        gil_held_s=rounded(state.gil_held_s),
        threads=sum(len(one.threads) + one.forgotten_threads for one in processes) + past.threads,
    )


def _target(state: State) -> snap.Target:
    target = state.target
    interpreter = state.main.interpreter if state.main is not None else None
    return snap.Target(
        argv=target.argv if target else [],
        executable=target.executable if target else "",
        python=interpreter.python if interpreter else None,
        free_threaded=interpreter.free_threaded if interpreter else None,
        cwd=target.cwd if target else "",
        started_at=target.started_at if target else "",
        exit_code=state.exited.exit_code if state.exited else None,
    )


def _cost(state: State) -> snap.Cost:
    cost = state.main.cost if state.main is not None else None
    costs = [one.cost for one in state.processes.values() if one.cost is not None]
    return snap.Cost(
        probe_cpu_s=rounded(sum(one.probe_cpu_s for one in costs)) if cost else None,
        probe_gil_held_s=rounded(sum(one.probe_gil_held_s for one in costs)) if cost else None,
        census_pauses_s=references.census_pauses(list(state.processes.values())),
        tracing_s=rounded(sum(one.tracing_s for one in costs)),
        daemon_cpu_s=rounded(cost.daemon_cpu_s) if cost else None,
    )


def _sampling(state: State) -> snap.Sampling:
    processes = state.processes.values()
    samples = sum(process.samples for process in processes)
    main = state.main
    seconds = main.sampled_s if main else 0.0
    outside = main is None or "outside reading" not in main.limits
    return snap.Sampling(
        method="none" if not samples else "outside" if outside else "inside",
        rate_hz=rounded_optional(main.rate_hz or None) if main else None,
        mean_hz=rounded(main.samples / seconds) if main and seconds else None,
        samples=samples,
        torn_frames=sum(process.torn for process in processes),
        rate_changes=list(main.rate_changes) if main else [],
    )


def _process(process: ProcessState, state: State) -> snap.Process:
    threads = sorted(process.threads.values(), key=lambda t: (t.started_s, t.serial))
    groups = Groups(process)
    return snap.Process(
        number=process.number,
        pid=process.pid,
        ppid=process.started.ppid,
        argv=process.started.argv,
        start_method=process.started.start_method,
        started_s=rounded(process.began_s),
        ended_s=rounded_optional(process.ended_s),
        exit_code=process.exited.exit_code if process.exited is not None else None,
        memory=_memory(process),
        cpu=_cpu(process),
        gil=_gil(process.gil),
        threads=[_thread(thread, process.lines, groups.of(thread)) for thread in threads],
        groups=groups.all(),
        gc=[
            snap.GcStats(
                generation=number,
                collections=generation.collections,
                collected=generation.collected,
                uncollectable=generation.uncollectable,
            )
            for number, generation in enumerate(process.gc)
        ],
        gc_pauses=references.gc_pauses(process.references),
        classes=references.classes(process, state),
        watched=references.watched(process.references),
        census=references.census(process.references),
        allocations=allocations.allocations(process),
        memory_split=process.allocations.split,
        holds=holds_of(process),
        waits=waits_of(process),
        startup_s=rounded_optional(process.startup_s),
        crossing=_crossing(process),
        collecting_s=rounded_optional(process.gil.collecting_s),
        collector=collector_of(process),
        judged=references.growth_coverage(process),
        stacks=stacks(process),
        interpreters=interpreters_of(process),
        locks=locks_of(process, state.now),
        deadlocks=deadlocks_of(process),
        loops=loops(process),
    )


def _crossing(process: ProcessState) -> Crossing | None:
    found = crossing_of(process)
    if found is None:
        return None
    return Crossing(**{name: rounded(seconds) for name, seconds in asdict(found).items()})


def _memory(process: ProcessState) -> snap.Memory:
    last = process.memory
    rss, uss = process.resident
    inherited = process.inherited
    return snap.Memory(
        rss=rss if last else None,
        uss=uss,
        peak_rss=last.peak_rss if last else None,
        series=[(rounded(at), round(rss)) for at, rss in _thinned(process.rss_series)],
        first_uss=process.first_private[1] if process.first_private else None,
        first_uss_s=rounded(process.first_private[0]) if process.first_private else None,
        inherited=inherited.inherited if inherited else None,
        copied=inherited.copied if inherited else None,
        copied_by_counts=inherited.by_counts if inherited else None,
    )


def _cpu(process: ProcessState) -> snap.Cpu:
    last = process.memory
    return snap.Cpu(
        user_s=rounded(last.user_s) if last else None,
        system_s=rounded(last.system_s) if last else None,
        short_threads_s=rounded(process.unread_cpu_s),
    )


def _gil(gil: GilRecord) -> snap.Gil:
    return snap.Gil(
        present=gil.present,
        held_fraction=rounded_optional(gil.held_fraction),
        contention=rounded_optional(gil.contention),
        handoffs=gil.handoffs if gil.watched_s else None,
        switch_interval_s=rounded_optional(gil.switch_interval_s),
        series=[
            (rounded(at), rounded(held), rounded(waiting))
            for at, held, waiting, _ in _thinned(gil.series)
        ],
    )


def _thinned(series: MeanSeries) -> list[tuple[float, ...]]:
    """At most MAX_POINTS points, evenly spaced, the newest included."""
    points = list(series)
    step = math.ceil(len(points) / MAX_POINTS)
    return points[::-1][:: step or 1][::-1]


def _thread(thread: ThreadRecord, lines: dict[int, Line], group: str | None) -> snap.Thread:
    sampled = thread.samples > 0
    counters = asdict(thread.counters)
    return snap.Thread(
        tid=thread.tid,
        ident=thread.ident,
        name=thread.name,
        daemon=thread.daemon,
        alive=thread.alive,
        samples=thread.samples,
        states=states_of(thread.states),
        stack=[line_of(line, lines) for line in thread.stack],
        hot=hot_lines(thread.hot, lines),
        started_s=rounded(thread.started_s),
        ended_s=rounded_optional(thread.ended_s),
        holds_s=rounded(thread.holds.total_s) if sampled else None,
        frames_left_out=thread.left_out,
        group=group,
        **{name: round(value, DIGITS) if sampled else None for name, value in counters.items()},
    )
