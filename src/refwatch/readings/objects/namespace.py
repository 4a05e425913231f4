"""Notices from outside that a name of ``__main__`` was bound to something else."""

from __future__ import annotations

from refwatch.target.memory import LARGEST, RemoteMemory
from refwatch.target.probe_messages import Namespace

ENTRY = 16  # bytes: a name and its value


class NamespaceReader:
    """The table of one module's names, where the probe has found it."""

    def __init__(self, memory: RemoteMemory, place: Namespace) -> None:
        self._memory = memory
        self._place = place
        size = min(place.count * ENTRY, LARGEST - 8)
        self._regions = [(place.keys_at, 8), (place.entries, size)]

    def read(self) -> bytes:
        """The table as it is now; equal bytes, equal bindings. Raises MemoryGone."""
        return bytes(self._memory.gather(self._regions))
