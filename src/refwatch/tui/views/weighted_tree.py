"""Tree of stacks that have a weight: bytes, or seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

REST = -2
"""Stands for stacks too small to be counted one by one."""
WHOLE = -3
"""Stands for all stacks."""


@dataclass(eq=False)
class Node:
    """A site in the tree. ``weight``: of all stacks through it; ``ends``: of those that end in
    it."""

    site: int
    weight: float = 0.0
    ends: float = 0.0
    below: dict[int, Node] = field(default_factory=dict)

    def add(self, sites: Sequence[int], weight: float) -> None:
        """Add one stack."""
        node = self
        node.weight += weight
        for site in sites:
            found = node.below.get(site)
            if found is None:
                found = node.below[site] = Node(site)
            node = found
            node.weight += weight
        node.ends += weight

    def ranked(self) -> list[Node]:
        """Children, heaviest first."""
        return sorted(self.below.values(), key=lambda node: (-node.weight, node.site))

    def at(self, path: Sequence[int]) -> Node | None:
        """The node at the end of a path of sites from here."""
        node: Node | None = self
        for site in path:
            node = node.below.get(site) if node is not None else None
        return node


def heaviest(top: Node) -> Iterator[tuple[int, ...]]:
    """Paths to open at first: those that most of the weight takes."""
    path: tuple[int, ...] = ()
    node = top
    while node.below:
        first = node.ranked()[0]
        if first.weight < 0.5 * node.weight or first.site == REST:
            return
        path, node = (*path, first.site), first
        yield path
