"""References, classes and the heap, as the copy, the events and the snapshot speak of them."""

from __future__ import annotations

from msgspec import Struct


class TypeCount(Struct, frozen=True, kw_only=True):
    """How many objects of exactly this type there are. ``size`` is their own bytes, headers of the
    collector included, without what they refer to."""

    module: str
    name: str
    count: int
    size: int


class TypeDelta(Struct, frozen=True, kw_only=True):
    """By how much the number of objects of a type has changed since the mark."""

    module: str
    name: str
    count: int
    delta: int


class Garbage(Struct, frozen=True, kw_only=True):
    """What nobody holds and the collector would free: objects that only refer to each other, and
    what only they hold. ``types`` are those with most of them."""

    objects: int
    bytes: int
    types: list[TypeCount]


class ChainLink(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One object on the way from an object to what keeps it alive. ``edge`` says how the next link
    holds this one (``value of key 'a'``, ``attribute items``, ``global cache``, ``local rows``);
    the last link, the root, has none and is named instead: a module, a frame or a thread."""

    type: str
    edge: str | None = None
    name: str | None = None
    address: str = ""


class Largest(Struct, frozen=True, kw_only=True):
    """One of the largest single objects: ``size`` bytes are its own, without what it refers to.
    ``filled`` is which part of its room is in use, 0 to 1: of a dict's or set's table, of what a
    list or bytearray has allocated; None of all others. ``chain`` leads from it up to what keeps it
    alive, and is empty where that was not found."""

    type: str
    size: int
    filled: float | None
    chain: list[ChainLink]
    address: str = ""


class Site(Struct, frozen=True, kw_only=True):
    """Where objects were allocated."""

    file: str
    line: int
    function: str


class Referenced(Struct, frozen=True, kw_only=True):
    """An object with many references: what it is, in a few words."""

    type: str
    label: str
    address: str
    references: int


class Referrer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One holder in an inspection. ``node`` names it there; ``edges`` says in words how it holds
    the object, ``count`` how many references that are. A ``root`` is a module, frame or thread:
    nothing above it is of interest."""

    node: int
    type: str
    label: str
    address: str
    edges: list[str]
    count: int
    root: bool = False
