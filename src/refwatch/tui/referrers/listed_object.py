"""Objects that are listed somewhere with their address: how to watch one, how to look into one."""

from __future__ import annotations

from typing import NamedTuple

from refwatch.text.sanitize import printable
from refwatch.tui.answers import watch_found
from refwatch.tui.messages import InspectWanted, SendWanted
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed, object_at
from refwatch.wire.commands import Command, InspectAddress, WatchAddress, WatchNode


class ListedObject(NamedTuple):
    """``what`` it was called where it was listed."""

    what: str
    type: str
    address: str

    def pointed(self) -> Pointed:
        """Its line, if it is a frame; else what it is and where."""
        return object_at(self.what, self.type, self.address)

    def watch(self) -> SendWanted | None:
        """Wants it watched; None for what has no address."""
        number = _number(self.address)
        if number is None:
            return None
        return SendWanted(
            WatchAddress(address=number, type=self.type),
            f"Looking for {printable(self.what)} …",
            watch_found,
        )

    def inspect(self) -> InspectWanted | None:
        """Wants to know who refers to it; None for what has no address."""
        number = _number(self.address)
        if number is None:
            return None

        def ask(inspection: str) -> Command:
            return InspectAddress(inspection=inspection, address=number, type=self.type)

        return InspectWanted(printable(self.what), ask, self.address)


def watched_already(subject: Subject, command: Command) -> str:
    """What an object is called that is to be watched, and is; empty for any other command."""
    address = ""
    process = subject.process
    if process is None:
        return ""
    references = process.references
    if isinstance(command, WatchAddress):
        address = hex(command.address)
    elif isinstance(command, WatchNode) and command.inspection in references.inspections:
        nodes = references.inspections[command.inspection].nodes
        rows = (row for node in nodes.values() for row in node.referrers)
        addresses = {row.node: row.address for row in rows}
        addresses |= {number: node.address for number, node in nodes.items()}
        address = addresses.get(command.node, "")
    for record in references.watched.values():
        if address and record.found.address == address and record.ended_s is None:
            return printable(record.found.name)
    return ""


def _number(address: str) -> int | None:
    try:
        return int(address, 16)
    except ValueError:
        return None
