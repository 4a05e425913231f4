"""What the target has written to its terminal, as far back as it is kept."""

from __future__ import annotations

import re
from collections import deque

from msgspec import Struct, field

PIECE = 4096  # characters; a million pieces of two characters would take fifty times their size
KEEP_OUTPUT = 1 << 20  # characters

_MODES = re.compile(r"\x1b\[\?([\d;]+)([hl])")
_KEEP_MODES = 100


class Output(Struct, kw_only=True):
    """The target's terminal output, the last million characters of it. Small pieces are joined, so
    the last of ``pieces`` may grow: :meth:`since` says what is new."""

    pieces: deque[str] = field(default_factory=deque)
    kept: int = 0
    written: int = 0
    """Characters written in all; it grows with every piece."""
    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    """(characters written before, rows, columns) of each size that the terminal had while what is
    kept was written."""
    modes: dict[str, str] = field(default_factory=dict)
    """Private modes of the terminal as they were before what is kept, by number: h or l."""

    def add(self, text: str) -> None:
        if self.pieces and len(self.pieces[-1]) < PIECE:
            self.pieces[-1] += text
        else:
            self.pieces.append(text)
        self.kept += len(text)
        self.written += len(text)
        while self.kept > KEEP_OUTPUT and len(self.pieces) > 1:
            self._lose(self.pieces.popleft())

    def _lose(self, piece: str) -> None:
        self.kept -= len(piece)
        for numbers, how in _MODES.findall(piece):
            for number in numbers.split(";"):
                if number in self.modes or len(self.modes) < _KEEP_MODES:
                    self.modes[number] = how
        self._forget_sizes()

    def _forget_sizes(self) -> None:
        while len(self.sizes) > 1 and self.sizes[1][0] <= self.written - self.kept:
            del self.sizes[0]

    def resize(self, rows: int, columns: int) -> None:
        """What is written from now on is written to a terminal of this size."""
        if self.sizes and self.sizes[-1][0] == self.written:
            self.sizes.pop()
        self.sizes.append((self.written, rows, columns))
        self._forget_sizes()

    def since(self, written: int) -> str:
        """What came after the first ``written`` characters, as far back as it is kept."""
        missing = self.written - written
        newest: deque[str] = deque()
        for piece in reversed(self.pieces):
            if missing <= 0:
                break
            newest.appendleft(piece[-missing:])
            missing -= len(piece)
        return "".join(newest)

    def prelude(self) -> str:
        """What brings a terminal into the modes that it had before what is kept."""
        return "".join(f"\x1b[?{number}{how}" for number, how in self.modes.items())
