"""Search in a flame graph: the frames that match, and their share of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from refwatch.text.formats import fmt_percent, fmt_plural
from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import Line, cut
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import Node

MOST_PATHS = 5_000
"""Frames that n and N go to."""
LONGEST = 16
"""Cells of the text that is said again."""


@dataclass(frozen=True)
class Search:
    """``paths`` of the matching frames, callers before callees, heaviest first; ``count`` of all of
    them. ``share``: of all, each stack once, however many of its frames match."""

    wanted: str = ""
    share: float = 0.0
    count: int = 0
    paths: tuple[Path, ...] = ()
    sites: frozenset[int] = frozenset()

    def beside(self, path: Path, by: int) -> Path | None:
        """The match after this one, or before; from any other frame the first or last."""
        if not self.paths:
            return None
        start = self.paths.index(path) if path in self.paths else -1 if by > 0 else 0
        return self.paths[(start + by) % len(self.paths)]


NO_SEARCH = Search()


def search(top: Node, wanted: str, searched: Callable[[int], str]) -> Search:
    """Look for a text, large or small, in what ``searched`` says of the frames."""
    wanted = wanted.casefold()
    if not wanted:
        return NO_SEARCH
    known: dict[int, bool] = {}
    paths: list[Path] = []
    weight, count = 0.0, 0
    waiting: list[tuple[Node, Path, bool]] = [(top, (), False)]
    while waiting:
        node, path, inside = waiting.pop()
        if path:
            found = known.get(node.site)
            if found is None:
                found = known[node.site] = wanted in searched(node.site).casefold()
            if found:
                count += 1
                weight += 0.0 if inside else node.weight
                inside = True
                if len(paths) < MOST_PATHS:
                    paths.append(path)
        waiting += [(below, (*path, below.site), inside) for below in reversed(node.ranked())]
    sites = frozenset(site for site, found in known.items() if found)
    share = weight / top.weight if top.weight > 0 else 0.0
    return Search(wanted, share, count, tuple(paths), sites)


def draw_search(found: Search) -> Line:
    """``“parse” in 3 frames, 41 % of all``"""
    wanted = cut(printable(found.wanted), LONGEST)
    if not found.count:
        return ((f"“{wanted}” is in no frame", "warn"),)
    return (
        (f"“{wanted}” in {fmt_plural(found.count, 'frame')}, ", "foreground"),
        (f"{fmt_percent(found.share)} of all", "strong"),
    )
