"""What a viewer asks of the daemon, and the daemon or a viewer of the launcher.

One line of JSON each; the ``command`` field names it.
"""

from __future__ import annotations

from msgspec import Struct

from refwatch.model.allocations import Mode


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


class TakeCensus(_Command, frozen=True, tag="take_census"):
    """Take a census now."""


class WatchObject(_Command, frozen=True, tag="watch_object"):
    """Watch what ``path`` names (``pkg.mod.name.attr``), now or as soon as it is there."""

    path: str


class WatchNode(_Command, frozen=True, tag="watch_node"):
    """Watch an object that an inspection has shown."""

    inspection: str
    node: int


class WatchInstance(_Command, frozen=True, tag="watch_instance"):
    """Watch the newest instance of a class or type."""

    module: str
    name: str


class WatchAddress(_Command, frozen=True, tag="watch_address"):
    """Watch the object that a chain or a census has shown there, if one of that type still is."""

    address: int
    type: str


class Unwatch(_Command, frozen=True, tag="unwatch"):
    watch: int


class Inspect(_Command, frozen=True, tag="inspect"):
    """Make a copy and say who refers to a watched object. ``inspection`` is a name of the viewer's
    choice; ReferrersFound events answer, WorkProgressed tells how far it has come."""

    inspection: str
    watch: int


class InspectInstance(_Command, frozen=True, tag="inspect_instance"):
    """The same for the newest instance of a class or type."""

    inspection: str
    module: str
    name: str


class InspectAddress(_Command, frozen=True, tag="inspect_address"):
    """The same for an object that a chain or a census has shown, if one of that type still is
    there."""

    inspection: str
    address: int
    type: str


class OpenNode(_Command, frozen=True, tag="open_node"):
    """Say who refers to this node of an inspection, in the same copy."""

    inspection: str
    node: int


class EndInspection(_Command, frozen=True, tag="end_inspection"):
    """Let the copy of an inspection go, whatever it is doing."""

    inspection: str


class FindChains(_Command, frozen=True, tag="find_chains"):
    """Find out who keeps instances of a class or type alive; ChainsFound answers."""

    work: str
    module: str
    name: str


class CancelWork(_Command, frozen=True, tag="cancel_work"):
    work: str


class WriteGraph(_Command, frozen=True, tag="write_graph"):
    """Write the references around instances of a class as DOT to ``path``; GraphWritten answers."""

    work: str
    path: str
    module: str
    name: str


class SwitchAllocations(_Command, frozen=True, tag="switch_allocations"):
    """See allocations this way from now on; an AllocationsSwitched event answers. ``frames`` is how
    deep exact tracebacks go; None leaves it as it was."""

    mode: Mode
    frames: int | None = None


class CountTraces(_Command, frozen=True, tag="count_traces"):
    """Count the traces of exact mode now; TracesTaken answers."""


class StopWatching(_Command, frozen=True, tag="stop_watching"):
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
