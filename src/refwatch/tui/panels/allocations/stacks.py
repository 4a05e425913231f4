"""Trees of tracebacks: callers of a line, or callees from the outermost caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from refwatch.readings.allocations.state import By, Key
from refwatch.tui.panels.allocations.files import Origin
from refwatch.tui.panels.allocations.table import TableOptions, searched, visible
from refwatch.tui.panels.allocations.view import AllocationsView, Between

REST = -2
"""Stands for tracebacks too small to be counted one by one."""
WHOLE = -3
"""Stands for all tracebacks."""


@dataclass
class Node:
    """A site in the tree. ``weight``: bytes or bytes per second of all tracebacks through it;
    ``ends``: of those that end here."""

    site: int
    weight: float = 0.0
    ends: float = 0.0
    below: dict[int, Node] = field(default_factory=dict)

    def add(self, sites: Sequence[int], weight: float) -> None:
        """Add one traceback."""
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


def callers_of(figures: Between, options: TableOptions, key: Key) -> Node:
    """Callers of a line, of a file's lines, or of a traceback: allocating sites at the top, callers
    below."""
    view, by = figures.view, options.by
    top = Node(WHOLE)
    belongs = _belongs(view, by, key)
    for traceback, weight in figures.weights(By.TRACEBACK):
        stack = view.stack(traceback if isinstance(traceback, int) else -1)
        if belongs(traceback, stack):
            top.add(shown(view, stack, options.hidden, keep=1), weight)
    of_all = next((size for each, size in figures.weights(by) if each == key), 0.0)
    rest = of_all - top.weight
    if rest > 0.005 * of_all:
        top.below[REST] = Node(REST, rest, rest)
        top.weight += rest
    return top


def _belongs(view: AllocationsView, by: By, key: Key) -> Callable[[Key, Sequence[int]], bool]:
    if by is By.TRACEBACK:
        return lambda traceback, _: traceback == key
    if by is By.LINE:
        return lambda _, stack: stack[0] == key
    return lambda _, stack: view.site(stack[0]).file == key


def shown(
    view: AllocationsView, stack: Sequence[int], hidden: frozenset[Origin], keep: int = 0
) -> tuple[int, ...]:
    """The visible sites of a traceback; the first ``keep`` are always visible."""
    if not hidden:
        return tuple(stack)
    return (*stack[:keep], *visible(view, stack[keep:], hidden))


def stacks_of(figures: Between, options: TableOptions) -> Node:
    """All tracebacks from the outermost caller in, filtered, without hidden files."""
    view = figures.view
    wanted = options.filter.casefold()
    top = Node(WHOLE)
    for traceback, weight in figures.weights(By.TRACEBACK):
        if wanted and wanted not in searched(view, By.TRACEBACK, traceback).casefold():
            continue
        stack = view.stack(traceback if isinstance(traceback, int) else -1)
        top.add(shown(view, stack, options.hidden)[::-1], weight)
    return top


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
