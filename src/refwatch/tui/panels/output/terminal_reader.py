"""The target's terminal in the viewer: reads what was written, a piece at a time."""

from __future__ import annotations

import re
import time

from refwatch.session.output import Output
from refwatch.tui.panels.output.terminal import Terminal

PIECE = 8192  # characters
SLICE_S = 0.02
"""So long it may read before others have a turn."""
REST_S = 0.01
"""So long others have it, where there is more to read."""

_ASKS = re.compile(r"\x1b\[[?>=]?\d*(?:[cn]|\$p)")


def asks(data: str) -> bool:
    """Whether a program that writes this waits for the terminal's answer."""
    return bool(_ASKS.search(data))


class TerminalReader:
    """``terminal`` after the first so many characters of the output."""

    def __init__(self) -> None:
        self.terminal = Terminal()
        self._read = 0
        self._room: tuple[int, int] = (24, 80)

    @property
    def position(self) -> int:
        """Characters that were read, of all that were written."""
        return self._read

    def fit(self, rows: int, columns: int) -> None:
        """The size of a terminal of which none is known, as old recordings have it."""
        self._room = (rows, columns)

    def read(self, output: Output, limit_s: float = SLICE_S) -> bool:
        """Read what is new, as far as the time goes; returns whether there is more."""
        if output.written < self._read:  # a recording has gone back
            self.terminal, self._read = Terminal(), 0
        start = output.written - output.kept
        if self._read < start:
            self.terminal.feed(output.prelude())
            self._read = start
        text = output.since(self._read)
        start, at = self._read, 0
        end = time.monotonic() + limit_s
        while at < len(text):
            until = self._resize(output, start + at) - start
            piece = text[at : min(at + PIECE, until)]
            self.terminal.feed(piece)
            at += len(piece)
            if time.monotonic() >= end:
                break
        self._read = start + at
        self._resize(output, self._read)
        return at < len(text)

    def _resize(self, output: Output, read: int) -> int:
        """Give the terminal the size that it had there; returns where it got the next one."""
        rows, columns = self._room
        for written, new_rows, new_columns in output.sizes:
            if written > read:
                self.terminal.resize(rows, columns)
                return written
            rows, columns = new_rows, new_columns
        self.terminal.resize(rows, columns)
        return output.written + 1

    def take_answers(self) -> str:
        """What is to be typed in for the terminal; it is given once."""
        answers, self.terminal.answers = self.terminal.answers, []
        return "".join(answers)
