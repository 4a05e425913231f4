"""What is said of the cyclic garbage collector: how much of the time it takes, how long at a time,
and which line sets it off."""

from __future__ import annotations

from refwatch.readings.threads.state import Line
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_duration, fmt_percent
from refwatch.text.sanitize import printable, shorten_path

APART = "garbage collections"  # the reading by which collections in a row are told apart
MUCH = 0.05  # share of the time from which on it is told


def collecting_share(process: ProcessState) -> float:
    """Share of the time in which the collector ran, 0 to 1; 0 where that is not read."""
    gil = process.gil
    return (gil.collecting_s or 0.0) / gil.watched_s if gil.watched_s else 0.0


def collector_sentence(process: ProcessState) -> str:
    """``31 % of the time, 9.3 s; up to 210 ms at a time, in app.py:12 full``; empty for little."""
    share = collecting_share(process)
    if share < MUCH:
        return ""
    text = f"{fmt_percent(share)} of the time, {fmt_duration(process.gil.collecting_s or 0.0)}"
    longest = longest_pause(process)
    return text + (f"; up to {longest}" if longest else "")


def longest_pause(process: ProcessState) -> str:
    """``210 ms at a time, set off at app.py:12 full``; empty where that is not known."""
    record = process.gil.collector
    if not record.seen or APART in process.limits:
        return ""
    line = process.lines.get(record.longest_line)
    where = f", set off at {_place(line)}" if line else ""
    return f"{fmt_duration(record.pauses.longest_s)} at a time{where}"


def _place(line: Line) -> str:
    return f"{shorten_path(line.file, 40)}:{line.number} {printable(line.function)}"
