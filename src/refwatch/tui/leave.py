"""Dialogue for leaving: the user decides what becomes of the target."""

from __future__ import annotations

import enum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Leave(enum.Enum):
    """How the viewer was left."""

    FINISHED = "finished"
    """The target had ended, or this was a recording."""
    GO_ON = "go_on"
    """The target runs on."""
    END_TARGET = "end_target"
    """The user asked to end the target."""


class LeaveScreen(ModalScreen[Leave | None]):
    """Asks; the answer None cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k,g", "answer('go_on')", "Keep running", id="leave.go_on"),
        Binding("s,e", "answer('end_target')", "Stop program", id="leave.end"),
        Binding("escape,q,c", "cancel", "Cancel", id="leave.stay"),
        Binding("left", "app.focus_previous", show=False, id="leave.previous"),
        Binding("right", "app.focus_next", show=False, id="leave.next"),
    ]

    def __init__(self, target: str, pid: int) -> None:
        super().__init__(id="leave")
        self._target, self._pid = target, pid

    def compose(self) -> ComposeResult:
        with Vertical(id="leave-box"):
            question = f"The program is still running, pid {self._pid}"
            yield Static(question, classes="question", markup=False)
            yield Static(self._target, classes="detail", markup=False)
            with Horizontal(id="leave-buttons"):
                yield Button("Keep running  k", id="go_on", variant="primary")
                yield Button("Stop program  s", id="end_target", variant="error")
                yield Button("Cancel  esc", id="cancel")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None if event.button.id == "cancel" else Leave(event.button.id))

    def action_answer(self, answer: str) -> None:
        self.dismiss(Leave(answer))

    def action_cancel(self) -> None:
        self.dismiss(None)
