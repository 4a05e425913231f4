"""What ``refwatch.watch`` and ``refwatch.mark`` of a script call when it is under watch."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .watching import Watching

    Tell = Callable[[Callable[[], dict[str, object]]], object]


class Script:
    """Bound to the session once there is one."""

    def __init__(self) -> None:
        self.watching: Watching | None = None
        self.tell: Tell = lambda _: None

    def watch(self, obj: object, name: str = "") -> None:
        """Watch an object under a name of the script's choice."""
        if self.watching is not None:
            self.watching.called(obj, name if type(name) is str else "")

    def mark(self, name: str) -> None:
        """Set a mark, now."""
        if self.watching is not None and type(name) is str:
            message = {"message": "mark", "name": name, "monotonic_s": time.monotonic()}
            self.tell(lambda: message)


SCRIPT = Script()


def bind(watching: Watching, tell: Tell) -> None:
    """A session begins; a script that has imported refwatch already takes part as well."""
    SCRIPT.watching, SCRIPT.tell = watching, tell
    loaded = sys.modules.get("refwatch")
    if loaded is not None:
        loaded.watch, loaded.mark = SCRIPT.watch, SCRIPT.mark  # type: ignore[attr-defined]
