"""Where a recording is being played, on one line; a click goes to another moment."""

from __future__ import annotations

from textual import events
from textual.message import Message

from refwatch.tui.views.scrubber import ScrubberView, draw_scrubber, time_at
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

    def present(self, view: ScrubberView) -> None:
        self._length_s = view.length_s
        super().present(view)

    def on_click(self, event: events.Click) -> None:
        at = time_at(event.x, self._length_s, self.content_size.width)
        if at is not None:
            self.post_message(self.Picked(at))
