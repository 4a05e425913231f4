"""Values about the heap that copies, events and snapshots share: counts, chains, sites."""

from __future__ import annotations

from msgspec import Struct


class TypeCount(Struct, frozen=True, kw_only=True):
    """The objects of exactly one type. ``size`` is their shallow size in bytes, with the headers of
    the garbage collector."""

    module: str
    name: str
    count: int
    size: int


class TypeDelta(Struct, frozen=True, kw_only=True):
    """The change in the number of objects of one type since a mark."""

    module: str
    name: str
    count: int
    delta: int


class Garbage(Struct, frozen=True, kw_only=True):
    """Unreachable objects that the collector would free: cycles, and what only they hold. ``types``
    has the most frequent ones."""

    objects: int
    bytes: int
    types: list[TypeCount]


class ChainLink(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object of a reference chain, which leads from an object to the root that keeps it alive.
    ``edge`` says how the next link holds this one (``value of key 'a'``, ``attribute items``,
    ``global cache``, ``local rows``). The root, the last link, has a name instead: a module, a
    frame or a thread."""

    type: str
    edge: str | None = None
    name: str | None = None
    address: str = ""


class Largest(Struct, frozen=True, kw_only=True):
    """One of the largest single objects, by its shallow ``size`` in bytes. ``filled`` is the share
    of its capacity in use, 0 to 1: the table of a dict or set, the allocation of a list or
    bytearray; None for other types. ``chain`` leads to what keeps it alive; empty where none was
    found."""

    type: str
    size: int
    filled: float | None
    chain: list[ChainLink]
    address: str = ""


class Site(Struct, frozen=True, kw_only=True):
    """A line of code at which objects were allocated."""

    file: str
    line: int
    function: str


class Referenced(Struct, frozen=True, kw_only=True):
    """An object with many references. ``label`` describes it in a few words."""

    type: str
    label: str
    address: str
    references: int


class Referrer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object that refers to another, in an inspection. ``node`` is its id there; ``edges``
    describe its references, ``count`` is their number. A ``root`` (module, frame or thread) needs
    no referrers of its own."""

    node: int
    type: str
    label: str
    address: str
    edges: list[str]
    count: int
    root: bool = False
