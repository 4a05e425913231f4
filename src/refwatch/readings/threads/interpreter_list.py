"""The list of interpreters, read from outside: which there are, and the words of their GILs.

It is a list, newest first, which ends at the main one (CPython's Python/pystate.c:
init_interpreter). A GIL of its own lies in each where the main one's lies in the main one (PEP 684;
Python/ceval_gil.c: _PyEval_InitGIL), and its pointer to a GIL leads there from when the GIL can be
taken until it is taken down. Whatever is not so is not read.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from refwatch.readings.threads.interpreter import GilWords
from refwatch.target.layout import GilLayout, InterpretersLayout, ThreadsLayout
from refwatch.target.memory import RemoteMemory, packed

LONGEST = 10_000  # interpreters in a list
NEAR = 256  # bytes between two words that one region has both of
GIL = struct.Struct("<QQIxxxxQ")  # ``locked`` is 1, 0, or -1 before it is made


class Row(NamedTuple):
    """An interpreter in the list, and ``words`` as they lie in memory."""

    address: int
    following: int
    number: int
    gil: int
    """Address of its GIL; 0 where it has none yet, or none any more."""
    made: int
    """How many thread states were ever made in it."""
    newest: int
    """Address of the newest of these."""
    words: tuple[int, ...]


class ListReader:
    """Every method may raise MemoryGone."""

    def __init__(
        self,
        memory: RemoteMemory,
        layout: InterpretersLayout,
        threads: ThreadsLayout,
        gil: GilLayout | None,
    ) -> None:
        self.main = layout.main
        self._memory = memory
        self._layout = layout
        self._gil = gil.gil if gil is not None else 0
        head = threads.head - layout.main
        wanted = [layout.next_offset, layout.id_offset, layout.gil_offset, head - 8, head]
        offsets = sorted({offset for offset in wanted if offset is not None})
        self._order = [None if each is None else offsets.index(each) for each in wanted]
        self._spans: list[tuple[int, int]] = []
        self._format = ""
        for offset in offsets:
            start, size = self._spans[-1] if self._spans else (0, 0)
            between = offset - start - size
            if self._spans and between <= NEAR:
                self._format += f"{between}xQ"
                self._spans[-1] = (start, offset + 8 - start)
            else:
                self._format += "Q"
                self._spans.append((offset, 8))
        self._struct = struct.Struct(f"<{self._format}")
        self._all = struct.Struct("<Q")
        self._regions = b""
        self._expected: tuple[int, ...] = ()

    def walk(self) -> list[Row] | None:
        """The interpreters beside the main one, newest first; None where the list does not lead to
        the main one by falling numbers: then it has changed meanwhile."""
        address, below = self._memory.word(self._layout.head), 1 << 62
        rows: list[Row] = []
        for _ in range(LONGEST):
            row = self._row(address)
            if row is None or not 0 <= row.number < below:
                return None
            if address == self.main:
                return rows if row.number == 0 and row.following == 0 else None
            rows.append(row)
            address, below = row.following, row.number
        return None

    def _row(self, address: int) -> Row | None:
        data = self._memory.gather(self._regions_of(address)) if address else b""
        if len(data) != self._struct.size:
            return None
        words = self._struct.unpack(data)
        following, number, gil, made, newest = (
            0 if at is None else words[at] for at in self._order
        )
        return Row(address, following, number, gil, made, newest, words)

    def _regions_of(self, address: int) -> list[tuple[int, int]]:
        return [(address + offset, size) for offset, size in self._spans]

    def owns_gil(self, row: Row) -> bool | None:
        """Whether its GIL is its own. None without a GIL, or where that lies elsewhere."""
        if not self._gil:
            return None
        if self._layout.gil_offset is None or row.gil == self._gil:
            return False
        return True if row.gil == self.gil_of(row.address) else None

    def gil_of(self, address: int) -> int:
        """Where the GIL of the interpreter at ``address`` lies, if it is its own."""
        return address + self._gil - self.main

    def gil_words(self, address: int) -> GilWords:
        """The words of this interpreter's own GIL, now."""
        data = self._memory.read(self.gil_of(address), GIL.size)
        return GilWords(*GIL.unpack(data)) if data else GilWords()

    def expect(self, newest: int, rows: list[Row], own: list[int]) -> None:
        """From now on read these rows and the GILs of the interpreters at ``own``."""
        regions = [(self._layout.head, 8)]
        self._expected = (newest,)
        for row in rows:
            regions += self._regions_of(row.address)
            self._expected += row.words
        regions += [(self.gil_of(address), GIL.size) for address in own]
        self._regions = packed(regions)
        gils = GIL.format.strip("<") * len(own)
        self._all = struct.Struct(f"<Q{self._format * len(rows)}{gils}")

    def read(self) -> list[GilWords] | None:
        """The words of the GILs, read in one go with those that say that all are there still; None
        where they are not."""
        data = self._memory.gather_packed(self._regions) if self._regions else b""
        if len(data) != self._all.size:
            return None
        words = self._all.unpack(data)
        first = len(self._expected)
        if words[:first] != self._expected:
            return None
        return [GilWords(*words[at : at + 4]) for at in range(first, len(words), 4)]
