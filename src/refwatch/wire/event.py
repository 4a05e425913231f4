"""Base structs of all events."""

from __future__ import annotations

from msgspec import Struct, field

SESSION = 0
"""The process number that stands for the session itself."""
MAIN = 1
"""The number of the process that was launched or attached to."""


def _session() -> int:
    return SESSION  # a default made by a function is written out all the same


class TimedEvent(
    Struct, frozen=True, kw_only=True, tag_field="event", tag=True, omit_defaults=True
):
    """Something that happened in a process, ``at`` so many seconds after the session began."""

    at: float
    process: int
    """Number of the process in this session, 1 or more; :data:`SESSION` for the session itself."""


class SessionEvent(TimedEvent, frozen=True, kw_only=True):
    """An event that need not be about one process."""

    process: int = field(default_factory=_session)
