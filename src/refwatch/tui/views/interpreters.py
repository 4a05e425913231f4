"""The GILs of a process together, where other interpreters have their own."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from refwatch.readings.threads.interpreter_records import InterpreterRecord
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_percent
from refwatch.tui.views.chart import Points

MOST = 5  # interpreters of a thread that are named


class Gils(NamedTuple):
    """Sums over all GILs: how many there are, how many are held, threads that wait for one and
    handoffs per second; and the same over time, (time, value)."""

    number: int
    held: float
    waiting: float
    handoffs: float
    history: tuple[Points, Points, Points]


def all_gils(process: ProcessState) -> Gils | None:
    """Over the last second, or over the whole run of a process that has ended. None where there
    was only ever one GIL, or none was read."""
    others, main = process.interpreters.with_own_gil(), process.gil
    if not others or not len(main.series):
        return None
    points = list(main.series)
    rows = [(point[0], *map(float, point[1:4])) for point in points]
    sums = [[at, held, wait, rate] for at, held, wait, rate in rows]
    for one in others:
        _add(sums, one)
    history = (
        tuple((row[0], row[1]) for row in sums),
        tuple((row[0], row[2]) for row in sums),
        tuple((row[0], row[3]) for row in sums),
    )
    if process.ended_s is not None:
        gils = [main, *(one.gil for one in others)]
        span = main.watched_s or 1.0
        held, wait = sum(gil.held_s for gil in gils), sum(gil.wait_s for gil in gils)
        handoffs = sum(gil.handoffs for gil in gils)
        return Gils(len(gils), held / span, wait / span, handoffs / span, history)
    recent = [row for row in sums if row[0] > sums[-1][0] - 1.0]
    held, wait, rate = (sum(row[i] for row in recent) / len(recent) for i in (1, 2, 3))
    there = sum(one.ended_s is None for one in others)
    return Gils(1 + there, held, wait, rate, history)


def _add(sums: list[list[float]], one: InterpreterRecord) -> None:
    """Add one GIL's values at these times; each holds until the next, while it was there."""
    points = list(one.gil.series)
    times = [point[0] for point in points]
    end = float("inf") if one.ended_s is None else one.ended_s
    first = bisect_right([row[0] for row in sums], one.began_s)
    for row in sums[first:]:
        if row[0] > end:
            break
        place = bisect_right(times, row[0])
        point = points[max(place, 1) - 1] if points else None
        if point is not None:
            for column in (1, 2, 3):
                row[column] += point[column]


def interpreter_of(process: ProcessState, serial: int) -> str:
    """``1, GIL 98 % held``, or ``main, 1, 2``: the interpreters that a thread was seen in; empty
    where there was only ever the main one."""
    known = process.interpreters
    if not known.others:
        return ""
    found = known.of_thread(serial)
    held = found[0].gil.held_fraction if len(found) == 1 else None
    if held is not None:
        return f"{found[0].number}, GIL {fmt_percent(held)} held"
    names = ["main"] if serial in known.in_main(process.threads) else []
    names += [str(one.number) for one in found]
    return ", ".join(names[:MOST]) + (" …" if len(names) > MOST else "")
