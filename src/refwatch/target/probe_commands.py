"""Commands for the probe and for hidden copies: one line of JSON each.

The probe has the same messages as a table (probe/messages.py), because it imports nothing of ours:
a test holds the two together.
"""

from __future__ import annotations

import json
from typing import ClassVar

import msgspec
from msgspec import Struct

from refwatch.target.layout import FramesLayout


class Query(Struct, frozen=True, kw_only=True, tag_field="query"):
    """A question that a hidden copy is made for."""

    takes_frames: ClassVar[bool] = True
    """Whether the copy must know which frames ran."""


class HeldQuery(Query, frozen=True, kw_only=True):
    """A question about reference counts."""

    held: list[int] = []
    """Addresses of objects at which the probe holds a reference."""


class Census(HeldQuery, frozen=True, kw_only=True, tag="census"):
    """Count the heap."""

    largest: list[tuple[str, str, int]]
    """(address, type, size) of the largest objects whose holders are known from before."""
    tasks: bool = False
    """List the tasks of event loops as well."""


class Chains(HeldQuery, frozen=True, kw_only=True, tag="chains"):
    """Find what keeps the ``born`` youngest objects of a type alive; half of all for 0."""

    module: str
    name: str
    born: int
    compared: bool
    """An EarlierSpread follows."""
    or_any: bool
    """Take any objects where nothing tells which have become more."""


class Referrers(HeldQuery, frozen=True, kw_only=True, tag="referrers"):
    """Find who refers to an object: a watched one, the one of a type at an address, or the newest
    of a type. The copy stays for further questions."""

    watch: int | None = None
    address: int | None = None
    type: str | None = None
    module: str = ""
    name: str = ""


class Graph(Query, frozen=True, kw_only=True, tag="graph"):
    """Draw the references around the newest objects of a type."""

    module: str
    name: str
    born: int


class Traces(Query, frozen=True, kw_only=True, tag="traces"):
    """Add up tracemalloc's traces."""

    takes_frames: ClassVar[bool] = False


class Tasks(Query, frozen=True, kw_only=True, tag="tasks"):
    """List the tasks of event loops, and the greenlets that wait."""

    takes_frames: ClassVar[bool] = False


AnyQuery = Census | Chains | Referrers | Graph | Traces | Tasks


class _Command(Struct, frozen=True, kw_only=True, tag_field="command"):
    pass


class OpenNode(_Command, frozen=True, kw_only=True, tag="open"):
    """Find who refers to a referrer that was told before."""

    node: int


class FindPath(_Command, frozen=True, kw_only=True, tag="find_path"):
    """Find a path by which the probe comes to this object in the target."""

    node: int


class EarlierSpread(_Command, frozen=True, kw_only=True, tag="earlier"):
    """How objects of the type were spread at an earlier look."""

    spread: list[tuple[int, int]]


CopyCommand = OpenNode | FindPath | EarlierSpread
"""For a hidden copy, on its own connection."""


class Ask(_Command, frozen=True, kw_only=True, tag="ask"):
    """Tell thread names and collector statistics."""


class SampleInside(_Command, frozen=True, kw_only=True, tag="sample"):
    """Sample all threads from now on."""


class Scan(_Command, frozen=True, kw_only=True, tag="scan"):
    """Look for new names in ``__main__`` and at the paths."""


class Read(_Command, frozen=True, kw_only=True, tag="read"):
    """Read the raw counts of these objects."""

    watches: list[int]


class LetGo(_Command, frozen=True, kw_only=True, tag="let_go"):
    """Drop the probe's reference where it is the last."""

    watches: list[int]


class Forget(_Command, frozen=True, kw_only=True, tag="forget"):
    """Stop watching these objects."""

    watches: list[int]


class SetPaths(_Command, frozen=True, kw_only=True, tag="paths"):
    """Watch what these dotted paths lead to, now or later."""

    paths: list[str]


class WatchAt(_Command, frozen=True, kw_only=True, tag="watch_at"):
    """Watch the object at the end of these steps if it is still at this address."""

    steps: list[tuple[str, str | int]]
    address: int


class MakeCopy(_Command, frozen=True, kw_only=True, tag="copy"):
    """Make a hidden copy that answers a query; ``frames``: it is to know which frames ran."""

    work: str
    launcher: int
    frames: bool
    query: AnyQuery


class AnswerInside(_Command, frozen=True, kw_only=True, tag="inside"):
    """Answer a query in the target itself."""

    work: str
    query: AnyQuery


class Reap(_Command, frozen=True, kw_only=True, tag="reap"):
    """Wait for a copy that has ended."""

    pid: int


class OpenBurst(_Command, frozen=True, kw_only=True, tag="burst_open"):
    """Sample one block in ``mean`` bytes; ``follow``: note when they are freed."""

    frames: FramesLayout
    mean: int
    follow: bool


class CloseBurst(_Command, frozen=True, kw_only=True, tag="burst_close"):
    """Sample no more blocks."""


class Trace(_Command, frozen=True, kw_only=True, tag="trace"):
    """See that tracemalloc is on, with this many frames a traceback."""

    frames: int


class Untrace(_Command, frozen=True, kw_only=True, tag="untrace"):
    """Stop tracemalloc if refwatch has started it."""


class End(_Command, frozen=True, kw_only=True, tag="end"):
    """The last reading is done; the interpreter may end."""


ProbeCommand = (
    Ask
    | SampleInside
    | Scan
    | Read
    | LetGo
    | Forget
    | SetPaths
    | WatchAt
    | MakeCopy
    | AnswerInside
    | Reap
    | OpenBurst
    | CloseBurst
    | Trace
    | Untrace
    | End
)


def encode(command: ProbeCommand | CopyCommand) -> bytes:
    """The command as a line of ASCII, in which a path may have lone surrogates."""
    return json.dumps(msgspec.to_builtins(command)).encode() + b"\n"
