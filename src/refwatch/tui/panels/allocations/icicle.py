"""What the icicle of tracebacks says of its frames."""

from __future__ import annotations

from refwatch.text.formats import fmt_bytes, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.allocations.table import absolute, fmt_site
from refwatch.tui.panels.allocations.view import AllocationsView
from refwatch.tui.source import source_line
from refwatch.tui.views.icicle import FrameName, frame_name
from refwatch.tui.views.places import shortened
from refwatch.tui.views.styled_text import Line, StyledText, fit, two_ends, width_of
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import WHOLE, Node


class TracebackNames:
    """Names sites, and bytes or bytes per second."""

    def __init__(self, view: AllocationsView) -> None:
        self._view = view
        self._unit = "" if view.shown == "exact" else "/s"

    def size(self, weight: float) -> str:
        return f"{fmt_bytes(weight)}{self._unit}"

    def name(self, site: int) -> FrameName:
        found = self._view.site(site)
        return frame_name(found.file, found.line, printable(found.function))

    def searched(self, site: int) -> str:
        found = self._view.site(site)
        return f"{found.function} {found.file}:{found.line}"

    def describe(self, top: Node, path: Path, width: int) -> tuple[Line, Line]:
        """Where, how much, and its source line."""
        node = top.at(path) or top
        size: list[StyledText] = [(self.size(node.weight), "strong")]
        share = node.weight / top.weight if top.weight > 0 else 0.0
        size.append((f"  {fmt_percent(share)} of all", "foreground"))
        above = top.at(path[:-1]) if len(path) > 1 else None
        if above is not None and above.weight > 0:
            part = fmt_percent(node.weight / above.weight)
            size.append((f", {part} of its caller", "foreground"))
        if node.ends > 0 and node.below:
            size.append((f", {self.size(node.ends)} in it itself", "foreground"))
        if node.site == WHOLE:
            name: Line = (("all tracebacks", "strong"),)
            text = "↑ ↓ ← → move, enter zooms in, esc zooms out, / searches, i: the table"
        else:
            room = width - width_of(size) - 2
            name = shortened(fmt_site(self._view, node.site), room)
            site = self._view.site(node.site)
            text = printable(source_line(absolute(self._view, site.file), site.line))
        return two_ends(name, tuple(size), width), fit(((f"  {text}", "muted"),), width)
