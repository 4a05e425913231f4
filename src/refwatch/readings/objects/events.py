"""Events about watched objects, classes, the heap and who refers to what."""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.wire.event import TimedEvent
from refwatch.wire.heap_values import (
    ChainLink,
    Garbage,
    Largest,
    Referenced,
    Referrer,
    Site,
    TypeCount,
)


class WatchedFound(TimedEvent, frozen=True, kw_only=True, tag="watched_found"):
    """An object is watched from now on. ``watch`` is its name in later events, because an address
    is used again. ``source`` says who asked: ``main`` (bound in ``__main__``), ``option``,
    ``script`` (refwatch.watch) or ``viewer``."""

    watch: int
    name: str
    type: str
    address: str
    source: str
    held: bool = False
    """Its type allows no weak reference, so refwatch holds one reference, which no count has."""
    immortal: bool = False


class RawReading(Struct, frozen=True, kw_only=True):
    """What was read of one object in the target itself, refwatch's own references included."""

    watch: int
    ctypes: int
    """``ctypes.c_uint32.from_address(address)``"""
    getrefcount: int
    """``sys.getrefcount(object)``"""


class WatchedRead(TimedEvent, frozen=True, kw_only=True, tag="watched_read"):
    """Raw readings. ``offset`` is how much more ``getrefcount`` reads than ctypes on this
    interpreter and call path, measured on an object whose count is known."""

    offset: int
    readings: list[RawReading]


class WatchedCounted(TimedEvent, frozen=True, kw_only=True, tag="watched_counted"):
    """(watch, references) of each object whose count has changed."""

    counts: list[tuple[int, int]]


class WatchedEnded(TimedEvent, frozen=True, kw_only=True, tag="watched_ended"):
    """No longer watched: it has ``died``, or somebody has asked."""

    watch: int
    died: bool = True


class ClassFound(TimedEvent, frozen=True, kw_only=True, tag="class_found"):
    """A class defined in Python, whose instances are counted live from now on. ``serial`` is its
    name in later events."""

    serial: int
    module: str
    name: str


class ClassesCounted(TimedEvent, frozen=True, kw_only=True, tag="classes_counted"):
    """(serial, live instances) of each class whose number has changed; it may be none, and then all
    are what they were. ``last``: the interpreter is about to end, and no reading follows."""

    counts: list[tuple[int, int]]
    last: bool = False


class ClassEnded(TimedEvent, frozen=True, kw_only=True, tag="class_ended"):
    """The class itself is gone."""

    serial: int


class CensusBegun(TimedEvent, frozen=True, kw_only=True, tag="census_begun"):
    """A copy of the target has been made. ``pause_s`` is how long the target stood still for it."""

    number: int
    reason: str
    """``interval``, ``mark``, ``viewer`` or ``end`` (of a target in which there was none yet)"""
    pause_s: float
    method: str = "copy"
    """``copy``, or ``inside`` where the target itself walks its heap."""


class CensusTaken(TimedEvent, frozen=True, kw_only=True, tag="census_taken"):
    """What the heap holds at ``at``, the moment of the copy."""

    number: int
    took_s: float
    objects: int
    """Objects that the collector tracks."""
    types: list[TypeCount]
    """Those that have changed since the census before; a count of 0 is a type that is gone."""
    most_referenced: list[Referenced] = field(default_factory=list)
    untracked: bool = False
    """Objects that the collector does not track (str, int, bytes ..) were counted too."""
    moved: list[tuple[int, int]] = field(default_factory=list)
    """(serial, by how much) of each class of which other references than those of instances have
    come or gone since the census before: its live count moved along with them."""
    garbage: Garbage | None = None
    """None where it was not looked for."""
    largest: list[Largest] = field(default_factory=list)
    """The largest single objects of at least 1 MiB each, the largest first."""


class CensusFailed(TimedEvent, frozen=True, kw_only=True, tag="census_failed"):
    """``retry_s``: seconds until it is tried again; None when it is not."""

    reason: str
    retry_s: float | None


class ReferrersFound(TimedEvent, frozen=True, kw_only=True, tag="referrers_found"):
    """Who refers to one node of an inspection. Node 0 is the object that was asked about.

    ``references`` is its true count at the moment of the copy, ``seen`` how many of them were
    found; what is left is unaccounted for: a C extension's, or a value just being computed.
    Both are None for an immortal object.
    """

    inspection: str
    node: int
    type: str
    label: str
    address: str
    references: int | None
    seen: int | None
    referrers: list[Referrer]
    left_out: int = 0
    """Holders beyond those listed."""


class InspectionEnded(TimedEvent, frozen=True, kw_only=True, tag="inspection_ended"):
    """The copy behind an inspection is gone: what was not opened cannot be opened any more."""

    inspection: str
    reason: str


class GraphWritten(TimedEvent, frozen=True, kw_only=True, tag="graph_written"):
    """The reference graph that was asked for is in these files: DOT, and SVG where graphviz is."""

    paths: list[str]


class ChainsFound(TimedEvent, frozen=True, kw_only=True, tag="chains_found"):
    """Who keeps instances of a class alive: chains from an instance up to a root.

    ``garbage`` of the ``looked`` instances are held by nobody; where they are most of them there is
    no chain. ``missing`` says why it is not known who holds them, or not of all: the search was
    cut short, for one. Where it is empty, no chain means that nobody does.
    """

    module: str
    name: str
    chains: list[list[ChainLink]]
    allocated_at: list[Site] = field(default_factory=list)
    missing: str = ""
    looked: int = 0
    garbage: int = 0
