"""Lines with a cursor that goes from one place in the source to the next."""

from __future__ import annotations

from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from refwatch.tui.views.pointed import Pointed, pointed_of
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.lines import paint
from refwatch.tui.widgets.row_view import CursorRows


class CursorLines(CursorRows):
    """Shows the lines it was last given; the cursor stands on those that are about a place. Where
    none is, the keys scroll."""

    class Moved(Message):
        """Another line is under the cursor."""

    def __init__(self, name: str, *, box: str | None = None) -> None:
        super().__init__(name, box=box)
        self._lines: tuple[Line, ...] = ()
        self._cursor: int | None = None

    def show(self, lines: tuple[Line, ...]) -> None:
        """Replace the lines; the cursor stays on its place, or where it is."""
        if lines == self._lines and _places(lines) == _places(self._lines):
            return
        before, here = self.pointed(), self._cursor
        if len(lines) != len(self._lines):
            self._set_rows(len(lines))
        self._lines = lines
        same = [i for i, line in enumerate(lines) if before and pointed_of(line) == before]
        near = min(same, key=lambda i: abs(i - (here or 0)), default=here or 0)
        self._cursor = self._rest(near, 1)
        self.refresh()

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    @property
    def cursor_index(self) -> int | None:
        return self._cursor

    def pointed(self) -> Pointed | None:
        """The place under the cursor."""
        here = self._cursor
        return pointed_of(self._lines[here]) if here is not None else None

    def on_resize(self) -> None:
        self._set_rows(len(self._lines))

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        index = y - self.HEADING + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(self._width, base)
        if index == self._cursor:
            base += palette["cursor"] if self.has_focus else Style(bold=True)
        return paint(self._lines[index], palette, base, self._width)

    # -- keys and mouse ------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on this line, or the next in its direction, and bring it into view."""
        before = self._cursor
        self._cursor = self._rest(index, index - (before or 0))
        if self._cursor is not None:
            last = len(self._lines) - 1
            for end, by in ((0, 1), (last, -1)):  # what is beyond the last place is seen, too
                if self._cursor == self._rest(end, by):
                    self._reveal(end)
            self._reveal(self._cursor)
            self.refresh()
        if self._cursor != before:
            self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        if self._cursor is None:
            self.scroll_relative(y=by, animate=False)
        else:
            super().action_move(by)

    def _rest(self, index: int, by: int) -> int | None:
        """The nearest line in this direction, else the other, where the cursor may stand."""
        index = min(max(index, 0), max(0, len(self._lines) - 1))
        ahead, back = range(index, len(self._lines)), range(index, -1, -1)
        places = (*back, *ahead) if by < 0 else (*ahead, *back)
        rests = (i for i in places if i < len(self._lines) and pointed_of(self._lines[i]))
        return next(rests, None)

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        index = -1 if place is None else place.y - self.HEADING + self.scroll_offset.y
        if self._cursor is not None and 0 <= index < len(self._lines):
            self.move_to(index)


class HeadedLines(CursorLines):
    """The same below a line that stays."""

    HEADING = 1

    def __init__(self, name: str, *, box: str | None = None) -> None:
        super().__init__(name, box=box)
        self._heading: Line = ()

    def show_headed(self, heading: Line, lines: tuple[Line, ...]) -> None:
        """Replace both."""
        if heading != self._heading:
            self._heading = heading
            self.refresh()
        self.show(lines)

    def render_line(self, y: int) -> Strip:
        if y >= self.HEADING:
            return super().render_line(y)
        palette, base, _ = self._brush.dip()
        return paint(self._heading, palette, base, self._width)


def _places(lines: tuple[Line, ...]) -> list[Pointed | None]:
    return [pointed_of(line) for line in lines]
