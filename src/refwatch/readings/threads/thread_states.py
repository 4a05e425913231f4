"""The interpreter's list of thread states (PyInterpreterState.threads: CPython's
Include/internal/pycore_interp.h, pycore_interp_structs.h since 3.14)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from refwatch.target.layout import Layout
from refwatch.target.memory import RemoteMemory, packed

_WORD = struct.Struct("<Q")


class ThreadStateEntry(NamedTuple):
    """The interpreter's list of thread states: how many were ever made, and the newest; and the
    newest interpreter, 0 where that is not known."""

    made: int = 0
    newest: int = 0
    interpreter: int = 0


class FoundThread(NamedTuple):
    """A thread state in the interpreter's list."""

    address: int
    number: int
    tid: int
    ident: int


class ThreadStates:
    """Reads it by its calibrated layout. Every method may raise MemoryGone."""

    def __init__(self, memory: RemoteMemory, layout: Layout) -> None:
        self._memory = memory
        self._threads = layout.threads
        self._list_regions = b""
        if layout.threads:
            heads = [(layout.threads.head - 8, 16)]
            heads += [(layout.interpreters.head, 8)] if layout.interpreters else []
            self._list_regions = packed(heads)

    def read_list(self) -> ThreadStateEntry | None:
        """The words of the list of threads, now."""
        if not self._list_regions:
            return None
        data = self._memory.gather_packed(self._list_regions)
        if len(data) != len(self._list_regions) // 16 * 8 + 8:
            return None
        return ThreadStateEntry(*(word for (word,) in _WORD.iter_unpack(data)))

    def new_threads(self, newest: int, known: dict[int, int]) -> list[FoundThread]:
        """The thread states from the newest back to the first that ``known`` (address -> number)
        has. One without a tid has not begun to run."""
        place = self._threads
        assert place
        found: list[FoundThread] = []
        address, last = newest, 1 << 63
        size = max(place.tid_offset, place.ident_offset, place.id_offset, place.older_offset) + 8
        for _ in range(100_000):
            data = self._memory.read(address, size) if address else b""
            if not data:
                break
            number, tid, ident, older = (
                _WORD.unpack_from(data, offset)[0]
                for offset in (
                    place.id_offset,
                    place.tid_offset,
                    place.ident_offset,
                    place.older_offset,
                )
            )
            if known.get(address) == number or number >= last:  # known, or moved while read
                break
            found.append(FoundThread(address, number, tid, ident))
            address, last = older, number
        return found

    def tid_of(self, state: int) -> int:
        """Which thread a PyThreadState of any interpreter belongs to; 0 where that is not known."""
        return self._memory.word(state + self._threads.tid_offset) if self._threads else 0

    def alive(self) -> bool:
        """Whether the main thread's state is still where it was: an exec replaces all of it."""
        place = self._threads
        return not place or self._memory.word(place.main + place.tid_offset) == self._memory.pid
