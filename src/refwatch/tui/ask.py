"""Dialogue that asks for one line of text: the name of a mark, the path of an object."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class AskScreen(ModalScreen[str | None]):
    """Returns the text, or None if the user cancels. An empty text cannot be confirmed.
    ``explained`` says what will be done with it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", id="ask.cancel"),
    ]

    def __init__(
        self, question: str, explained: str, *, value: str = "", placeholder: str = ""
    ) -> None:
        super().__init__(id="ask")
        self._question, self._explained = question, explained
        self._input = Input(value, placeholder=placeholder, id="ask-input", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="ask-box"):
            yield Static(self._question, classes="question", markup=False)
            yield self._input
            yield Static(self._explained, classes="explained", markup=False)
            yield Static("enter confirms   esc cancels", classes="keys", markup=False)

    def on_mount(self) -> None:
        self._input.focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text:
            self.dismiss(text)

    def action_cancel(self) -> None:
        self.dismiss(None)
