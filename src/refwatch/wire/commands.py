"""What a viewer asks of the daemon, and the daemon or a viewer of the launcher.

One line of JSON each; the ``command`` field names it. A line with a value out of its range is no
command, and is left out as any other noise.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from refwatch.wire.event import MAIN, SESSION

Mode = Literal["exact", "burst", "off"]
"""How allocations are seen. ``exact``: tracemalloc sees every block. ``burst``: some of the blocks
that are allocated in windows of time are seen, and rates estimated. ``off``: nothing is traced."""

Name = Annotated[str, Meta(max_length=4096)]
WorkName = Annotated[str, Meta(min_length=1, max_length=200)]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Cells = Annotated[int, Meta(ge=1, le=(1 << 16) - 1)]  # struct winsize of ioctl_tty(2)
Typed = Annotated[str, Meta(max_length=4 << 20)]


class SessionCommand(Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """About the session as a whole: ``process`` is 0."""

    process: Number = SESSION


class ProcessCommand(Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """About one process of the session; the one that was launched unless it says otherwise."""

    process: Number = MAIN


class WriteSnapshot(SessionCommand, frozen=True, kw_only=True, tag="write_snapshot"):
    """Write a snapshot to ``path``; a SnapshotWritten or a Noted event answers."""

    path: Name


class TypeInput(SessionCommand, frozen=True, kw_only=True, tag="type_input"):
    """Characters for the target's terminal."""

    data: Typed


class ResizeTerminal(SessionCommand, frozen=True, kw_only=True, tag="resize_terminal"):
    rows: Cells
    columns: Cells


class SignalTarget(ProcessCommand, frozen=True, kw_only=True, tag="signal_target"):
    """Send the target this signal number."""

    number: Annotated[int, Meta(ge=0, le=64)]


class Mark(SessionCommand, frozen=True, kw_only=True, tag="mark"):
    name: Name


class TakeCensus(ProcessCommand, frozen=True, kw_only=True, tag="take_census"):
    """Take a census now."""


class WatchObject(ProcessCommand, frozen=True, kw_only=True, tag="watch_object"):
    """Watch what ``path`` names (``pkg.mod.name.attr``), now or as soon as it is there."""

    path: Name


class WatchNode(ProcessCommand, frozen=True, kw_only=True, tag="watch_node"):
    """Watch an object that an inspection has shown."""

    inspection: WorkName
    node: Number


class WatchInstance(ProcessCommand, frozen=True, kw_only=True, tag="watch_instance"):
    """Watch the newest instance of a class or type."""

    module: Name
    name: Name


class WatchAddress(ProcessCommand, frozen=True, kw_only=True, tag="watch_address"):
    """Watch the object that a chain or a census has shown there, if one of that type still is."""

    address: Number
    type: Name


class Unwatch(ProcessCommand, frozen=True, kw_only=True, tag="unwatch"):
    watch: Number


class Inspect(ProcessCommand, frozen=True, kw_only=True, tag="inspect"):
    """Make a copy and say who refers to a watched object. ``inspection`` is a name of the viewer's
    choice; ReferrersFound events answer, WorkProgressed tells how far it has come."""

    inspection: WorkName
    watch: Number


class InspectInstance(ProcessCommand, frozen=True, kw_only=True, tag="inspect_instance"):
    """The same for the newest instance of a class or type."""

    inspection: WorkName
    module: Name
    name: Name


class InspectAddress(ProcessCommand, frozen=True, kw_only=True, tag="inspect_address"):
    """The same for an object that a chain or a census has shown, if one of that type still is
    there."""

    inspection: WorkName
    address: Number
    type: Name


class OpenNode(ProcessCommand, frozen=True, kw_only=True, tag="open_node"):
    """Say who refers to this node of an inspection, in the same copy."""

    inspection: WorkName
    node: Number


class EndInspection(ProcessCommand, frozen=True, kw_only=True, tag="end_inspection"):
    """Let the copy of an inspection go, whatever it is doing."""

    inspection: WorkName


class FindChains(ProcessCommand, frozen=True, kw_only=True, tag="find_chains"):
    """Find out who keeps instances of a class or type alive; ChainsFound answers."""

    work: WorkName
    module: Name
    name: Name


class CancelWork(ProcessCommand, frozen=True, kw_only=True, tag="cancel_work"):
    work: WorkName


class WriteGraph(ProcessCommand, frozen=True, kw_only=True, tag="write_graph"):
    """Write the references around instances of a class as DOT to ``path``; GraphWritten answers."""

    work: WorkName
    path: Name
    module: Name
    name: Name


class SwitchAllocations(ProcessCommand, frozen=True, kw_only=True, tag="switch_allocations"):
    """See allocations this way from now on; an AllocationsSwitched event answers. ``frames`` is how
    deep exact tracebacks go; None leaves it as it was."""

    mode: Mode
    frames: Annotated[int, Meta(ge=1, le=65_535)] | None = None


class CountTraces(ProcessCommand, frozen=True, kw_only=True, tag="count_traces"):
    """Count the traces of exact mode now; TracesTaken answers."""


class StopWatching(SessionCommand, frozen=True, kw_only=True, tag="stop_watching"):
    """End the watch; the target goes on."""


Command = (
    WriteSnapshot
    | TypeInput
    | ResizeTerminal
    | SignalTarget
    | Mark
    | TakeCensus
    | WatchObject
    | WatchNode
    | WatchInstance
    | WatchAddress
    | Unwatch
    | Inspect
    | InspectInstance
    | InspectAddress
    | OpenNode
    | EndInspection
    | FindChains
    | CancelWork
    | WriteGraph
    | SwitchAllocations
    | CountTraces
    | StopWatching
)

command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
