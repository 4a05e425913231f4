"""The tree of call paths of a process, with the time spent in each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from refwatch.export import schema_types as snap
from refwatch.export.places import UNKNOWN, states_of
from refwatch.export.values import rounded
from refwatch.readings.threads.events import LEFT_OUT
from refwatch.readings.threads.states import ThreadState
from refwatch.series.stack_tree import ROOT, StackTree
from refwatch.session.process import ProcessState

MOST_NODES = 1_000  # of one process, those with most time
DEEPEST = 75  # nodes one below the other: each takes three of the 256 levels that jq 1.6 reads
OUTER = 38  # of these, the outermost of a path that is deeper


class _Call:
    """A call in the tree that is told: a line, and how many calls are left out above it."""

    __slots__ = ("above", "below", "left_out", "line", "own", "total")

    def __init__(self, above: _Call | None, line: int, left_out: int) -> None:
        self.above = above
        self.line = line
        self.left_out = left_out
        self.below: dict[tuple[int, int], _Call] = {}
        self.own: defaultdict[ThreadState, float] = defaultdict(float)
        self.total = 0.0


def stacks(process: ProcessState) -> snap.Stacks | None:
    """The paths of all its threads added up; None where none was read."""
    tree = process.tree
    own: defaultdict[int, defaultdict[ThreadState, float]] = defaultdict(lambda: defaultdict(float))
    for (_, node, state), seconds in process.path_times().items():
        own[node][state] += seconds
    if not own:
        return None
    gaps = {number: line.number for number, line in process.lines.items() if line.file == LEFT_OUT}
    calls = _calls(tree, own, gaps)
    return _told(process, calls)


def _calls(
    tree: StackTree, own: Mapping[int, Mapping[ThreadState, float]], gaps: Mapping[int, int]
) -> list[_Call]:
    """All calls with their time; the first is the root, and callers come before what they call."""
    calls = [_Call(None, 0, 0)]
    for node in sorted(own):
        if not 0 < node < len(tree):
            continue
        call = calls[0]
        for key in _path(tree, node, gaps):
            below = call.below.get(key)
            if below is None:
                below = call.below[key] = _Call(call, *key)
                calls.append(below)
            call = below
        for state, seconds in own[node].items():
            call.own[state] += seconds
    for call in reversed(calls):
        call.total += sum(call.own.values())
        if call.above is not None:
            call.above.total += call.total
    return calls


def _path(tree: StackTree, node: int, gaps: Mapping[int, int]) -> list[tuple[int, int]]:
    """The lines of a path, outermost first, each with the number of calls left out above it: of a
    deep one those in the middle. ``gaps``: lines that stand for so many calls."""
    found: list[tuple[int, int]] = []
    while node != ROOT:
        line = tree.lines[node]
        if line in gaps and found:
            found[-1] = found[-1][0], gaps[line]
        else:
            found.append((line, 0))
        node = tree.parents[node]
    found.reverse()
    if len(found) <= DEEPEST:
        return found
    inner = len(found) - DEEPEST + OUTER
    between = found[OUTER : inner + 1]
    left_out = len(between) - 1 + sum(gap for _, gap in between)
    return [*found[:OUTER], (between[-1][0], left_out), *found[inner + 1 :]]


def _told(process: ProcessState, calls: list[_Call]) -> snap.Stacks:
    ranked = sorted(calls[1:], key=lambda call: -call.total)  # callers still come first
    told = {id(call) for call in ranked[:MOST_NODES]}
    root = snap.Stacks(children=[], left_out={})
    made: dict[int, snap.Stacks | snap.StackNode] = {id(calls[0]): root}
    for call in ranked[:MOST_NODES]:
        line = process.lines.get(call.line, UNKNOWN)
        made[id(call)] = added = snap.StackNode(
            file=line.file,
            line=line.number,
            function=line.function,
            own=states_of(call.own),
            children=[],
            left_out={},
            frames_left_out=call.left_out,
        )
        assert call.above is not None
        made[id(call.above)].children.append(added)
    for call in calls[1:]:
        if id(call) not in told:
            assert call.above is not None
            made[id(call)] = above = made[id(call.above)]
            for state, seconds in call.own.items():
                above.left_out[state] = rounded(above.left_out.get(state, 0.0) + seconds)
    return root
