"""The tree of call paths of a process, with the time spent in each."""

from __future__ import annotations

from collections import defaultdict

from refwatch.export import schema_types as snap
from refwatch.export.places import UNKNOWN, states_of
from refwatch.export.values import rounded
from refwatch.readings.threads.states import ThreadState
from refwatch.series.stack_tree import ROOT
from refwatch.session.process import ProcessState

MOST_NODES = 1_000  # of one process, those with most time
DEEPEST = 75  # nodes one below the other: each takes three of the 256 levels that jq 1.6 reads


def stacks(process: ProcessState) -> snap.Stacks | None:
    """The paths of all its threads added up; None where none was read."""
    tree = process.tree
    own: defaultdict[int, defaultdict[ThreadState, float]] = defaultdict(lambda: defaultdict(float))
    for (_, node, state), seconds in process.path_times().items():
        own[node][state] += seconds
    if not own:
        return None
    sums = tree.sums({node: sum(states.values()) for node, states in own.items()})
    nodes = [node for node in range(1, len(tree)) if sums[node]]
    nodes.sort(key=lambda node: (-sums[node], node))  # callers come before what they call
    depths = tree.depths()
    told = [node for node in nodes if depths[node] <= DEEPEST][:MOST_NODES]
    root = snap.Stacks(children=[], left_out={})
    made: dict[int, snap.Stacks | snap.StackNode] = {ROOT: root}
    for node in told:
        line = process.lines.get(tree.lines[node], UNKNOWN)
        made[node] = added = snap.StackNode(
            file=line.file,
            line=line.number,
            function=line.function,
            own=states_of(own[node]),
            children=[],
            left_out={},
        )
        made[tree.parents[node]].children.append(added)
    for node in sorted(set(nodes).difference(told)):
        made[node] = above = made[tree.parents[node]]
        for state, seconds in own.get(node, {}).items():
            above.left_out[state] = rounded(above.left_out.get(state, 0.0) + seconds)
    return root
