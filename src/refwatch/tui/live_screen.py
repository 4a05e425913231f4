"""Base class of the screens that open over the main one and follow the state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from refwatch.tui.messages import RedrawWanted
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.footer import SteadyFooter
from refwatch.tui.widgets.lines import Lines

V = TypeVar("V")


class LiveScreen(Screen[None], Generic[V]):
    """Shows a V, which the app has it read several times a second."""

    DEFAULT_CSS = """
    LiveScreen {
        background: $background;
        color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", id="detail.back"),
    ]
    fast: ClassVar[bool] = False
    """Read on every tick, not only on those for numbers."""
    moves_on: ClassVar[bool] = False
    """Read while the app is paused, too."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.view: V | None = None
        self.process: int | None = None
        """Number of the process that it is about: the subject when it was opened."""
        self._title_line = Lines(classes="title")

    def read(self, subject: Subject) -> V | None:
        """Read the view of this process; None keeps what is shown."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield self._title_line
        yield from self.body()
        yield SteadyFooter()

    def body(self) -> Iterable[Widget]:
        """The widgets between title and keys."""
        raise NotImplementedError

    def title_line(self, view: V, width: int) -> Line:
        """The first line."""
        raise NotImplementedError

    def show(self, view: V) -> None:
        """Show this view from now on."""
        self.view = view
        self._lay_out()

    def lay_out(self, view: V) -> None:
        """Draw the view at the present size."""
        raise NotImplementedError

    def _lay_out(self) -> None:
        if self.view is not None and self.is_mounted:
            self._title_line.show((self.title_line(self.view, self.size.width),))
            self.lay_out(self.view)

    def on_mount(self) -> None:
        self.call_after_refresh(self.post_message, RedrawWanted())

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def action_back(self) -> None:
        self.dismiss()
