"""Base of the widgets whose rows scroll: keys that move a cursor, and bringing a row into view."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView

from refwatch.tui.widgets.lines import Brush, put_in_box

MOVE_KEYS: list[BindingType] = [
    Binding("up,k", "move(-1)", "Row up", show=False, id="table.up"),
    Binding("down,j", "move(1)", "Row down", show=False, id="table.down"),
    Binding("pageup", "page(-1)", "Page up", show=False, id="table.page_up"),
    Binding("pagedown", "page(1)", "Page down", show=False, id="table.page_down"),
    Binding("home,g", "move(-1000000)", "First row", show=False, id="table.first"),
    Binding("end,G", "move(1000000)", "Last row", show=False, id="table.last"),
]


class ScrollRows(ScrollView, can_focus=True):
    """Scrolls up and down only; ``HEADING`` lines at its top stay."""

    DEFAULT_CSS = """
    ScrollRows {
        height: 1fr;
        scrollbar-size-vertical: 1;
        overflow-x: hidden;
    }
    """
    ALLOW_SELECT = False
    HEADING: ClassVar[int] = 0

    def __init__(self, name: str, *, box: str | None = None) -> None:
        super().__init__(id=name)
        self._brush = Brush(self)
        put_in_box(self, box)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    @property
    def _height(self) -> int:
        """Rows that fit."""
        return max(1, self.scrollable_content_region.height - self.HEADING)

    def _set_rows(self, count: int) -> None:
        """Scroll over so many rows."""
        self.virtual_size = Size(self._width, count + self.HEADING)

    def _reveal(self, index: int) -> None:
        """Bring a row into view."""
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + self._height:
            self.scroll_to(y=index - self._height + 1, animate=False)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._brush.dry()


class CursorRows(ScrollRows):
    """Has a cursor on one of its rows."""

    BINDINGS: ClassVar[list[BindingType]] = MOVE_KEYS

    @property
    def cursor_index(self) -> int | None:
        """Index of the row under the cursor; None where it is on none."""
        raise NotImplementedError

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at this index, and bring it into view."""
        raise NotImplementedError

    def action_move(self, by: int) -> None:
        self.move_to((self.cursor_index or 0) + by)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self._height - 1))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
