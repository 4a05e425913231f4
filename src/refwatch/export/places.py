"""Source lines of a snapshot, and the time at them."""

from __future__ import annotations

from collections.abc import Mapping

from refwatch.export import schema_types as snap
from refwatch.export.values import rounded
from refwatch.readings.threads.state import Hot, Line
from refwatch.readings.threads.states import ThreadState

MAX_HOT = 50  # lines of one thread or group
UNKNOWN = Line(
    file="?", number=0, function="?"
)  # in place of a line whose LineSeen event is missing


def line_of(number: int, lines: Mapping[int, Line]) -> snap.Line:
    """The line of this number."""
    line = lines.get(number, UNKNOWN)
    return snap.Line(file=line.file, line=line.number, function=line.function)


def hot_lines(hot: Hot, lines: Mapping[int, Line]) -> list[snap.HotLine]:
    """The lines with most seconds, most first."""
    most = sorted(hot.items(), key=lambda item: -item[1])[:MAX_HOT]
    found: list[snap.HotLine] = []
    for (number, state), seconds in most:
        line = lines.get(number, UNKNOWN)
        found.append(
            snap.HotLine(
                file=line.file,
                line=line.number,
                function=line.function,
                state=state,
                seconds=rounded(seconds),
            )
        )
    return found


def states_of(states: Mapping[ThreadState, float]) -> dict[ThreadState, float]:
    """Seconds by state, in the order of ThreadState, without those that are zero."""
    return {state: rounded(states[state]) for state in ThreadState if states.get(state)}
