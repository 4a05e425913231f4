"""Events that any collector may send."""

from __future__ import annotations

from refwatch.wire.event import SessionEvent, TimedEvent

NOT_BEGUN = "it did not begin"
"""How the reason of the limit ``program`` begins where Python has refused to run the program."""


class ReadingLimited(TimedEvent, frozen=True, kw_only=True, tag="reading_limited"):
    """A reading that this machine or interpreter does not allow, and why."""

    reading: str
    reason: str


class TargetPaused(TimedEvent, frozen=True, kw_only=True, tag="target_paused"):
    """The target stood still for ``pause_s`` because a copy of it was made for other work than a
    census."""

    pause_s: float


class WorkProgressed(TimedEvent, frozen=True, kw_only=True, tag="work_progressed"):
    """How far a piece of long work in a copy has come. ``work`` is the name that the viewer gave
    it; ``share`` is 0 to 1, None when nobody knows. ``done`` with a ``failure`` went wrong."""

    work: str
    text: str
    share: float | None = None
    done: bool = False
    failure: str | None = None


class Noted(SessionEvent, frozen=True, kw_only=True, tag="noted"):
    """Something the user should read once; ``level`` is ``info``, ``warning`` or ``error``."""

    level: str
    text: str
