"""Trees of tracebacks: callers of a line, or callees from the outermost caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from refwatch.readings.allocations.state import By, Key
from refwatch.tui.panels.allocations.table import TableOptions, searched, visible
from refwatch.tui.panels.allocations.view import AllocationsView, Between
from refwatch.tui.views.places import Origin
from refwatch.tui.views.weighted_tree import REST, WHOLE, Node


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
