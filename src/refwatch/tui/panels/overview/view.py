"""View of the Overview: verdict, GIL gauges, memory, CPU, busiest threads, events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from refwatch.findings.blockers import known_limits
from refwatch.findings.collecting import collecting_s
from refwatch.findings.large import large_sentence
from refwatch.findings.leaks import Leak, leaks
from refwatch.findings.thread_groups import Group, Grouping
from refwatch.findings.troubles import worst_memory_problem
from refwatch.findings.types import Verdict
from refwatch.findings.verdict import diagnose
from refwatch.readings.objects.chains import most_informative, why_no_chain
from refwatch.readings.objects.growth import GrowthSuspect, suspicions
from refwatch.readings.objects.judged import judged
from refwatch.readings.objects.records import is_much
from refwatch.readings.objects.state import References
from refwatch.readings.threads.state import GilRecord, ThreadRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState
from refwatch.session.state import Note
from refwatch.text.formats import (
    fmt_bytes,
    fmt_count,
    fmt_duration,
    fmt_per_second,
    fmt_percent,
    fmt_plural,
)
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.chart import Points
from refwatch.tui.views.durations import Durations, view_durations
from refwatch.tui.views.interpreters import all_gils
from refwatch.tui.views.thread_groups import view_group
from refwatch.tui.views.threads import ThreadView, fill, fmt_line, view_thread, wish_to_run
from refwatch.wire.event import MAIN, SESSION
from refwatch.wire.heap_values import ChainLink

EVENTS = 60
BUSIEST = 40
GROWING = 4
LARGE_WIDTH = 110
"""Cells of the sentence about the largest object."""


@dataclass(frozen=True)
class Gauge:
    """One number with its unit, and its history; ``top`` is full scale."""

    title: str
    value: str
    unit: str
    style: str
    points: Points
    top: float
    fraction: float | None = None
    """Share drawn as a bar, for bounded numbers."""


@dataclass(frozen=True)
class Trend:
    """A value over the whole session."""

    points: Points
    facts: str
    """For the border."""
    more: str = ""


@dataclass(frozen=True)
class EventView:
    at: float
    level: str
    text: str


@dataclass(frozen=True)
class HeapView:
    """Objects at the newest census (heap count), and the classes that keep growing."""

    objects: int
    growing: tuple[tuple[str, float], ...]
    """(class, instances more per second), the worst first"""
    chain: tuple[ChainLink, ...] = ()
    """What keeps the first of them alive."""
    no_chain: str = ""
    """What is known if there is no chain."""
    garbage: int = 0
    """Objects waiting for the collector, if many."""
    why_not: str = ""
    """What was not judged, and why."""
    large: str = ""
    """The largest object, if it is a good part of the memory and nothing grows."""


@dataclass(frozen=True)
class OverviewView:
    """Numbers are None where a reading is missing; ``limits`` says why."""

    verdict: Verdict
    held: Gauge | None
    waiting: Gauge | None
    handoffs: Gauge | None
    no_gil: str
    """Why there are no gauges."""
    memory: Trend
    cpu: Trend
    threads: tuple[ThreadView, ...]
    events: tuple[EventView, ...]
    """Newest first."""
    limits: tuple[tuple[str, str], ...]
    times: tuple[Durations, ...] = ()
    """Of holds of the GIL, of waits for it, and after I/O; empty where there is none to read."""
    heap: HeapView | None = None
    """None before the first census."""
    trouble: str = ""
    """The worst known trouble with memory; shown before the verdict."""


def _longest_hold(gil: GilRecord) -> tuple[float, int]:
    """(seconds, line) of the longest hold, be it one for which others waited, or one that ended
    with a handoff."""
    known = [(seconds, line) for line, seconds in gil.longest_by_line.items()]
    if gil.longest_hold is not None:
        known.append((gil.longest_hold.seconds, gil.longest_hold.line))
    return max([*known, (gil.holds.longest_s, 0)])


class KnownSuspects:
    """What keeps growing in each process, kept until it is judged anew."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[References, object, list[GrowthSuspect]]] = {}

    def leaks(self, processes: Iterable[ProcessState]) -> list[Leak]:
        """In these processes."""
        return leaks((process, self._of(process)) for process in processes)

    def _of(self, process: ProcessState) -> list[GrowthSuspect]:
        references = process.references
        known, when = self._known.get(process.number), references.judged_when
        if known is None or known[0] is not references or known[1] != when:
            found = suspicions(references) if references.census.taken else []
            known = self._known[process.number] = (references, when, found)
        return known[2]


