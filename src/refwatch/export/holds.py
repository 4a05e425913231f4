"""How long the GIL was held at a time, at which lines, and how long threads waited for it; where
other interpreters have their own, of all GILs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from refwatch.export import schema_types as snap
from refwatch.export.places import MAX_HOT, UNKNOWN, line_of
from refwatch.export.values import rounded, rounded_optional
from refwatch.readings.threads.state import GilRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.series.log_histogram import LogHistogram
from refwatch.session.process import ProcessState


def holds_of(process: ProcessState) -> snap.Holds | None:
    """None where no GIL was read."""
    lines, gils = process.lines, _gils(process)
    if not process.gil.watched_s:
        return None
    longest_holds = (gil.longest_hold for gil in gils if gil.longest_hold is not None)
    longest = max(longest_holds, key=lambda hold: hold.seconds, default=None)
    threads, holds = process.threads.values(), _joined(gil.holds for gil in gils)
    return snap.Holds(
        running_s=rounded(sum(thread.holds.running_s for thread in threads)),
        cpu_wait_s=rounded(sum(thread.holds.cpu_wait_s for thread in threads)),
        blocked_s=rounded(sum(thread.holds.blocked_s for thread in threads)),
        longest_s=rounded(longest.seconds) if longest else None,
        longest_at=line_of(longest.line, lines) if longest and longest.line in lines else None,
        p50_s=rounded_optional(holds.quantile(0.5)),
        p99_s=rounded_optional(holds.quantile(0.99)),
        by_line=_by_line(process),
    )


def _gils(process: ProcessState) -> list[GilRecord]:
    return [process.gil, *(one.gil for one in process.interpreters.with_own_gil())]


def _joined(some: Iterable[LogHistogram]) -> LogHistogram:
    joined = LogHistogram()
    for each in some:
        joined.add(each.counts, each.longest_s)
    return joined


def _by_line(process: ProcessState) -> list[snap.HoldLine]:
    held: defaultdict[int, float] = defaultdict(float)
    known = [thread.hot for thread in process.threads.values()]
    for hot in known + [crowd.hot for crowd in process.crowds.values()]:
        for (line, state), seconds in hot.items():
            if state is ThreadState.GIL_HELD:
                held[line] += seconds
    longest: dict[int, float] = {}
    for gil in _gils(process):
        for number, seconds in gil.longest_by_line.items():
            longest[number] = max(seconds, longest.get(number, 0.0))
    most = sorted(held, key=lambda line: -held[line])[:MAX_HOT]
    return [
        snap.HoldLine(
            file=line.file,
            line=line.number,
            function=line.function,
            seconds=rounded(held[number]),
            longest_s=rounded_optional(longest.get(number)),
        )
        for number, line in ((number, process.lines.get(number, UNKNOWN)) for number in most)
    ]


def waits_of(process: ProcessState) -> snap.Waits | None:
    """None where no GIL was read."""
    if not process.gil.watched_s:
        return None
    waits = _joined(gil.waits for gil in _gils(process))
    return snap.Waits(
        p50_s=rounded_optional(waits.quantile(0.5)),
        p99_s=rounded_optional(waits.quantile(0.99)),
        longest_s=rounded(waits.longest_s) if waits.counts else None,
        after_io=_after_io(process),
    )


def _after_io(process: ProcessState) -> snap.AfterIo:
    times = process.gil.after_io
    return snap.AfterIo(
        count=times.count,
        p50_s=rounded_optional(times.quantile(0.5)),
        p99_s=rounded_optional(times.quantile(0.99)),
        longest_s=rounded(times.longest_s) if times.counts else None,
        exact_s=rounded_optional(process.between_samples_s),
    )
