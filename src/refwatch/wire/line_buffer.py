"""Cuts a stream of bytes into lines. Standard library only: the launcher has no time for more."""

from __future__ import annotations

LONGEST_LINE = 64 << 20  # bytes; the state of a long session comes in one line


class LineTooLongError(Exception):
    """The peer sends a line that is longer than any of ours; the text says so in a sentence."""


class LineBuffer:
    """Keeps what has come of a line until its end comes, in time linear in its length. A line
    longer than ``longest`` bytes is an error: then nothing more can be made of the stream."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._begun = bytearray()

    @property
    def begun(self) -> bytes:
        """What has come of a line without its end."""
        return bytes(self._begun)

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece; return the lines that it completes. Raises LineTooLongError."""
        first, *others = data.split(b"\n")
        self._begun += first  # what has come before is not copied again
        lines: list[bytes] = []
        if others:
            lines = [bytes(self._begun), *others[:-1]]
            self._begun = bytearray(others[-1])
        if len(self._begun) > self._longest or (lines and len(lines[0]) > self._longest):
            self._begun = bytearray()
            raise LineTooLongError(f"it sent a line of more than {self._longest >> 20} MiB")
        return lines
