"""Where a recording is being played, on one line; a click or a drag goes to another moment."""

from __future__ import annotations

from textual import events
from textual.message import Message

from refwatch.tui.views.scrubber import ScrubberView, draw_scrubber, nearest_time, time_at
from refwatch.tui.widgets.lines import Picture


class Scrubber(Picture[ScrubberView]):
    """Shows a ScrubberView."""

    class Picked(Message):
        """The user wants to see the moment ``at``, seconds."""

        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = at

    def __init__(self) -> None:
        super().__init__(draw_scrubber, "scrubber")
        self._length_s = 0.0
        self._dragged = False

    def present(self, view: ScrubberView) -> None:
        self._length_s = view.length_s
        super().present(view)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        at = time_at(event.x, self._length_s, self.content_size.width)
        if at is not None and event.button == 1:
            self._dragged = True
            self.capture_mouse()
            self.post_message(self.Picked(at))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The mouse may be anywhere: beyond either end it means that end."""
        if self._dragged:
            width = self.content_size.width
            self.post_message(self.Picked(nearest_time(event.x, self._length_s, width)))

    def on_mouse_up(self) -> None:
        self._dragged = False
        self.release_mouse()

    def on_mouse_release(self) -> None:
        self._dragged = False
