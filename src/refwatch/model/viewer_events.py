"""What is said to one viewer alone, and is no part of the session. Re-exported by events.py."""

from __future__ import annotations

from refwatch.model.event import TimedEvent as _Event


class ViewerRefused(_Event, frozen=True, tag="viewer_refused"):
    """The daemon takes no more from this viewer, and closes. ``reason`` is a sentence."""

    reason: str
