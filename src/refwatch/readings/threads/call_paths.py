"""The paths of calls by which threads come to their lines.

A thread's line is read a thousand times a second, its whole stack a hundred times. So the time at a
line is known exactly, and is shared among the callers that the line's function was seen to have in
the same slice of time, or was last seen to have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from refwatch.readings.threads.events import LineSeen, PathsSeen
from refwatch.readings.threads.states import ThreadState
from refwatch.series.stack_tree import ROOT
from refwatch.target.context import Context
from refwatch.target.locations import NewLine

MOST_PATHS = 20_000  # of one process
FULL = f"beyond the first {MOST_PATHS:,} paths of calls, lines are told without their callers"
Hot = list[tuple[int, ThreadState, float]]


class CallPaths:
    """Numbers the lines and paths of one process and tells of them. ``functions`` has the number of
    a line's function."""

    def __init__(self, context: Context, functions: Mapping[int, int]) -> None:
        self.functions = functions
        self.callers: dict[int, int] = {}
        """Function -> node of its callers, when any thread was last seen in it."""
        self._context = context
        self._nodes: dict[tuple[int, int], int] = {}
        self._new: list[tuple[int, int, int]] = []

    def below(self, parent: int, line: int) -> int | None:
        """The node of this line under that of its callers; None where there are too many."""
        key = (parent, line)
        node = self._nodes.get(key)
        if node is None and len(self._nodes) < MOST_PATHS:
            node = self._nodes[key] = len(self._nodes) + 1
            self._new.append((node, parent, line))
        return node

    def tell(self, at_ns: int, lines: Iterable[NewLine]) -> None:
        """Emit these lines and the paths that are new, before anything that names them."""
        at, process = at_ns / 1e9, self._context.process
        for line in lines:
            self._context.emit(
                LineSeen(
                    at=at,
                    process=process,
                    line=line.id,
                    file=line.file,
                    number=line.number,
                    function=line.function,
                )
            )
        if self._new:
            self._context.emit(PathsSeen(at=at, process=process, nodes=self._new))
            self._new = []
        if len(self._nodes) >= MOST_PATHS:
            self._context.limit("stacks", FULL)


class ThreadPaths:
    """The callers of one thread's functions."""

    __slots__ = ("_callers", "_now", "_seen", "_stack")

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._now = (0, ROOT)
        """The running function, and the node of its callers."""
        self._seen: dict[tuple[int, int], int] = {}
        """The same of all stacks of this slice, and how many there were."""
        self._callers: dict[int, int] = {}
        """Function -> node of its callers, when it was last seen."""

    def saw(self, stack: list[int], paths: CallPaths) -> None:
        """Take in a whole stack, innermost first."""
        if not stack:
            return
        if stack != self._stack:
            self._walk(stack, paths)
        now = self._now
        self._seen[now] = self._seen.get(now, 0) + 1

    def _walk(self, stack: list[int], paths: CallPaths) -> None:
        self._stack = stack
        node, callers = ROOT, self._callers
        for line in reversed(stack):
            if line <= 0:
                continue  # of the probe
            function = paths.functions[line]
            callers[function] = paths.callers[function] = node
            self._now = (function, node)
            below = paths.below(node, line)
            if below is None:
                return
            node = below

    def _last_callers(self, function: int, paths: CallPaths) -> list[tuple[int, int]]:
        """A thread that lives for a moment has those that another one had."""
        node = self._callers.get(function, paths.callers.get(function))
        return [] if node is None else [(node, 1)]

    def place(self, hot: Hot, paths: CallPaths) -> tuple[Hot, Hot]:
        """Of the time at lines in this slice: (that at nodes, the rest, whose callers were not
        seen)."""
        seen: dict[int, list[tuple[int, int]]] = {}
        for (function, parent), count in self._seen.items():
            seen.setdefault(function, []).append((parent, count))
        self._seen = {}
        placed: Hot = []
        rest: Hot = []
        for line, state, seconds in hot:
            function = paths.functions.get(line, 0)
            callers = seen.get(function) or self._last_callers(function, paths)
            total = sum(count for _, count in callers)
            nodes = [(paths.below(parent, line), count) for parent, count in callers]
            if not nodes or any(node is None for node, _ in nodes):
                rest.append((line, state, seconds))
            else:
                placed += [(node, state, seconds * count / total) for node, count in nodes if node]
        return placed, rest
