"""How long the GIL was held at a time, at which lines, and how long threads waited for it."""

from __future__ import annotations

from collections import defaultdict

from refwatch.export import schema_types as snap
from refwatch.export.places import MAX_HOT, UNKNOWN, line_of
from refwatch.export.values import rounded, rounded_optional
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState


def holds_of(process: ProcessState) -> snap.Holds | None:
    """None where no GIL was read."""
    gil, lines = process.gil, process.lines
    if not gil.watched_s:
        return None
    threads, longest = process.threads.values(), gil.longest_hold
    return snap.Holds(
        running_s=rounded(sum(thread.holds.running_s for thread in threads)),
        cpu_wait_s=rounded(sum(thread.holds.cpu_wait_s for thread in threads)),
        blocked_s=rounded(sum(thread.holds.blocked_s for thread in threads)),
        longest_s=rounded(longest.seconds) if longest else None,
        longest_at=line_of(longest.line, lines) if longest and longest.line in lines else None,
        p50_s=rounded_optional(gil.holds.quantile(0.5)),
        p99_s=rounded_optional(gil.holds.quantile(0.99)),
        by_line=_by_line(process),
    )


def _by_line(process: ProcessState) -> list[snap.HoldLine]:
    held: defaultdict[int, float] = defaultdict(float)
    known = [thread.hot for thread in process.threads.values()]
    for hot in known + [crowd.hot for crowd in process.crowds.values()]:
        for (line, state), seconds in hot.items():
            if state is ThreadState.GIL_HELD:
                held[line] += seconds
    longest = process.gil.longest_by_line
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
    waits = process.gil.waits
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
