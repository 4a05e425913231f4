"""Frames as rows of boxes: a cursor that sits on one, keys that walk, zoom and leave."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from refwatch.tui.panels.allocations.icicle_view import IcicleView, draw_frames
from refwatch.tui.views.tree import Path
from refwatch.tui.widgets.lines import Brush, paint

ICICLE_KEYS: list[BindingType] = [
    Binding("up,k", "up", "Caller", show=False, id="icicle.up",
            tooltip="Icicle: to the caller"),
    Binding("down,j", "down", "Callee", show=False, id="icicle.down",
            tooltip="Icicle: to the callee in which most was allocated"),
    Binding("left,h", "beside(-1)", "Left", show=False, id="icicle.left",
            tooltip="Icicle: to the frame at the left"),
    Binding("right,l", "beside(1)", "Right", show=False, id="icicle.right",
            tooltip="Icicle: to the frame at the right"),
    Binding("enter", "zoom", "Zoom in", key_display="enter", id="icicle.zoom",
            tooltip="Icicle: give the frame all the room"),
    Binding("escape,backspace", "out", "Zoom out", key_display="esc", id="icicle.out",
            tooltip="Icicle: one frame out; from the whole back to the table"),
]  # fmt: skip


class Icicle(Widget, can_focus=True):
    """Shows an IcicleView. It lays nothing out itself: it says what the user wants."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = ICICLE_KEYS

    class Moved(Message):
        """Another frame is under the cursor."""

    class Zoomed(Message):
        """The user wants this frame to have all the room."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    class Left(Message):
        """The user has seen enough."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.view = IcicleView((), ())
        self.cursor: Path = ()
        """Path of the chosen frame."""
        self._top = 0
        """The first row that is seen."""
        self._brush = Brush(self)

    @property
    def _lines(self) -> int:
        """Lines of a row: two where all rows have room for as many."""
        return 2 if 2 * len(self.view.rows) <= self.size.height else 1

    def show(self, view: IcicleView) -> None:
        """Replace what is shown; the cursor stays on its frame, or goes to one above it."""
        if view != self.view:
            self.view = view
            self.refresh()
        self.move_to(view.nearest(self.cursor))

    def move_to(self, path: Path) -> None:
        """Put the cursor on this frame, and bring it into view."""
        row, height = len(path), max(1, self.size.height // self._lines)
        top = min(self._top, max(0, len(self.view.rows) - height))
        top = max(min(top, row), row - height + 1)
        if (path, top) != (self.cursor, self._top):
            moved = path != self.cursor
            self.cursor, self._top = path, top
            self.refresh()
            if moved:
                self.post_message(self.Moved())

    # -- drawing -------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._brush.dry()

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        width = self.content_size.width
        row, line = divmod(y, self._lines)
        row += self._top
        frames = self.view.rows[row] if row < len(self.view.rows) else ()
        drawn = draw_frames(frames, self.cursor, width, second=line > 0)
        return paint(drawn, palette, base, width)

    # -- keys and mouse ------------------------------------------------------------------------

    def action_up(self) -> None:
        self.move_to(self.cursor[:-1])

    def action_down(self) -> None:
        self.move_to(self.view.below(self.cursor))

    def action_beside(self, by: int) -> None:
        self.move_to(self.view.beside(self.cursor, by))

    def action_zoom(self) -> None:
        self.post_message(self.Zoomed(self.cursor))

    def action_out(self) -> None:
        if self.view.zoom:
            self.post_message(self.Zoomed(self.view.zoom[:-1]))
        else:
            self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        path = (
            None if place is None else self.view.under(place.y // self._lines + self._top, place.x)
        )
        if path is None:
            return
        if path == self.cursor and event.chain > 1:
            self.action_zoom()
        else:
            self.move_to(path)
