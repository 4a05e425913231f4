"""Scrolling lines that can follow their growing end."""

from __future__ import annotations

from typing import ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.strip import Strip

from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.lines import paint
from refwatch.tui.widgets.row_view import ScrollRows


class LineSource(Protocol):
    """Lines, each of which may be made when it is seen."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Line: ...


class ScrollLines(ScrollRows):
    """``follow``: stay at the end as lines come, unless the user has scrolled up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", "Up", show=False, id="lines.up"),
        Binding("j", "scroll_down", "Down", show=False, id="lines.down"),
        Binding("g", "scroll_home", "Top", show=False, id="lines.top"),
        Binding("G", "scroll_end", "End", show=False, id="lines.end"),
    ]

    def __init__(self, name: str, *, follow: bool = False, box: str | None = None) -> None:
        super().__init__(name, box=box)
        self._lines: LineSource = ()
        self._follow = follow

    def show(self, lines: LineSource) -> None:
        """Replace what is shown."""
        if lines == self._lines:
            return
        at_end = self.max_scroll_y - self.scroll_offset.y <= 1
        if len(lines) != len(self._lines):
            self._set_rows(len(lines))
        self._lines = lines
        if self._follow and at_end:
            self.scroll_end(animate=False, force=True, immediate=True)
        self.refresh()

    def on_resize(self) -> None:
        self._set_rows(len(self._lines))

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(self._width, base)
        return paint(self._lines[index], palette, base, self._width)
