"""A tree of call paths: each node is a line and the path of callers that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

ROOT = 0


class StackTree(Struct, kw_only=True):
    """Nodes by their number; :data:`ROOT` is the one without a line, above the outermost callers. A
    node comes after the one above it."""

    parents: list[int] = field(default_factory=lambda: [ROOT])
    lines: list[int] = field(default_factory=lambda: [0])

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, nodes: Iterable[tuple[int, int, int]]) -> None:
        """Take in new nodes as (node, the one above, line); those that do not follow on are none of
        this tree."""
        for node, parent, line in nodes:
            if node == len(self.lines) and 0 <= parent < node:
                self.parents.append(parent)
                self.lines.append(line)

    def depths(self) -> list[int]:
        """How many nodes lead to each, itself among them."""
        depths = [0] * len(self.lines)
        for node in range(1, len(self.lines)):
            depths[node] = depths[self.parents[node]] + 1
        return depths

    def sums(self, own: Mapping[int, float]) -> list[float]:
        """What each node has with all below it, where these have ``own`` for themselves."""
        sums = [0.0] * len(self.lines)
        for node in range(len(self.lines) - 1, -1, -1):
            sums[node] += own.get(node, 0.0)
            if node:
                sums[self.parents[node]] += sums[node]
        return sums

    def line(self, node: int) -> int:
        """Number of the node's line; 0 for an unknown node."""
        return self.lines[node] if 0 <= node < len(self.lines) else 0
