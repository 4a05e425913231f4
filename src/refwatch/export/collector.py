"""Time of the cyclic garbage collector, its longest pause, and the lines that set it off."""

from __future__ import annotations

from refwatch.export import schema_types as snap
from refwatch.export.places import MAX_HOT, UNKNOWN, line_of
from refwatch.export.values import rounded, rounded_optional
from refwatch.findings.collecting import APART
from refwatch.session.process import ProcessState


def collector_of(process: ProcessState) -> snap.Collector | None:
    """None where the collector is not read."""
    gil, lines = process.gil, process.lines
    if gil.collecting_s is None:
        return None
    record = gil.collector
    apart = APART not in process.limits
    single = apart and record.seen > 0
    known = [line for line in record.lines if line]
    most = sorted(known, key=lambda line: -record.lines[line].seconds)[:MAX_HOT]
    at = record.longest_line
    return snap.Collector(
        seconds=rounded(gil.collecting_s),
        pauses=record.seen,
        p50_s=rounded_optional(record.pauses.quantile(0.5)) if apart else None,
        p99_s=rounded_optional(record.pauses.quantile(0.99)) if apart else None,
        longest_s=rounded(record.pauses.longest_s) if single else None,
        longest_at=line_of(at, lines) if single and at in lines else None,
        by_line=[
            snap.CollectorLine(
                file=line.file,
                line=line.number,
                function=line.function,
                pauses=record.lines[number].pauses,
                seconds=rounded(record.lines[number].seconds),
                longest_s=rounded(record.lines[number].longest_s) if apart else None,
            )
            for number, line in ((number, lines.get(number, UNKNOWN)) for number in most)
        ],
    )
