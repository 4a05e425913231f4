"""The event that tells who keeps objects alive. Part of the events in events.py."""

from __future__ import annotations

from msgspec import field

from refwatch.model.event import TimedEvent
from refwatch.model.references import ChainLink, Site


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
