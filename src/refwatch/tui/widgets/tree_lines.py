"""Tree of lines: the cursor sits on a row's key, rows open and close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from refwatch.tui.views.pointed import Pointed, pointed_of
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.tree import Path, TreeRow
from refwatch.tui.widgets.lines import paint
from refwatch.tui.widgets.row_view import CursorRows

TREE_KEYS: list[BindingType] = [
    Binding("enter", "turn", "Open", key_display="enter", id="tree.turn",
            tooltip="Open or close the row"),
    Binding("right,l", "open", "Open", show=False, id="tree.open",
            tooltip="Open the row, or go to the first one below it"),
    Binding("left,h", "close", "Close", show=False, id="tree.close",
            tooltip="Close the row, or go to the one above it"),
]  # fmt: skip
"""Keys that a table lacks."""


class TreeLines(CursorRows):
    """Shows the rows it was last given; leaves opening and closing to its parent."""

    BINDINGS: ClassVar[list[BindingType]] = TREE_KEYS

    @dataclass
    class Opened(Message):
        """Open this row."""

        key: Path

    @dataclass
    class Closed(Message):
        """Close this row."""

        key: Path

    class Moved(Message):
        """Another row is under the cursor."""

    def __init__(self, name: str, *, box: str | None = None) -> None:
        super().__init__(name, box=box)
        self.rows: tuple[TreeRow, ...] = ()
        self.cursor: Path | None = None
        """Key of the row under the cursor."""
        self._empty: Line = ()

    def show(self, rows: tuple[TreeRow, ...], empty: Line = ()) -> None:
        """Replace the rows; the cursor stays on its key, or goes to its nearest ancestor."""
        if rows == self.rows and empty == self._empty:
            return
        place = self.cursor_index or 0
        before, self.rows, self._empty = self.rows, rows, empty
        if len(rows) != len(before):
            self._set_rows(len(rows))
        if rows and self.cursor_index is None:
            keys = {row.key for row in rows}
            above = self.cursor or ()
            while above and above not in keys:
                above = above[:-1]
            self.cursor = above or rows[self._rest(min(place, len(rows) - 1), 1)].key
            self._reveal([row.key for row in rows].index(self.cursor))
        self.refresh()

    @property
    def cursor_index(self) -> int | None:
        """Index of the cursor's row; None if it is gone."""
        return next((i for i, row in enumerate(self.rows) if row.key == self.cursor), None)

    @property
    def chosen(self) -> TreeRow | None:
        """The row under the cursor."""
        index = self.cursor_index
        return None if index is None else self.rows[index]

    def pointed(self) -> Pointed | None:
        """What the row under the cursor is about."""
        return pointed_of(self.chosen.line) if self.chosen is not None else None

    # -- drawing -------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._set_rows(len(self.rows))

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        index = y + self.scroll_offset.y
        if index >= len(self.rows):
            line = self._empty if not self.rows and y == 0 else ()
            return paint(line, palette, base, self._width)
        row = self.rows[index]
        if row.key == self.cursor and row.rests:
            base += palette["cursor"] if self.has_focus else Style(bold=True)
        return paint(row.line, palette, base, self._width)

    # -- keys and mouse ------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this index and bring it into view."""
        if self.rows:
            index = min(max(index, 0), len(self.rows) - 1)
            before = self.cursor
            self.cursor = self.rows[self._rest(index, index - (self.cursor_index or 0))].key
            self._reveal(self.cursor_index or 0)
            self.refresh()
            if self.cursor != before:
                self.post_message(self.Moved())

    def _rest(self, index: int, by: int) -> int:
        """The nearest index in this direction, else the other, where the cursor may stand."""
        ahead, back = range(index, len(self.rows)), range(index, -1, -1)
        places = (*back, *ahead) if by < 0 else (*ahead, *back)
        return next((place for place in places if self.rows[place].rests), index)

    def action_turn(self) -> None:
        row = self.chosen
        if row is not None and row.open:
            self.post_message(self.Closed(row.key))
        elif row is not None and row.opens:
            self.post_message(self.Opened(row.key))

    def action_open(self) -> None:
        row = self.chosen
        if row is not None and row.opens and not row.open:
            self.post_message(self.Opened(row.key))
        elif row is not None and row.open:
            self.action_move(1)

    def action_close(self) -> None:
        row = self.chosen
        if row is None:
            return
        if row.open:
            self.post_message(self.Closed(row.key))
            return
        above = [i for i, each in enumerate(self.rows) if each.key == row.key[:-1]]
        if above:
            self.move_to(above[0])

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        index = -1 if place is None else place.y + self.scroll_offset.y
        if place is None or not 0 <= index < len(self.rows):
            return
        again = self.rows[index].key == self.cursor and event.chain > 1
        self.move_to(index)
        if again or self._on_glyph(index, place.x):
            self.action_turn()

    def _on_glyph(self, index: int, x: int) -> bool:
        """Whether a click is on the opening glyph or before it."""
        line = self.rows[index].line
        return x < sum(len(text) for text, _ in line[:2])