class OverviewReader:
    """Reads views of one process."""

    def __init__(self) -> None:
        self._suspects = KnownSuspects()

    def read(self, subject: Subject) -> OverviewView:
        """Read what the Overview shows. The program is told the leaks of its children, too."""
        view, process = view_overview(subject), subject.process
        if process is None:
            return view
        state = subject.state
        several = state.processes.values() if subject.number == MAIN else (process,)
        trouble = printable(worst_memory_problem(process, self._suspects.leaks(several)))
        heap = view_heap([process], self._suspects.leaks([process]))
        if heap is not None and not heap.growing:
            heap = replace(heap, large=printable(large_sentence(process, LARGE_WIDTH)))
        return replace(view, heap=heap, trouble=trouble)


def view_heap(processes: Sequence[ProcessState], found: Sequence[Leak]) -> HeapView | None:
    """The heaps of these processes; None before a census of one."""
    known = [each for each in processes if each.references.census.taken]
    if not known:
        return None
    holders = found[0].holders if found else None
    garbage = [each.references.census.garbage for each in known]
    missing = len(processes) - len(known)
    why_not = f"{fmt_plural(missing, 'process', 'processes')} not counted yet" if missing else ""
    return HeapView(
        sum(each.references.census.objects for each in known),
        tuple((printable(each.title), each.suspect.per_second) for each in found[:GROWING]),
        most_informative(holders.chains) if holders is not None else (),
        why_no_chain(holders),
        sum(each.objects for each in garbage if each is not None and is_much(each)),
        printable(why_not or next(filter(None, map(_why_not_judged, known)), "")),
    )


def _why_not_judged(process: ProcessState) -> str:
    references = process.references
    return judged(references, process.limits.get("census")).because(over=references.over)


def view_overview(subject: Subject) -> OverviewView:
    """Read everything but the heap."""
    process = subject.process
    held, waiting, handoffs = _gauges(process) if process else (None, None, None)
    threads = busiest(process, BUSIEST, subject.now) if process else []
    limits = known_limits(process) if process else {}
    return OverviewView(
        diagnose(subject.judged),
        held,
        waiting,
        handoffs,
        _why_no_gauges(process),
        _memory(process),
        _cpu(process),
        tuple(view for _, view in threads),
        _events(subject),
        tuple((printable(reading), printable(reason)) for reading, reason in limits.items()),
        times=view_times(process) if process else (),
        trouble=printable(worst_memory_problem(process, ())) if process else "",
    )


def view_times(process: ProcessState) -> tuple[Durations, ...]:
    """How long the GIL is held at a time, and how long threads wait until they have it."""
    gil = process.gil
    if not (gil.holds.counts or gil.waits.counts or gil.after_io.counts):
        return ()
    longest_s, line = _longest_hold(gil)
    place, _ = fmt_line(process, line)
    return (
        view_durations(
            "A hold of the GIL",
            HELD,
            HELD,
            gil.holds,
            place,
            longest_s=longest_s if gil.holds.counts else None,
            none="no handoff yet",
        ),
        view_durations("A wait for it", WAIT, fill(ThreadState.GIL_WAIT), gil.waits, none="none"),
        view_durations(
            "From I/O to running",
            str(ThreadState.IO_WAIT),
            fill(ThreadState.IO_WAIT),
            gil.after_io,
            short="after I/O ",
            none="no thread came back from I/O",
        ),
    )


def busiest(process: ProcessState, count: int, now: float) -> list[tuple[float, ThreadView]]:
    """(seconds of late, thread) of those that run or want to run most; of a finished program, those
    that did. Threads that come and go are one."""
    grouping = Grouping(process)
    over = not any(thread.alive for thread in process.threads.values())
    known: list[tuple[float, int, ThreadRecord | Group]] = [
        (wish_to_run(each.states if over else each.recent), each.serial, each)
        for each in grouping.singles
        if over or each.alive
    ]
    for group in grouping.crowds:
        if over or group.alive or group.gone_lately(now):
            recent = group.sums().states if over else group.recent(now)
            known.append((wish_to_run(recent), 0, group))
    known.sort(key=lambda each: (-(each[0] if over else round(each[0], 1)), each[1]))
    return [
        (
            wish,
            view_group(process, each, now)
            if isinstance(each, Group)
            else view_thread(process, each),
        )
        for wish, _, each in known[:count]
    ]


def _events(subject: Subject) -> tuple[EventView, ...]:
    """What was noted of the process, of the session and, where it matters, of other processes."""
    notes = ((note, _said(note, subject)) for note in reversed(subject.state.notes))
    events = (EventView(note.at, note.level, printable(text)) for note, text in notes if text)
    return tuple(islice(events, EVENTS))


def _said(note: Note, subject: Subject) -> str:
    """The note as it reads beside those of the subject; empty if it is not for here."""
    if note.process in (SESSION, subject.number):
        return note.text
    if subject.together:
        return _of_other(note, subject)
    other = subject.state.processes.get(note.process)
    if other is None:
        return ""
    if note.at == other.started.at:  # that it has started, with its pid
        own = subject.started is not None and other.started.ppid == subject.started.pid
        return note.text if own else ""
    return f"pid {other.pid}: {note.text}" if note.level != "info" else ""


