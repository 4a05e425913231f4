"""Source lines of instruction pointers: each line gets an id, each pointer is decoded once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import refwatch
from refwatch.target.code_objects import Codes

NO_LINE = 0  # ids of lines are positive, those of the probe's own lines negative
KEEP = 200_000  # decoded instruction pointers
PROBE = str(Path(refwatch.__file__).resolve().parent / "probe")


class SeenLine(NamedTuple):
    """A source line, with the id that samples refer to it by."""

    id: int
    file: str
    number: int
    function: str


class Lines:
    """Maps (code object, instruction pointer) to the id of a line."""

    def __init__(self, codes: Codes, bytecode_offset: int, none: int) -> None:
        self.torn = 0
        """Frames without a valid code object, or with an instruction outside it: read while they
        changed."""
        self._new: list[SeenLine] = []
        self._codes = codes
        self._bytecode = bytecode_offset
        self._none = none
        self._places: dict[int, tuple[int, int]] = {}  # instruction -> (code, line)
        self._ids: dict[tuple[str, int, str], int] = {}
        self._used: set[int] = set()

    def at(self, code: int, instruction: int) -> int | None:
        """The line's id, negative in the probe; NO_LINE in the interpreter's own frames, None for a
        torn reading."""
        place = self._places.get(instruction)
        if place is not None and place[0] == code:
            return place[1]
        return self._decode(code, instruction)

    def _decode(self, address: int, instruction: int) -> int | None:
        if address == self._none:
            return NO_LINE
        code = self._codes.get(address)
        if code is None:
            self.torn += 1
            return None
        if code.shim:
            return NO_LINE
        offset = instruction - address - self._bytecode
        if not -2 <= offset < code.end:
            self.torn += 1
            return None
        if len(self._places) >= KEEP:
            self._places.clear()
        line = self._id_of(code.file, code.line(offset), code.function)
        self._places[instruction] = (address, line)
        self._used.add(address)
        return line

    def _id_of(self, file: str, number: int, function: str) -> int:
        key = (file, number, function)
        line = self._ids.get(key)
        if line is None:
            line = len(self._ids) + 1
            line = self._ids[key] = -line if file.startswith(PROBE) else line
            self._new.append(SeenLine(line, *key))
        return line

    def take_new(self) -> list[SeenLine]:
        """The lines first seen since the last call."""
        new, self._new = self._new, []
        return new

    def check(self) -> None:
        """Forget code objects whose address has been reused."""
        gone = {address for address in self._used if not self._codes.still(address)}
        if gone:
            self._used -= gone
            self._places = {i: p for i, p in self._places.items() if p[0] not in gone}
