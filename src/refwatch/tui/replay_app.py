"""Base class of the app: how a recording is played."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from refwatch.tui.command_app import CommandApp
from refwatch.tui.feed import ReplayFeed
from refwatch.tui.screen import MainScreen
from refwatch.tui.views.scrubber import ScrubberView
from refwatch.tui.widgets.scrubber import Scrubber


class ReplayApp(CommandApp):
    """The part of the app that plays recordings."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("full_stop", "speed(1)", "Faster", key_display=".", id="replay.faster"),
        Binding("comma", "speed(-1)", "Slower", key_display=",", id="replay.slower"),
        Binding("left,left_square_bracket", "step(-1)", "1 s back", id="replay.back",
                tooltip="Show the recording as it was a second before"),
        Binding("right,right_square_bracket", "step(1)", "1 s on", id="replay.on"),
        Binding("shift+left,left_curly_bracket", "step(-10)", "10 s back", show=False,
                id="replay.far_back"),
        Binding("shift+right,right_curly_bracket", "step(10)", "10 s on", show=False,
                id="replay.far_on"),
        Binding("home,ctrl+home", "jump(0)", "To the beginning", show=False, id="replay.beginning"),
        Binding("end,ctrl+end,J", "jump(1)", "To the end", show=False, id="replay.end",
                tooltip="Jump to the end of the recording"),
    ]  # fmt: skip

    main: MainScreen

    def show_header(self) -> None:
        """Draw the header anew."""
        raise NotImplementedError

    def replay_note(self) -> str | None:
        """How a recording is played; None if the session is live."""
        if not self.replay:
            return None
        speed = self.feed.speed if isinstance(self.feed, ReplayFeed) else 1.0
        return "recording" if speed == 1.0 else f"recording at {speed:g}x"

    def show_place(self) -> None:
        """Show in the scrubber which moment is on the screen."""
        feed = self.feed
        if isinstance(feed, ReplayFeed) and self.main.is_mounted:
            self.main.scrubber.display = True
            view = ScrubberView(round(feed.clock_s, 1), feed.length_s, feed.paused)
            self.main.scrubber.present(view)

    def action_speed(self, by: int) -> None:
        if isinstance(self.feed, ReplayFeed):
            self.feed.faster(by)
            self.show_header()

    def action_step(self, by: float) -> None:
        if isinstance(self.feed, ReplayFeed):
            self.feed.step(by)

    def action_jump(self, share: float) -> None:
        if isinstance(self.feed, ReplayFeed):
            self.feed.seek(share * self.feed.length_s)

    @on(Scrubber.Picked)
    def _moment_picked(self, event: Scrubber.Picked) -> None:
        if isinstance(self.feed, ReplayFeed):
            self.feed.seek(event.at)