def _of_other(note: Note, subject: Subject) -> str:
    other = subject.state.processes.get(note.process)
    if other is None:
        return ""
    if note.at == other.started.at:
        return note.text
    return f"pid {other.pid}: {note.text}" if note.level != "info" else ""


def _gauges(process: ProcessState) -> tuple[Gauge | None, Gauge | None, Gauge | None]:
    series = list(process.gil.series)
    if not series:
        return None, None, None
    threads = sum(thread.alive for thread in process.threads.values())
    if (gils := all_gils(process)) is not None:
        gauge = gils_gauge(gils.held, gils.number, gils.history[0])
        return gauge, *other_gauges(gils.waiting, threads, gils.handoffs, "/s", gils.history)
    held, wait, rate = gil_now(process)
    history = [tuple((point[0], point[column]) for point in series) for column in (1, 2, 3)]
    gauge = Gauge("GIL held", fmt_percent(held), "of the time", HELD, history[0], 1.0, held)
    return gauge, *other_gauges(wait, threads, rate, _interval(process), history)


def gils_gauge(held: float, number: int, history: Points) -> Gauge:
    """Of several GILs."""
    top = max(1.0, *(value for _, value in history))
    return Gauge("GILs held", f"{held:.2f}", f"of {number}", HELD, history, top, held / number)


def other_gauges(
    wait: float, threads: int, rate: float, unit: str, history: Sequence[Points]
) -> tuple[Gauge, Gauge]:
    """Of the threads that wait for a GIL, and of its handoffs, in this ``unit``. ``history`` is
    that of the GIL held, and of these."""
    return (
        Gauge(
            "Contention",
            f"{wait:.1f}",
            f"of {threads} waiting" if threads else "waiting, mean",
            WAIT,
            history[1],
            max(1.0, *(value for _, value in history[1])),
            wait / threads if threads else None,
        ),
        Gauge(
            "Handoffs",
            fmt_per_second(rate),
            unit,
            "primary",
            history[2],
            max(10.0, *(value for _, value in history[2])),
        ),
    )


HELD, WAIT = str(ThreadState.GIL_HELD), str(ThreadState.GIL_WAIT)


def gil_now(process: ProcessState) -> tuple[float, float, float]:
    """(held fraction, threads waiting, handoffs per second) over the last second, or over the
    whole run of a process that has ended. It must have readings."""
    gil = process.gil
    if process.ended_s is not None:
        return gil.held_fraction or 0.0, gil.contention or 0.0, gil.handoffs / (gil.watched_s or 1)
    series = list(gil.series)
    recent = [point for point in series if point[0] > series[-1][0] - 1.0]
    held, wait, rate = (sum(point[i] for point in recent) / len(recent) for i in (1, 2, 3))
    return held, wait, rate


def _interval(process: ProcessState) -> str:
    interval = process.gil.switch_interval_s
    return f"/s, interval {fmt_duration(interval)}" if interval else "/s"


def _why_no_gauges(process: ProcessState | None) -> str:
    if process is None or process.interpreter is None:
        return "waiting for the interpreter …"
    if process.interpreter.free_threaded and not process.gil.present:
        return "this build of Python runs without a GIL"
    reason = next((why for what, why in process.limits.items() if "gil" in what.lower()), "")
    return f"the GIL is not read: {printable(reason)}" if reason else "no sample yet"


def _memory(process: ProcessState | None) -> Trend:
    if process is None or process.memory is None:
        return Trend((), "")
    rss, uss = process.resident
    facts = f"RSS {fmt_bytes(rss)}, peak {fmt_bytes(process.memory.peak_rss)}"
    if uss is not None:
        facts += f", USS {fmt_bytes(uss)}"
    return Trend(tuple((at, rss) for at, rss in process.rss_series), facts, fmt_gc(process))


def _cpu(process: ProcessState | None) -> Trend:
    if process is None or process.memory is None:
        return Trend((), "")
    last = process.cpu_series.last()
    now = f"{last[1]:.2f} CPUs, " if last else ""
    used = process.memory
    facts = f"{now}user {fmt_duration(used.user_s)}, system {fmt_duration(used.system_s)}"
    return Trend(tuple((at, cpus) for at, cpus in process.cpu_series), facts)


def fmt_gc(process: ProcessState | None) -> str:
    """Collections by generation, youngest first, uncollectable objects, and pauses."""
    if process is None or not process.gc:
        return ""
    text = "GC " + " / ".join(fmt_count(g.collections) for g in process.gc)
    stuck = sum(generation.uncollectable for generation in process.gc)
    if stuck:
        text += f", {stuck} uncollectable"
    paused = collecting_s(process)
    return text + (f", paused {fmt_duration(paused)}" if paused else "")
