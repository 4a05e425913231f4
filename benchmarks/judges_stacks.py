"""The tree of calls: where it begins, whether it adds up, who called whom for how long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.common import BenchmarkError
from benchmarks.judges_threads import named
from benchmarks.readings import Facts, Reading, near

from refwatch.export.schema_types import Process, StackNode, Stacks


def tree_of(process: Process) -> Stacks:
    if process.stacks is None:
        raise BenchmarkError("no stacks in the snapshot")
    return process.stacks


def seconds_of(nodes: Iterable[StackNode]) -> float:
    """Of all lines under these, what was left out among it."""
    return sum(
        sum(node.own.values()) + sum(node.left_out.values()) + seconds_of(node.children)
        for node in nodes
    )


def found(nodes: Iterable[StackNode], function: str) -> Iterator[StackNode]:
    """The outermost nodes of a function."""
    for node in nodes:
        if node.function == function:
            yield node
        else:
            yield from found(node.children, function)


def depth_of(nodes: Iterable[StackNode]) -> int:
    """Calls on the longest path, with those that are left out of it."""
    return max((1 + node.frames_left_out + depth_of(node.children) for node in nodes), default=0)


def callers(process: Process, facts: Facts) -> Iterator[Reading]:
    """One function by two callers, which share its time as they themselves have measured it."""
    tree = tree_of(process)
    for leaf, truth in facts["leaves"].items():
        whole = sum(truth.values())
        for caller, seconds in truth.items():
            within = list(found(found_under(tree.children, caller), leaf))
            yield near(
                f"{leaf} called by {caller}", seconds_of(within), seconds, 0.05 * whole, " s"
            )
    yield adds_up(process)


def found_under(nodes: Iterable[StackNode], function: str) -> list[StackNode]:
    return [child for node in found(nodes, function) for child in node.children]


def adds_up(process: Process) -> Reading:
    tree = tree_of(process)
    whole = seconds_of(tree.children) + sum(tree.left_out.values())
    threads = sum(sum(thread.states.values()) for thread in process.threads)
    return near("the tree, beside all threads", whole, threads, 0.03 * threads, " s")


def deep_stacks(process: Process, facts: Facts) -> Iterator[Reading]:
    tree = tree_of(process)
    for name, truth in facts["threads"].items():
        thread = named(process, name)
        frames = len(thread.stack) + thread.frames_left_out
        right = str(truth["frames"])
        yield Reading(f"{name}: frames", str(frames), right, str(frames) == right)
        outermost = thread.stack[-1].function if thread.stack else "none"
        right = truth["outermost"]
        yield Reading(f"{name}: outermost", outermost, right, outermost == right)
        roots = [node for node in tree.children if node.function == truth["outermost"]]
        lived = sum(thread.states.values())
        own = seconds_of(found(roots, name))
        yield near(f"{name}: in the tree", own, lived, 0.03 * lived, " s")
        calls = truth["frames"]  # what is left out of their middle is told to one digit
        yield near(f"{name}: depth in the tree", depth_of(found(roots, name)), calls, 0.1 * calls)
    yield adds_up(process)
