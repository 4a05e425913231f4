"""View of the Overview of all processes together: sums, the busiest threads, what grows in any."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from refwatch.findings.troubles import worst_memory_problem
from refwatch.series.mean_series import MeanSeries
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.panels.overview.view import (
    BUSIEST,
    Gauge,
    KnownSuspects,
    OverviewView,
    Trend,
    busiest,
    gil_now,
    gils_gauge,
    other_gauges,
    view_heap,
    view_overview,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.chart import Points
from refwatch.tui.views.threads import ThreadView
from refwatch.wire.event import MAIN

MOST_POINTS = 300

Of = Callable[[ProcessState], MeanSeries]
"""A series of one process."""


class TogetherReader:
    """Reads views of all processes of a session."""

    def __init__(self) -> None:
        self._suspects = KnownSuspects()

    def read(self, subject: Subject) -> OverviewView:
        """Read what the Overview shows of them together."""
        processes = subject.processes
        held, waiting, handoffs = _gauges(processes, subject.now)
        found = self._suspects.leaks(processes)
        main = subject.state.main
        return replace(
            view_overview(replace(subject, number=MAIN)),
            held=held,
            waiting=waiting,
            handoffs=handoffs,
            times=(),
            memory=_memory(processes, subject.now),
            cpu=_cpu(processes, subject.now),
            threads=_threads(processes, subject.now),
            heap=view_heap(processes, found),
            trouble=printable(worst_memory_problem(main, found)) if main is not None else "",
        )


def _threads(processes: Sequence[ProcessState], now: float) -> tuple[ThreadView, ...]:
    """The busiest of all, named with their pids."""
    known = [
        (wish, process.pid, view)
        for process in processes
        for wish, view in busiest(process, BUSIEST, now)
    ]
    known.sort(key=lambda each: -round(each[0], 1))
    return tuple(replace(view, name=f"{pid} {view.name}") for _, pid, view in known[:BUSIEST])


def summed(processes: Sequence[ProcessState], of: Of, now: float, column: int = 1) -> Points:
    """The sum of the values in a column of their points over the session; each holds until the
    next, while its process lives."""
    known = [(process, list(of(process))) for process in processes]
    times = [at for _, points in known for at, *_ in points]
    if not times:
        return ()
    first, last = min(times), max(times)
    count = min(MOST_POINTS, max(len(points) for _, points in known))
    step = (last - first) / max(1, count - 1)
    sums = [0.0] * count
    for process, points in known:
        ats = [at for at, *_ in points]
        end = process.ended_s if process.ended_s is not None else now
        for index in range(count):
            at = first + step * index
            place = bisect_right(ats, at)
            if place and at <= end:
                sums[index] += points[place - 1][column]
    return tuple((first + step * index, value) for index, value in enumerate(sums))


def _gauges(
    processes: Sequence[ProcessState], now: float
) -> tuple[Gauge | None, Gauge | None, Gauge | None]:
    read = [process for process in processes if len(process.gil.series)]
    if not read:
        return None, None, None
    held, wait, rate = map(sum, zip(*map(gil_now, read), strict=True))
    threads = sum(thread.alive for process in read for thread in process.threads.values())
    history = [summed(read, lambda each: each.gil.series, now, column) for column in (1, 2, 3)]
    gauge = gils_gauge(held, len(read), history[0])
    return gauge, *other_gauges(wait, threads, rate, "/s", history)


def _memory(processes: Sequence[ProcessState], now: float) -> Trend:
    known = [process for process in processes if process.memory is not None]
    if not known:
        return Trend((), "")
    sizes = [process.resident for process in known]
    private = [uss for _, uss in sizes if uss is not None]
    facts = f"RSS {fmt_bytes(sum(rss for rss, _ in sizes))}"
    if private:
        least = "" if len(private) == len(sizes) else "≥ "
        facts += f", USS {least}{fmt_bytes(sum(private))}"
    return Trend(summed(known, lambda process: process.rss_series, now), facts)


def _cpu(processes: Sequence[ProcessState], now: float) -> Trend:
    known = [process for process in processes if process.memory is not None]
    if not known:
        return Trend((), "")
    cpus = sum(last[1] for process in known if (last := process.cpu_series.last()) is not None)
    used_s = sum(process.cpu_s for process in known)
    facts = f"{cpus:.2f} CPUs, {fmt_duration(used_s)} used"
    return Trend(summed(known, lambda process: process.cpu_series, now), facts)
