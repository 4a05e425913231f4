"""Burst mode: sampling of blocks, opened and closed by the daemon."""

from __future__ import annotations

import time

from .buffer import NoHook
from .hook import Hook

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..link import Link
    from ..messages import Message

EARLY_MEAN = 1 << 17  # bytes


class BurstMode:
    """Runs in the probe's thread. Made before the target's first line."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hook: Hook | None = None
        self._reason = ""
        self._open = False
        try:
            self._hook = Hook()
        except (NoHook, OSError, AttributeError) as error:
            self._reason = str(error)
        self.commands: dict[str, Callable[..., None]] = {
            "burst_open": self._open_burst,
            "burst_close": self._close_burst,
        }

    def begin_early(self, frames: object) -> Message | None:
        """Open before the target's first line; the hello report's ``burst``. None if that is
        impossible; the daemon gets the reason when it opens."""
        if self._hook is None or type(frames) is not dict:
            return None
        opened = self._open_hook(self._hook, frames, EARLY_MEAN, follow=True)
        return {"opened": opened, "mean": EARLY_MEAN}

    def _open_burst(self, frames: Message, mean: int, *, follow: bool) -> None:
        """Start sampling blocks, or change the mean."""
        if self._hook is None:
            self._link.send({"message": "no_burst", "reason": self._reason})
            return
        opened = self._open_hook(self._hook, frames, mean, follow=follow)
        self._link.send({"message": "burst_opened", "opened": opened})

    def _open_hook(self, hook: Hook, frames: Message, mean: int, *, follow: bool) -> Message:
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

    def _close_burst(self) -> None:
        if self._hook is not None and self._open:
            began = time.thread_time()
            seen = self.close()
            took = time.thread_time() - began
            self._link.send({"message": "burst_closed", "seen": seen, "cpu_s": took})

    def close(self) -> bool:
        """Stop sampling, if it is on. False if somebody else had removed our functions
        meanwhile."""
        if self._hook is None or not self._open:
            return True
        self._open = False
        return self._hook.close()
