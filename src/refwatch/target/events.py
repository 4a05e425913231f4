"""Events of any collector: limits, pauses, progress and notes."""

from __future__ import annotations

from refwatch.wire.event import SessionEvent, TimedEvent

NOT_BEGUN = "it did not begin"
"""Start of the reason of the limit ``program`` where Python refused to run the program."""


class ReadingLimited(TimedEvent, frozen=True, kw_only=True, tag="reading_limited"):
    """A reading is missing or less exact, and why."""

    reading: str
    reason: str


class TargetPaused(TimedEvent, frozen=True, kw_only=True, tag="target_paused"):
    """The target was paused for ``pause_s`` while a copy was made, for something other than a
    census."""

    pause_s: float


class WorkProgressed(TimedEvent, frozen=True, kw_only=True, tag="work_progressed"):
    """Progress of long work in a copy. ``work`` is the name that the viewer gave it; ``share`` is 0
    to 1, None where unknown. ``failure`` says why work that is ``done`` has failed."""

    work: str
    text: str
    share: float | None = None
    done: bool = False
    failure: str | None = None


class Noted(SessionEvent, frozen=True, kw_only=True, tag="noted"):
    """A message for the user. ``level`` is ``info``, ``warning`` or ``error``."""

    level: str
    text: str
