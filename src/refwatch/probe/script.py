"""Script API: what ``refwatch.watch`` and ``refwatch.mark`` call in a target."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .messages import Message
    from .watched_objects import WatchedObjects

    Tell = Callable[[Callable[[], Message]], object]


class Script:
    """Does nothing until it is bound to a session."""

    def __init__(self) -> None:
        self.watched: WatchedObjects | None = None
        self.tell: Tell = lambda _: None

    def watch(self, obj: object, name: str = "") -> None:
        """Watch an object under a name of the script's choice."""
        if self.watched is not None:
            self.watched.watch_for_script(obj, name if type(name) is str else "")

    def mark(self, name: str) -> None:
        """Set a mark at this moment."""
        if self.watched is not None and type(name) is str:
            message = {"message": "mark", "name": name, "monotonic_s": time.monotonic()}
            self.tell(lambda: message)


SCRIPT = Script()


def bind(watched: WatchedObjects, tell: Tell) -> None:
    """Bind the API to the session, also in a script that has already imported refwatch."""
    SCRIPT.watched, SCRIPT.tell = watched, tell
    loaded = sys.modules.get("refwatch")
    if loaded is not None:
        loaded.watch, loaded.mark = SCRIPT.watch, SCRIPT.mark  # type: ignore[attr-defined]
