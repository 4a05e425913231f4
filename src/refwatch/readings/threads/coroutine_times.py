"""Time of an event loop's thread by coroutine function: a pure function of its paths of calls.

Under the loop's own frames stands what it has called: the function of a callback, or the outermost
coroutine function of a task, in which all is that it calls and awaits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from refwatch.readings.threads.state import Line
from refwatch.series.stack_tree import ROOT, StackTree

LOOPS = {
    "asyncio": (("asyncio/base_events.py", "_run_once"),),
    "uvloop": (("asyncio/runners.py", "run"),),
    "trio": (("trio/_core/_run.py", "unrolled_run"),),
}
"""Outermost function of a loop's turn, by kind."""
STEPS = {"asyncio": (("asyncio/events.py", "_run"),)}
"""What that calls for each callback; the others call those themselves."""
OWN_FILES = (
    "asyncio/runners.py",
    "asyncio/base_events.py",
    "asyncio/events.py",
    "uvloop/__init__.py",
    "/trio/_core/",
)
"""Not told as a coroutine of the program's."""
NOWHERE, IN_LOOP, IN_STEP = -3, -2, -1


class CoroutineTime(NamedTuple):
    """``seconds`` in the function with all that it has called and awaited, ``own_s`` at its own
    lines. ``line`` is the one of them by which most of that went."""

    file: str
    line: int
    function: str
    seconds: float
    own_s: float


def coroutine_times(
    tree: StackTree,
    lines: Mapping[int, Line],
    times: Iterable[tuple[int, float]],
    kind: str = "asyncio",
) -> list[CoroutineTime]:
    """Of (path number, seconds) of the thread of a loop, most seconds first."""
    roles = _roles(tree, lines, kind)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    own: defaultdict[tuple[str, str], float] = defaultdict(float)
    by_line: defaultdict[tuple[str, str], defaultdict[int, float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for node, spent in times:
        outermost = roles[node] if 0 <= node < len(roles) else NOWHERE
        line = lines.get(tree.lines[outermost]) if outermost > ROOT else None
        if line is None:
            continue
        key = line.file, line.function
        seconds[key] += spent
        by_line[key][line.number] += spent
        own[key] += spent if node == outermost else 0.0
    return [
        CoroutineTime(
            file,
            max(by_line[file, function].items(), key=lambda item: item[1])[0],
            function,
            spent,
            own[file, function],
        )
        for (file, function), spent in sorted(seconds.items(), key=lambda item: -item[1])
    ]


def _roles(tree: StackTree, lines: Mapping[int, Line], kind: str) -> list[int]:
    """Of each node: the node of the outermost function under the loop, above 0; or where it is."""
    roles = [NOWHERE] * len(tree)
    loops, steps = LOOPS.get(kind, ()), STEPS.get(kind, ())
    for node in range(1, len(tree)):
        above = roles[tree.parents[node]]
        line = lines.get(tree.lines[node])
        if above > ROOT or line is None:
            roles[node] = above
        elif above == NOWHERE:
            roles[node] = IN_LOOP if _is_one_of(line, loops) else NOWHERE
        elif above == IN_LOOP and steps:
            roles[node] = IN_STEP if _is_one_of(line, steps) else NOWHERE
        elif line.number <= 0 or any(own in line.file for own in OWN_FILES):
            roles[node] = above
        else:
            roles[node] = node
    return roles


def _is_one_of(line: Line, places: Iterable[tuple[str, str]]) -> bool:
    plain = line.function.rpartition(".")[2]
    return any(plain == function and line.file.endswith(file) for file, function in places)
