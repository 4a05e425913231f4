"""Table for live data: redraws only visible rows that changed.

Textual's DataTable redraws all visible cells when one changes. This one caches a strip for each
visible row; its cursor sits on a row's key and so survives sorting; beside the columns there is
room for a faster strip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from refwatch.tui.theme import Palette
from refwatch.tui.views.styled_text import Line, StyledText
from refwatch.tui.views.table import (
    Column,
    Placed,
    Row,
    Rows,
    column_at,
    end_of,
    heading,
    lay,
    place,
)
from refwatch.tui.widgets.lines import paint
from refwatch.tui.widgets.row_view import CursorRows

Tail = Callable[[int, int], list[StyledText]]
"""(row key, cells) -> what follows the columns"""
KEEP_PAINTED = 400
"""Rows: some screens of them."""


class LiveTable(CursorRows):
    """``tail`` draws what follows the columns, on at least ``tail_width`` cells."""

    DEFAULT_CSS = """
    LiveTable {
        padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="enter", id="table.open",
                tooltip="Open the row under the cursor"),
    ]  # fmt: skip
    HEADING = 1

    @dataclass
    class HeadingClicked(Message):
        column: str

    class CursorMoved(Message):
        """Another row is under the cursor."""

    @dataclass
    class RowOpened(Message):
        key: int

    def __init__(
        self,
        columns: tuple[Column, ...],
        name: str,
        *,
        tail: Tail | None = None,
        tail_width: int = 0,
        tail_title: Callable[[int], Line] | None = None,
        empty: str = "",
    ) -> None:
        super().__init__(name)
        self.columns = columns
        self.rows = Rows.of(())
        self.cursor: int | None = None
        """Key of the row under the cursor."""
        self.sort, self.reverse = "", False
        self.placed: tuple[Placed, ...] = ()
        self._tail, self._tail_width, self._tail_title = tail, tail_width, tail_title
        self._empty = empty
        """Said where there are no rows."""
        self._painted: dict[int, tuple[Row, Strip]] = {}
        self._made: dict[int, Row] = {}
        """Rows made so far, by index."""

    # -- what is shown -------------------------------------------------------------------------

    def show(
        self, columns: tuple[Column, ...], rows: Sequence[Row], sort: str, reverse: bool
    ) -> None:
        """Replace the rows; the cursor stays on its key, or at its index."""
        place_before = self.cursor_index
        heading_changed = (columns, sort, reverse) != (self.columns, self.sort, self.reverse)
        before, number = self._made, len(self.rows)
        self.rows, self._made = Rows.of(rows), {}
        self.columns, self.sort, self.reverse = columns, sort, reverse
        if heading_changed:
            self._place()
        if self.cursor_index is None and self.rows:
            self.cursor = self.rows.keys[min(place_before or 0, len(self.rows) - 1)]
            self.post_message(self.CursorMoved())
        if len(self.rows) != number:
            self._set_rows(len(self.rows))
        if heading_changed or len(self.rows) != number:
            self.refresh()
        else:
            self._refresh_rows([i for i in self._seen() if self.row_at(i) != before.get(i)])
        if len(self._painted) > KEEP_PAINTED:
            self._painted.clear()

    def say_if_empty(self, text: str) -> None:
        """What is said where there are no rows."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def start_over(self) -> None:
        """Forget the cursor and go to the top: other rows follow."""
        self.cursor = None
        self._painted.clear()
        self.scroll_to(y=0, animate=False)

    def row_at(self, index: int) -> Row:
        """The row at this index, made once per :meth:`show`."""
        row = self._made.get(index)
        if row is None:
            row = self._made[index] = self.rows[index]
        return row

    def _seen(self) -> range:
        """Indices of the visible rows."""
        top = self.scroll_offset.y
        return range(top, min(len(self.rows), top + max(0, self.size.height - self.HEADING)))

    def refresh_tails(self) -> None:
        """Redraw what follows the columns."""
        x = end_of(self.placed)
        self.refresh(Region(x, 0, max(0, self._width - x), self.size.height))

    @property
    def tail_cells(self) -> int:
        """Cells after the columns."""
        return max(0, self._width - end_of(self.placed))

    @property
    def cursor_index(self) -> int | None:
        """Index of the cursor's row; None if it is gone."""
        return self.rows.index_of(self.cursor)

    def _place(self) -> None:
        tail = (
            max(self._tail_width, self._width * 2 // 5) if self._tail and self._width > 100 else 0
        )
        self.placed = place(self.columns, self._width, tail or self._tail_width)
        self._painted.clear()

    def _refresh_rows(self, indices: list[int]) -> None:
        top, height = self.scroll_offset.y, self.size.height
        seen = [i - top + self.HEADING for i in indices if 0 <= i - top < height - self.HEADING]
        if seen:
            self.refresh(*(Region(0, y, self._width, 1) for y in seen))

    # -- drawing -------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._set_rows(len(self.rows))
        self._place()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        palette, base, new = self._brush.dip()
        if new:
            self._painted.clear()
        if y < self.HEADING:
            return self._heading(palette, base)
        index = y - self.HEADING + self.scroll_offset.y
        if index >= len(self.rows):
            text = self._empty if not self.rows and y == self.HEADING else ""
            return paint(((text, "muted"),), palette, base, self._width)
        row = self.row_at(index)
        if row.key == self.cursor and self.has_focus:
            base += palette["cursor"]
        elif row.key == self.cursor:
            base += Style(bold=True)
        return self._row(row, palette, base)

    def _heading(self, palette: Palette, base: Style) -> Strip:
        line = heading(self.placed, self.sort, self.reverse)
        if self._tail_title is not None:
            line += self._tail_title(self.tail_cells)
        return paint(line, palette, base, self._width)

    def _row(self, row: Row, palette: Palette, base: Style) -> Strip:
        left = end_of(self.placed) if self._tail else self._width
        kept = self._painted.get(row.key)
        if row.key != self.cursor and kept is not None and kept[0] == row:
            strip = kept[1]
        else:
            strip = paint(lay(row, self.placed), palette, base, left)
            if row.key != self.cursor:
                self._painted[row.key] = (row, strip)
        if self._tail is None:
            return strip
        tail = [
            Segment(text, base + palette[style])
            for text, style in self._tail(row.key, self.tail_cells)
        ]
        return Strip([*strip, *tail]).adjust_cell_length(self._width, base)

    # -- keys and mouse ------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this index and bring it into view."""
        if not self.rows:
            return
        index = min(max(index, 0), len(self.rows) - 1)
        before = self.cursor_index
        self.cursor = self.rows.keys[index]
        self._reveal(index)
        self._refresh_rows([index] if before is None else [before, index])
        if index != before:
            self.post_message(self.CursorMoved())

    def action_open(self) -> None:
        if self.cursor is not None:
            self.post_message(self.RowOpened(self.cursor))

    def on_focus(self) -> None:
        self._refresh_rows([self.cursor_index or 0])

    on_blur = on_focus

    def on_click(self, event: events.Click) -> None:
        if event.y < self.HEADING:
            column = column_at(self.placed, event.x)
            if column is not None:
                self.post_message(self.HeadingClicked(column.key))
            return
        index = event.y - self.HEADING + self.scroll_offset.y
        if index >= len(self.rows):
            return
        again = self.rows.keys[index] == self.cursor and event.chain > 1
        self.move_to(index)
        if again or self.row_at(index).opens:
            self.action_open()
