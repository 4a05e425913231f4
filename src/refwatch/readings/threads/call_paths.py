"""The paths of calls by which threads come to their lines.

A thread's line is read a thousand times a second, its whole stack a hundred times, also where the
machine leaves room for fewer samples, and where its line's function has several callers in each
wait that lasts. So the time at a line is known exactly, and that of a wait by its callers too; the
rest is shared among the callers that the line's function was seen to have in the same slice of
time, or was last seen to have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from refwatch.readings.threads.events import END, LEFT_OUT, LineSeen, PathsSeen
from refwatch.readings.threads.states import ThreadState
from refwatch.series.stack_tree import ROOT
from refwatch.target.context import Context
from refwatch.target.locations import NO_LINE, LineTable, NewLine

MOST_PATHS = 20_000  # of one process
FULL = f"beyond the first {MOST_PATHS:,} paths of calls, lines are told without their callers"
Hot = list[tuple[int, ThreadState, float]]
SET_OFF = 1 << 32  # added to a line: the time is the garbage collector's, which the line set off


def gap_line(lines: LineTable, left_out: int) -> int:
    """The line that stands for so many frames. To one digit, or each depth of a recursion would be
    a path of its own."""
    if not left_out:
        return NO_LINE
    unit = 10 ** (len(str(left_out)) - 1)
    return lines.stand_in(LEFT_OUT, (left_out + unit // 2) // unit * unit)


class CallPaths:
    """Numbers the lines and paths of one process and tells of them. ``functions`` has the number of
    a line's function."""

    def __init__(self, context: Context, functions: Mapping[int, int]) -> None:
        self.functions = functions
        self.callers: dict[int, int] = {}
        """Function -> node of its callers, when any thread was last seen in it."""
        self.collector = 0
        """The line that stands for the garbage collector, once it was seen to run."""
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

    __slots__ = ("_called_by_many", "_callers", "_gap", "_now", "_seen", "_stack", "_waited")

    def __init__(self) -> None:
        self._stack: list[int] = []
        self._gap = NO_LINE
        self._now = (0, ROOT)
        """The running function, and the node of its callers."""
        self._seen: dict[tuple[int, int], int] = {}
        """The same of all stacks of this slice, and how many there were."""
        self._callers: dict[int, int] = {}
        """Function -> node of its callers, when it was last seen."""
        self._called_by_many: set[int] = set()
        """Functions that were seen with different callers."""
        self._waited: dict[tuple[int, ThreadState], dict[int, int]] = {}
        """(line, state) -> node of the line -> nanoseconds, of waits in this slice during which the
        stack was read."""

    def has_many_callers(self, line: int, paths: CallPaths) -> bool:
        """Whether this line may have other callers than when it was last seen."""
        return paths.functions.get(line, 0) in self._called_by_many

    def waited(self, line: int, state: ThreadState, node: int, wait_ns: int) -> None:
        """It has waited for so long at the node of this line."""
        nodes = self._waited.setdefault((line, state), {})
        nodes[node] = nodes.get(node, 0) + wait_ns

    def innermost(self, paths: CallPaths) -> int | None:
        """The node of the innermost line of the newest stack."""
        line = self._stack[0] if self._stack else 0
        return paths.below(self._now[1], line) if line > 0 else None

    def count(self) -> None:
        """The newest stack stands for a share of the time."""
        if self._stack:
            self._seen[self._now] = self._seen.get(self._now, 0) + 1

    def follow(self, stack: list[int], paths: CallPaths, gap: int = NO_LINE) -> None:
        """Take in a whole stack, innermost first: who calls its functions; ``gap`` stands for
        frames that are left out of its middle."""
        if stack == self._stack and gap == self._gap:
            return
        self._gap = gap
        self._stack = stack
        node, callers = ROOT, self._callers
        whole = list(reversed(stack))
        if self._gap:
            whole.insert(max(0, len(stack) - END), self._gap)
        for line in whole:
            if line <= 0:
                continue  # of the probe
            function = paths.functions[line]
            if callers.get(function, node) != node:
                self._called_by_many.add(function)
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
        for where, state, total_s in hot:
            waited, seconds = self._of_waits(where, state, total_s)
            placed += waited
            if not seconds:
                continue
            line, collects = where % SET_OFF, where >= SET_OFF
            function = paths.functions.get(line, 0)
            callers = seen.get(function) or self._last_callers(function, paths)
            total = sum(count for _, count in callers)
            nodes = [(paths.below(parent, line), count) for parent, count in callers]
            if collects:
                nodes = [
                    (node and paths.below(node, paths.collector), count) for node, count in nodes
                ]
            if not nodes or any(node is None for node, _ in nodes):
                rest.append((paths.collector if collects else line, state, seconds))
            else:
                placed += [(node, state, seconds * count / total) for node, count in nodes if node]
        return placed, rest

    def _of_waits(self, line: int, state: ThreadState, seconds: float) -> tuple[Hot, float]:
        """The time at a line that is known to be of a node, and what is left of it."""
        nodes = self._waited.pop((line, state), None)
        if nodes is None:
            return [], seconds
        known_s = sum(nodes.values()) / 1e9
        part = min(1.0, seconds / known_s) if known_s else 0.0
        return [(node, state, ns / 1e9 * part) for node, ns in nodes.items()], max(
            0.0, seconds - known_s
        )
