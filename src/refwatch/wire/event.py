"""Base structs of events, and the numbers of processes."""

from __future__ import annotations

from msgspec import Struct, field

SESSION = 0
"""Process number of the session itself."""
MAIN = 1
"""Process number of the process that was launched or attached to."""


def _session() -> int:
    return SESSION  # msgspec omits plain defaults, but not those of a factory


class TimedEvent(
    Struct, frozen=True, kw_only=True, tag_field="event", tag=True, omit_defaults=True
):
    """An event of one process. ``at`` is in seconds since the session began."""

    at: float
    process: int
    """Process number in this session, 1 or more; :data:`SESSION` for the session itself."""


class SessionEvent(TimedEvent, frozen=True, kw_only=True):
    """An event of the session, unless it names a process."""

    process: int = field(default_factory=_session)
