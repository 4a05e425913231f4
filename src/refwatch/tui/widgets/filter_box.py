"""Input line of a table's filter."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBox(Input):
    """Its keys are in the footer while it has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "submit", "Keep it", key_display="enter"),
        Binding("escape", "clear", "Clear it", key_display="esc"),
    ]

    TYPED: ClassVar[frozenset[str]] = frozenset({"slash", "plus", "minus"})
    """Keys that type a character but have other names."""

    class Cleared(Message):
        """Clear the filter."""

    def __init__(self, value: str, placeholder: str) -> None:
        super().__init__(value, placeholder=placeholder, classes="filter", compact=True)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return key in self.TYPED or super().check_consume_key(key, character)

    def action_clear(self) -> None:
        self.post_message(self.Cleared())
