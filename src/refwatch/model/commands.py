"""What a viewer asks of the daemon, and the daemon or a viewer of the launcher.

One line of JSON each; the ``command`` field names it.
"""

from __future__ import annotations

from msgspec import Struct


class _Command(Struct, frozen=True, tag_field="command", tag=True):
    pass


class WriteSnapshot(_Command, frozen=True, tag="write_snapshot"):
    """Write a snapshot to ``path``; a SnapshotWritten or a Noted event answers."""

    path: str


class TypeInput(_Command, frozen=True, tag="type_input"):
    """Characters for the target's terminal."""

    data: str


class ResizeTerminal(_Command, frozen=True, tag="resize_terminal"):
    rows: int
    columns: int


class SignalTarget(_Command, frozen=True, tag="signal_target"):
    """Send the target this signal number."""

    number: int


class Mark(_Command, frozen=True, tag="mark"):
    name: str


class StopWatching(_Command, frozen=True, tag="stop_watching"):
    """End the watch; the target goes on."""


Command = WriteSnapshot | TypeInput | ResizeTerminal | SignalTarget | Mark | StopWatching
