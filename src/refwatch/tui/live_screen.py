"""A screen over the main one that follows the state: one thread, one tree of referrers."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from refwatch.session.state import State

V = TypeVar("V")


class LiveScreen(Screen[None], Generic[V]):
    """Shows a V; the app has it read one some times a second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", id="detail.back"),
    ]
    fast: ClassVar[bool] = False
    """It is read on every tick, not only on those for numbers."""
    moves_on: ClassVar[bool] = False
    """Also while the app is paused."""

    class RedrawWanted(Message):
        """What the user wants to see of it has changed."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.view: V | None = None

    def read(self, state: State) -> V | None:
        """The view of this state; None keeps what is shown."""
        raise NotImplementedError

    def show(self, view: V) -> None:
        """Show this from now on."""
        self.view = view
        self._lay_out()

    def lay_out(self, view: V) -> None:
        """Draw the view in the room there is."""
        raise NotImplementedError

    def _lay_out(self) -> None:
        if self.view is not None and self.is_mounted:
            self.lay_out(self.view)

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def action_back(self) -> None:
        self.dismiss()
