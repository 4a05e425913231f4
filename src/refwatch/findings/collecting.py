"""What is said of the cyclic garbage collector: how much of the time it takes, how long at a time,
and which line sets it off."""

from __future__ import annotations

from os.path import basename

from refwatch.readings.threads.state import Line
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_duration, fmt_percent
from refwatch.text.sanitize import printable, shorten_path

APART = "garbage collections"  # the reading by which collections in a row are told apart
MUCH = 0.05  # share of the time from which on it is told
LEAST_S = 0.1  # and so long: on a busy machine one sample may stand for some hundredths of a second


def collecting_s(process: ProcessState) -> float:
    """Seconds in the collector; 0 where that is not known. Recordings of an older form may have
    what was timed in the program, from when a viewer asked for it."""
    seconds = process.gil.collecting_s
    if seconds is None:
        return sum(total for _, total, _ in process.references.gc_pauses)
    return seconds


def collector_sentence(process: ProcessState, least: float = MUCH) -> str:
    """``31 % of the time, 9.3 s; up to 210 ms at a time, set off at app.py:12 full``; empty for
    less than this share of the time, or none."""
    seconds = collecting_s(process)
    share = seconds / process.sampled_s if process.sampled_s else 0.0
    if not seconds or share < least or (least and seconds < LEAST_S):
        return ""
    text = f"{fmt_percent(share)} of the time, {fmt_duration(seconds)}"
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


def line_of_most(process: ProcessState) -> int | None:
    """The line that has set off most of its time; None where that is not known."""
    lines = process.gil.collector.lines
    most = max(lines, key=lambda line: lines[line].seconds, default=0)
    return most or None


def _place(line: Line) -> str:
    return f"{shorten_path(basename(line.file), 32)}:{line.number} {printable(line.function)}"
