"""Notifications about requested operations that finish, wherever the user is looking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from refwatch.session.events import Event, Noted, WatchedFound
from refwatch.text.sanitize import printable
from refwatch.wire.event import SESSION


class Answer(NamedTuple):
    """A notification; ``severity`` is Textual's."""

    title: str
    text: str
    severity: Literal["information", "warning", "error"] = "information"


Answering = Callable[[Event], Answer | None]
"""Makes the notification of the event that answers a request; None for any other event."""


class Answers:
    """The requests of this viewer that await an answer; those of other viewers are not told."""

    def __init__(self) -> None:
        self._awaited: list[tuple[Answering, int]] = []

    def expect(self, answering: Answering, process: int) -> None:
        """Await the answer to a command that was sent to this process, or to the session."""
        self._awaited.append((answering, process))

    def take(self, event: Event) -> Answer | None:
        """Return the notification for this event, if it answers something. A warning or an error
        soon after a request is about that request."""
        for each in self._awaited:
            answering, process = each
            answer = answering(event) if event.process in (process, SESSION) else None
            if answer is not None:
                self._awaited.remove(each)
                return answer
        if not isinstance(event, Noted) or event.level == "info" or not self._awaited:
            return None
        self._awaited.clear()
        return Answer("", printable(event.text), "error" if event.level == "error" else "warning")


def watch_found(event: Event) -> Answer | None:
    """Answers any command that watches an object."""
    if isinstance(event, WatchedFound) and event.source != "main":
        return Answer("Watching", f"{printable(event.name)}  {printable(event.type)}")
    return None
