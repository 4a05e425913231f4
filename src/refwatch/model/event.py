"""What all events have in common."""

from __future__ import annotations

from msgspec import Struct


class TimedEvent(
    Struct, frozen=True, kw_only=True, tag_field="event", tag=True, omit_defaults=True
):
    """Something that happened ``at`` so many seconds after the target was started, or after it was
    attached to."""

    at: float
