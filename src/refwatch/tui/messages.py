"""Messages by which panels and screens ask the app for something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from refwatch.tui.answers import Answering
from refwatch.wire.commands import Command


class RedrawWanted(Message):
    """Draw what is seen again, now."""


@dataclass
class SubjectWanted(Message):
    """Look at this process from now on."""

    number: int


@dataclass
class SendWanted(Message):
    """Send the daemon a command. Once it has gone ``said`` is shown, and later what ``answering``
    makes of the events that follow."""

    command: Command
    said: str = ""
    answering: Answering | None = None


@dataclass
class TextWanted(Message):
    """Ask the user for a line of text, and send what ``then`` makes of it, if anything."""

    question: str
    explained: str
    then: Callable[[str], SendWanted | None]
    placeholder: str = ""
    value: str = ""


@dataclass
class InspectWanted(Message):
    """Show who refers to an object. ``ask`` makes the command, given the name of the new
    inspection; ``title`` is shown until the answer says more. ``address`` finds the object in a
    recording, where nothing can be asked."""

    title: str
    ask: Callable[[str], Command]
    address: str = ""
