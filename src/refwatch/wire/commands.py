"""Commands: requests of a viewer to the daemon, and of the daemon or a viewer to the launcher.

One line of JSON each; the ``command`` field names it. A line with a value out of range does not
decode, and is skipped like any other.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from refwatch.wire.event import MAIN, SESSION

Mode = Literal["exact", "burst", "off"]
"""How allocations are traced. ``exact``: tracemalloc traces every block. ``burst``: blocks are
sampled in short windows of time, and rates estimated from them. ``off``: nothing is traced."""

Name = Annotated[str, Meta(max_length=4096)]
WorkName = Annotated[str, Meta(min_length=1, max_length=200)]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Cells = Annotated[int, Meta(ge=1, le=(1 << 16) - 1)]  # struct winsize of ioctl_tty(2)
Typed = Annotated[str, Meta(max_length=4 << 20)]


class SessionCommand(Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """A command to the session as a whole; ``process`` is 0."""

    process: Number = SESSION


class ProcessCommand(Struct, frozen=True, kw_only=True, tag_field="command", tag=True):
    """A command about one process of the session, by default the one that was launched."""

    process: Number = MAIN


class WriteSnapshot(SessionCommand, frozen=True, kw_only=True, tag="write_snapshot"):
    """Write a snapshot to ``path``. Answered by SnapshotWritten or Noted."""

    path: Name


class TypeInput(SessionCommand, frozen=True, kw_only=True, tag="type_input"):
    """Type into the target's terminal."""

    data: Typed


class ResizeTerminal(SessionCommand, frozen=True, kw_only=True, tag="resize_terminal"):
    rows: Cells
    columns: Cells


class SignalTarget(ProcessCommand, frozen=True, kw_only=True, tag="signal_target"):
    """Send the target a signal by its number."""

    number: Annotated[int, Meta(ge=0, le=64)]


class Mark(SessionCommand, frozen=True, kw_only=True, tag="mark"):
    name: Name


class TakeCensus(ProcessCommand, frozen=True, kw_only=True, tag="take_census"):
    """Take a census now."""


class WatchObject(ProcessCommand, frozen=True, kw_only=True, tag="watch_object"):
    """Watch the object that ``path`` names (``pkg.mod.name.attr``), as soon as it exists."""

    path: Name


class WatchNode(ProcessCommand, frozen=True, kw_only=True, tag="watch_node"):
    """Watch a node of an inspection."""

    inspection: WorkName
    node: Number


class WatchInstance(ProcessCommand, frozen=True, kw_only=True, tag="watch_instance"):
    """Watch the newest instance of a class or type."""

    module: Name
    name: Name


class WatchAddress(ProcessCommand, frozen=True, kw_only=True, tag="watch_address"):
    """Watch the object at an address taken from a chain or a census, if its type is still this."""

    address: Number
    type: Name


class Unwatch(ProcessCommand, frozen=True, kw_only=True, tag="unwatch"):
    watch: Number


class Inspect(ProcessCommand, frozen=True, kw_only=True, tag="inspect"):
    """Find the referrers of a watched object in a new copy. ``inspection`` is a name of the
    viewer's choice. Answered by ReferrersFound events; WorkProgressed reports the progress."""

    inspection: WorkName
    watch: Number


class InspectInstance(ProcessCommand, frozen=True, kw_only=True, tag="inspect_instance"):
    """As Inspect, for the newest instance of a class or type."""

    inspection: WorkName
    module: Name
    name: Name


class InspectAddress(ProcessCommand, frozen=True, kw_only=True, tag="inspect_address"):
    """As Inspect, for the object at an address taken from a chain or a census, if its type is still
    this."""

    inspection: WorkName
    address: Number
    type: Name


class OpenNode(ProcessCommand, frozen=True, kw_only=True, tag="open_node"):
    """Find the referrers of a node of an inspection, in the same copy."""

    inspection: WorkName
    node: Number


class EndInspection(ProcessCommand, frozen=True, kw_only=True, tag="end_inspection"):
    """End the copy of an inspection, whatever it is doing."""

    inspection: WorkName


class FindChains(ProcessCommand, frozen=True, kw_only=True, tag="find_chains"):
    """Find the reference chains that keep instances of a class or type alive. Answered by
    ChainsFound."""

    work: WorkName
    module: Name
    name: Name


class CancelWork(ProcessCommand, frozen=True, kw_only=True, tag="cancel_work"):
    work: WorkName


class WriteGraph(ProcessCommand, frozen=True, kw_only=True, tag="write_graph"):
    """Write the references around instances of a class to ``path``, as DOT. Answered by
    GraphWritten."""

    work: WorkName
    path: Name
    module: Name
    name: Name


class ListTasks(ProcessCommand, frozen=True, kw_only=True, tag="list_tasks"):
    """List the tasks of the event loops and the greenlets that wait, in a copy. Answered by
    TasksListed or TasksFailed."""

    work: WorkName


class SwitchAllocations(ProcessCommand, frozen=True, kw_only=True, tag="switch_allocations"):
    """Trace allocations in this mode. Answered by AllocationsSwitched. ``frames`` limits exact
    tracebacks; None keeps the limit."""

    mode: Mode
    frames: Annotated[int, Meta(ge=1, le=65_535)] | None = None


class CountTraces(ProcessCommand, frozen=True, kw_only=True, tag="count_traces"):
    """Count the traces of exact mode now. Answered by TracesTaken."""


class EndSession(SessionCommand, frozen=True, kw_only=True, tag="stop_watching"):
    """End the session; the target goes on."""


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
    | ListTasks
    | SwitchAllocations
    | CountTraces
    | EndSession
)

command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
