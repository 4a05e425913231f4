"""What the daemon may ask of burst mode: open, close."""

from __future__ import annotations

import time

from .board import NoHook
from .hook import Hook

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..link import Link

    Command = dict[str, object]


class BurstCommands:
    """Obeys in the probe's thread. To be made before the target's first line."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hook: Hook | None = None
        self._reason = ""
        self._open = False
        try:
            self._hook = Hook()
        except (NoHook, OSError, AttributeError) as error:
            self._reason = str(error)
        self.table: dict[str, Callable[[Command], None]] = {
            "burst_open": self._begin,
            "burst_close": self._end,
        }

    def _begin(self, command: Command) -> None:
        """Begin to look at blocks, or go on with another mean."""
        if self._hook is None:
            self._link.send({"message": "no_burst", "reason": self._reason})
            return
        began = time.thread_time()
        frames: dict[str, object] = command["frames"]  # type: ignore[assignment]
        follow = bool(command.get("follow"))
        self._hook.open(frames, int(str(command["mean"])), follow=follow)
        self._open = True
        self._link.send(
            {
                "message": "burst_opened",
                "place": self._hook.place(),
                "pass_s": self._hook.follow_s if follow else self._hook.pass_s,
                "look_s": self._hook.look_s,
                "cpu_s": time.thread_time() - began,
            }
        )

    def _end(self, _: Command) -> None:
        if self._hook is not None and self._open:
            began = time.thread_time()
            seen = self.close()
            took = time.thread_time() - began
            self._link.send({"message": "burst_closed", "seen": seen, "cpu_s": took})

    def close(self) -> bool:
        """Look at no block from now on, if any were: nobody asks any more, or this is the child of
        a fork. False if somebody else had taken our functions away meanwhile."""
        if self._hook is None or not self._open:
            return True
        self._open = False
        return self._hook.close()
