"""View of the icicle: one row per depth, outermost callers first, each frame as wide as what it and
its callees allocated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from refwatch.text.formats import fmt_bytes, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.allocations.files import origin_of
from refwatch.tui.panels.allocations.stacks import WHOLE, Node
from refwatch.tui.panels.allocations.table import absolute, fmt_site, shortened
from refwatch.tui.panels.allocations.view import AllocationsView
from refwatch.tui.source import source_line
from refwatch.tui.views.styled_text import Line, StyledText, cut, fit, pad, two_ends, width_of
from refwatch.tui.views.tree import Path

HOT = 0.1
"""Share of all that a frame must allocate itself to stand out."""


class Frame(NamedTuple):
    """A drawn frame: ``x`` and ``width`` in cells, ``size`` for its second line."""

    path: Path
    x: int
    width: int
    label: str
    size: str
    style: str


@dataclass(frozen=True)
class IcicleView:
    """``rows`` from the top down; those on the path to ``zoom`` have the full width."""

    rows: tuple[tuple[Frame, ...], ...]
    zoom: Path

    def find(self, path: Path) -> tuple[int, Frame] | None:
        """(row, frame) of a path; None if too narrow to be drawn."""
        row = len(path)
        if row >= len(self.rows):
            return None
        return next(((row, frame) for frame in self.rows[row] if frame.path == path), None)

    def nearest(self, path: Path) -> Path:
        """The path, or that of the nearest drawn frame above."""
        while path and self.find(path) is None:
            path = path[:-1]
        return path

    def beside(self, path: Path, by: int) -> Path:
        """Path of the frame to the left or right."""
        row = self.rows[len(path)] if len(path) < len(self.rows) else ()
        place = next((i for i, frame in enumerate(row) if frame.path == path), 0)
        return row[min(max(place + by, 0), len(row) - 1)].path if row else path

    def below(self, path: Path) -> Path:
        """Path of the largest callee; the same path if there is none."""
        row = self.rows[len(path) + 1] if len(path) + 1 < len(self.rows) else ()
        return next((frame.path for frame in row if frame.path[:-1] == path), path)

    def under(self, row: int, x: int) -> Path | None:
        """Path of the frame at this cell."""
        frames = self.rows[row] if 0 <= row < len(self.rows) else ()
        return next((frame.path for frame in frames if frame.x <= x < frame.x + frame.width), None)


def lay_icicle(view: AllocationsView, top: Node, zoom: Path, width: int) -> IcicleView:
    """Place all frames of at least one cell. Boundaries are rounded, not widths, so callees stay
    within their caller."""
    while zoom and top.at(zoom) is None:
        zoom = zoom[:-1]
    rows = [[_frame(view, top, zoom[:depth], 0, width, 0)] for depth in range(len(zoom))]
    level = [_frame(view, top, zoom, 0, width, 0)]
    while level:
        rows.append(level)
        level = _next(view, top, level)
    return IcicleView(tuple(tuple(row) for row in rows), zoom)


def _next(view: AllocationsView, top: Node, level: Sequence[Frame]) -> list[Frame]:
    """The row below."""
    found: list[Frame] = []
    for above in level:
        node = top.at(above.path)
        if node is None or node.weight <= 0:
            continue
        done, x = 0.0, above.x
        for child in node.ranked():
            done += child.weight
            edge = above.x + round(done / node.weight * above.width)
            if edge > x:
                path = (*above.path, child.site)
                found.append(_frame(view, top, path, x, edge - x, len(found)))
            x = max(x, edge)
    return found


def _frame(view: AllocationsView, top: Node, path: Path, x: int, width: int, place: int) -> Frame:
    odd = "-odd" if place % 2 else ""
    unit = "" if view.shown == "exact" else "/s"
    if not path:
        return Frame((), x, width, f"all: {fmt_bytes(top.weight)}{unit}", "", "frame-library")
    node = top.at(path) or top
    site = view.site(path[-1])
    kind = "own" if origin_of(site.file) == "own" else "library"
    kind = "hot" if node.ends >= HOT * top.weight > 0 else kind
    size = f"{fmt_bytes(node.weight)}{unit} {fmt_percent(node.weight / (top.weight or 1.0))}"
    name = printable(site.file).rpartition("/")[2]
    label = f"{printable(site.function)} {name}:{site.line}"
    if len(label) + 1 > width:
        label = printable(site.function)
    return Frame(path, x, width, label, size, f"frame-{kind}{odd}")


def draw_frames(
    frames: Sequence[Frame], chosen: Path | None, width: int, *, second: bool = False
) -> Line:
    """One line of a row: the frames' names, or on the ``second`` line their sizes."""
    styled: list[StyledText] = []
    x = 0
    for frame in frames:
        if frame.x > x:
            styled.append((" " * (frame.x - x), ""))
        label = frame.size if second else frame.label
        text = f" {cut(label, frame.width - 1)}" if frame.width > 1 else "▏"
        text = pad("" if second and len(label) >= frame.width else text, frame.width)
        styled.append((text, "chosen" if frame.path == chosen else f"foreground/{frame.style}"))
        x = frame.x + frame.width
    if x < width:
        styled.append((" " * (width - x), ""))
    return tuple(styled)


def draw_chosen(view: AllocationsView, top: Node, path: Path, width: int) -> tuple[Line, Line]:
    """Describe a frame: where, how much, and its source line."""
    node = top.at(path) or top
    unit = "" if view.shown == "exact" else "/s"
    size: list[StyledText] = [(f"{fmt_bytes(node.weight)}{unit}", "strong")]
    share = node.weight / top.weight if top.weight > 0 else 0.0
    size.append((f"  {fmt_percent(share)} of all", "foreground"))
    above = top.at(path[:-1]) if len(path) > 1 else None
    if above is not None and above.weight > 0:
        size.append((f", {fmt_percent(node.weight / above.weight)} of its caller", "foreground"))
    if node.ends > 0 and node.below:
        size.append((f", {fmt_bytes(node.ends)}{unit} in it itself", "foreground"))
    if node.site == WHOLE:
        name: Line = (("all tracebacks", "strong"),)
        text = "↑ ↓ ← → move, enter zooms in, esc zooms out, i returns to the table"
    else:
        room = width - width_of(size) - 2
        name = shortened(fmt_site(view, node.site), room)
        site = view.site(node.site)
        text = printable(source_line(absolute(view, site.file), site.line))
    return two_ends(name, tuple(size), width), fit(((f"  {text}", "muted"),), width)
