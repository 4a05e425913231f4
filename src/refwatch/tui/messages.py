"""Messages by which panels and screens ask the app for something."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from refwatch.tui.answers import Answering
from refwatch.wire.commands import Command


class RedrawWanted(Message):
    """Draw what is seen again, now."""


class SendWanted(Message):
    """Send the daemon a command. Once it has gone ``said`` is shown, and later what ``answering``
    makes of the events that follow."""

    def __init__(
        self, command: Command, said: str = "", answering: Answering | None = None
    ) -> None:
        super().__init__()
        self.command, self.said, self.answering = command, said, answering


class TextWanted(Message):
    """Ask the user for a line of text, and send what ``then`` makes of it, if anything."""

    def __init__(
        self,
        question: str,
        explained: str,
        then: Callable[[str], SendWanted | None],
        *,
        placeholder: str = "",
        value: str = "",
    ) -> None:
        super().__init__()
        self.question, self.explained, self.then = question, explained, then
        self.placeholder, self.value = placeholder, value


class InspectWanted(Message):
    """Show who refers to an object. ``ask`` makes the command, given the name of the new
    inspection; ``title`` is shown until the answer says more. ``address`` finds the object in a
    recording, where nothing can be asked."""

    def __init__(self, title: str, ask: Callable[[str], Command], address: str = "") -> None:
        super().__init__()
        self.title, self.ask, self.address = title, ask, address
