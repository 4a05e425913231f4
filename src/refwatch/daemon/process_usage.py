"""Memory, CPU and children of the target, read from time to time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from refwatch.model.events import Event

if TYPE_CHECKING:
    from refwatch.observe.processes import ProcessReader


class ProcessUsage:
    """Reads process ``pid``, of which ``launcher`` is the parent."""

    def __init__(
        self,
        pid: int,
        launcher: int,
        emit: Callable[[Event], None],
        limit: Callable[[str, str], None],
    ) -> None:
        self._pid = pid
        self._launcher = launcher
        self._emit = emit
        self._limit = limit
        self._reader: ProcessReader | None = None

    @property
    def begun(self) -> bool:
        """It was read once."""
        return self._reader is not None

    def read(self, now: int, *, copied: bool, last: bool = False) -> bool:
        """False when the process is gone. ``copied``: a copy may share its memory."""
        from refwatch.observe.processes import ProcessGone, ProcessReader  # psutil takes 20 ms

        try:
            self._reader = self._reader or ProcessReader(self._pid, self._launcher)
            self._emit(self._reader.read(now / 1e9, last=last, copied=copied))
        except ProcessGone:
            return False
        if self._reader.uss_denied:
            self._limit("uss", "not permitted: /proc/PID/smaps_rollup")
        return True
