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

EARLY_MEAN = 1 << 17  # bytes


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

    def begin_early(self, frames: object) -> dict[str, object] | None:
        """Begin before the target's first line: what the daemon is to know. None where it cannot be
        done, of which the daemon hears when it asks."""
        if self._hook is None or type(frames) is not dict:
            return None
        opened = self._opened(self._hook, frames, EARLY_MEAN, follow=True)
        return {"opened": opened, "mean": EARLY_MEAN}

    def _begin(self, command: Command) -> None:
        """Begin to look at blocks, or go on with another mean."""
        if self._hook is None:
            self._link.send({"message": "no_burst", "reason": self._reason})
            return
        frames: dict[str, object] = command["frames"]  # type: ignore[assignment]
        mean, follow = int(str(command["mean"])), bool(command.get("follow"))
        opened = self._opened(self._hook, frames, mean, follow=follow)
        self._link.send({"message": "burst_opened", "opened": opened})

    def _opened(
        self, hook: Hook, frames: dict[str, object], mean: int, *, follow: bool
    ) -> dict[str, object]:
        began = time.thread_time()
        lost = self._open and not hook.is_called()
        hook.open(frames, mean, follow=follow)
        count, now = hook.count, time.clock_gettime(time.CLOCK_MONOTONIC)
        self._open = True
        return {
            "count": count,
            "monotonic_s": now,
            "lost": lost,
            "place": hook.place(),
            "pass_s": hook.follow_s if follow else hook.pass_s,
            "look_s": hook.look_s,
            "cpu_s": time.thread_time() - began,
        }

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
