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
    ]

    TYPED: ClassVar[frozenset[str]] = frozenset({"slash", "plus", "minus"})
    """Keys that it does not know by these names, though they type a character here."""

    class Cleared(Message):
        """The user wants all rows again."""

    def __init__(self, value: str, placeholder: str) -> None:
        super().__init__(value, placeholder=placeholder, classes="filter", compact=True)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key in self.TYPED or super().check_consume_key(key, character)

    def action_clear(self) -> None:
        self.post_message(self.Cleared())
