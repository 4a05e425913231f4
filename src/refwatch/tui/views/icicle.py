"""View of an icicle, a flame graph with the root at the top: one row per depth, outermost callers
first, each frame as wide as its weight with that of its callees."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from refwatch.text.formats import fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.views.frame_colours import ALL, MATCH, frame_colour
from refwatch.tui.views.styled_text import Line, StyledText, cut, pad
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import Node

HOT = 0.1
"""Share of all that a frame must have itself to stand out: its name is bold."""
EDGE = "▏"


class FrameName(NamedTuple):
    """``short`` where there is no room for the label."""

    label: str
    short: str
    style: str


def frame_name(file: str, line: int, function: str) -> FrameName:
    """Of a function, or of a line of it; line 0 is left out."""
    if function == file:  # it has no source
        label = f"{function}:{line}" if line else function
        return FrameName(label, function, frame_colour(file, function))
    name = printable(file).rpartition("/")[2]
    where = f"{name}:{line}" if line else name
    return FrameName(f"{function} {where}", function, frame_colour(file, function))


class IcicleNames(Protocol):
    """Names what an icicle shows."""

    def size(self, weight: float) -> str:
        """A weight with its unit."""
        ...

    def name(self, site: int) -> FrameName:
        """Of a frame."""
        ...

    def searched(self, site: int) -> str:
        """The text of a frame that a search looks at."""
        ...

    def describe(self, top: Node, path: Path, width: int) -> tuple[Line, Line]:
        """Two lines about the frame at this path."""
        ...


class Frame(NamedTuple):
    """A drawn frame: ``x`` and ``width`` in cells, ``size`` for its second line."""

    path: Path
    x: int
    width: int
    label: str
    size: str
    style: str
    hot: bool = False
    """Much of all is in it itself."""


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


def lay_icicle(names: IcicleNames, top: Node, zoom: Path, width: int) -> IcicleView:
    """Place all frames of at least one cell. Boundaries are rounded, not widths, so callees stay
    within their caller."""
    while zoom and top.at(zoom) is None:
        zoom = zoom[:-1]
    rows = [[_frame(names, top, zoom[:depth], 0, width)] for depth in range(len(zoom))]
    level = [_frame(names, top, zoom, 0, width)]
    while level:
        rows.append(level)
        level = _next(names, top, level)
    return IcicleView(tuple(tuple(row) for row in rows), zoom)


def _next(names: IcicleNames, top: Node, level: Sequence[Frame]) -> list[Frame]:
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
                found.append(_frame(names, top, path, x, edge - x))
            x = max(x, edge)
    return found


def _frame(names: IcicleNames, top: Node, path: Path, x: int, width: int) -> Frame:
    if not path:
        return Frame((), x, width, f"all: {names.size(top.weight)}", "", ALL)
    node = top.at(path) or top
    name = names.name(path[-1])
    hot = node.ends >= HOT * top.weight > 0
    size = f"{names.size(node.weight)} {fmt_percent(node.weight / (top.weight or 1.0))}"
    label = name.label if len(name.label) + 1 <= width else name.short
    return Frame(path, x, width, label, size, name.style, hot)


def draw_frames(
    frames: Sequence[Frame],
    chosen: Path | None,
    width: int,
    *,
    second: bool = False,
    matching: Collection[int] = (),
) -> Line:
    """One line of a row: the frames' names, or on the ``second`` line their sizes. Each begins with
    a thin line, so that neighbours of one colour are two. ``matching``: sites that were searched
    for."""
    styled: list[StyledText] = []
    x = 0
    for frame in frames:
        if frame.x > x:
            styled.append((" " * (frame.x - x), ""))
        label = frame.size if second else frame.label
        text = cut(label, frame.width - 1) if frame.width > 1 else ""
        text = pad("" if second and len(label) >= frame.width else text, frame.width - 1)
        ground = MATCH if frame.path and frame.path[-1] in matching else frame.style
        if frame.path == chosen:
            styled.append((f" {text}", "chosen"))
        else:
            front = "strong" if frame.hot else "foreground"
            styled += [(EDGE, f"background/{ground}"), (text, f"{front}/{ground}")]
        x = frame.x + frame.width
    if x < width:
        styled.append((" " * (width - x), ""))
    return tuple(styled)
