"""The line in which the text is typed that rows must have."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBox(Input):
    """Its keys stand in the footer while it has the keyboard."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "submit", "Keep it", key_display="enter"),
        Binding("escape", "clear", "Clear it", key_display="esc"),
        Binding("slash", "submit", show=False),  # it types a slash here: not to be offered
    ]

    class Cleared(Message):
        """The user wants all rows again."""

    def __init__(self, value: str, placeholder: str) -> None:
        super().__init__(value, placeholder=placeholder, classes="filter", compact=True)

    def action_clear(self) -> None:
        self.post_message(self.Cleared())
