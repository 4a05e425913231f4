"""A tree of lines: a cursor that sits on a row's key, rows that open and close."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from refwatch.tui.views.spans import Line
from refwatch.tui.views.tree import Path, TreeRow
from refwatch.tui.widgets.lines import Brush, paint

TREE_KEYS: list[BindingType] = [
    Binding("enter", "turn", "Open", key_display="enter", id="tree.turn",
            tooltip="Open or close the row"),
    Binding("right,l", "open", "Open", show=False, id="tree.open",
            tooltip="Open the row, or go to the first one below it"),
    Binding("left,h", "close", "Close", show=False, id="tree.close",
            tooltip="Close the row, or go to the one above it"),
]  # fmt: skip
"""Those that a table has not."""


class TreeLines(ScrollView, can_focus=True):
    """Shows the rows it was last given. It opens nothing itself: it says what the user wants."""

    DEFAULT_CSS = """
    TreeLines {
        height: 1fr;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    """
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Row up", show=False, id="tree.up"),
        Binding("down,j", "move(1)", "Row down", show=False, id="tree.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="tree.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="tree.page_down"),
        Binding("home,g", "move(-1000000)", "First row", show=False, id="tree.first"),
        Binding("end,G", "move(1000000)", "Last row", show=False, id="tree.last"),
        *TREE_KEYS,
    ]  # fmt: skip

    class Opened(Message):
        """A row is to be opened."""

        def __init__(self, key: Path) -> None:
            super().__init__()
            self.key = key

    class Closed(Message):
        """A row is to be closed."""

        def __init__(self, key: Path) -> None:
            super().__init__()
            self.key = key

    class Moved(Message):
        """Another row is under the cursor."""

    def __init__(self, name: str, *, classes: str | None = None) -> None:
        super().__init__(id=name, classes=classes)
        self.rows: tuple[TreeRow, ...] = ()
        self.cursor: Path | None = None
        """Key of the row under the cursor."""
        self._empty: Line = ()
        self._brush = Brush(self)

    def show(self, rows: tuple[TreeRow, ...], empty: Line = ()) -> None:
        """Replace the rows; the cursor stays on its key, or goes to what was above it."""
        if rows == self.rows and empty == self._empty:
            return
        place = self.cursor_index or 0
        before, self.rows, self._empty = self.rows, rows, empty
        if len(rows) != len(before):
            self.virtual_size = Size(self.scrollable_content_region.width, len(rows))
        if rows and self.cursor_index is None:
            keys = {row.key for row in rows}
            above = self.cursor or ()
            while above and above not in keys:
                above = above[:-1]
            self.cursor = above or rows[self._rest(min(place, len(rows) - 1), 1)].key
            self._reveal()
        self.refresh()

    @property
    def cursor_index(self) -> int | None:
        """Place of the cursor's row; None where it is not among them."""
        return next((i for i, row in enumerate(self.rows) if row.key == self.cursor), None)

    @property
    def chosen(self) -> TreeRow | None:
        """The row under the cursor."""
        index = self.cursor_index
        return None if index is None else self.rows[index]

    # -- drawing -------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.rows))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._brush.dry()

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        if index >= len(self.rows):
            line = self._empty if not self.rows and y == 0 else ()
            return paint(line, palette, base, width)
        row = self.rows[index]
        if row.key == self.cursor and row.rests:
            base += palette["cursor"] if self.has_focus else Style(bold=True)
        return paint(row.line, palette, base, width)

    # -- keys and mouse ------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this place, and bring it into view."""
        if self.rows:
            index = min(max(index, 0), len(self.rows) - 1)
            before = self.cursor
            self.cursor = self.rows[self._rest(index, index - (self.cursor_index or 0))].key
            self._reveal()
            self.refresh()
            if self.cursor != before:
                self.post_message(self.Moved())

    def _rest(self, index: int, by: int) -> int:
        """The nearest place in this direction, else in the other, where the cursor may stand."""
        ahead, back = range(index, len(self.rows)), range(index, -1, -1)
        places = (*back, *ahead) if by < 0 else (*ahead, *back)
        return next((place for place in places if self.rows[place].rests), index)

    def _reveal(self) -> None:
        index = self.cursor_index or 0
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)

    def action_move(self, by: int) -> None:
        self.move_to((self.cursor_index or 0) + by)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.scrollable_content_region.height - 1))

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
        above = [i for i, one in enumerate(self.rows) if one.key == row.key[:-1]]
        if above:
            self.move_to(above[0])

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

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
        """Whether a click is on what opens the row, or on the lines before it."""
        line = self.rows[index].line
        return x < sum(len(text) for text, _ in line[:2])
