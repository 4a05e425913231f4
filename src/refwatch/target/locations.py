"""Source lines get numbers, and instruction pointers are turned into them once each."""

from __future__ import annotations

import os
from typing import NamedTuple

import refwatch
from refwatch.target.code_objects import CodeObjects

NO_LINE = 0  # lines have positive numbers, those of the probe negative ones
KEEP = 200_000  # instruction pointers
PROBE = os.path.join(os.path.dirname(os.path.realpath(refwatch.__file__)), "probe")


class NewLine(NamedTuple):
    """A source line and the id by which samples name it."""

    id: int
    file: str
    number: int
    function: str


class LineTable:
    """From (code object, instruction pointer) to a line's number."""

    def __init__(self, codes: CodeObjects, bytecode_offset: int, none: int) -> None:
        self.torn = 0
        """Frames whose code was no code object, or whose instruction was not inside it."""
        self._new: list[NewLine] = []
        self._codes = codes
        self._bytecode = bytecode_offset
        self._none = none
        self._places: dict[int, tuple[int, int]] = {}  # instruction -> (code, line)
        self._numbers: dict[tuple[str, int, str], int] = {}
        self.functions: dict[int, int] = {}
        """A line's number -> that of its function."""
        self.finalizers: set[int] = set()
        """Lines in a ``__del__``."""
        self._function_numbers: dict[tuple[str, str], int] = {}
        self._used: set[int] = set()

    def at(self, code: int, instruction: int) -> int | None:
        """The line's number, negative in the probe; NO_LINE for the interpreter's own shims, None
        for a torn reading."""
        place = self._places.get(instruction)
        if place is not None and place[0] == code:
            return place[1]
        return self._decode(code, instruction)

    def _decode(self, address: int, instruction: int) -> int | None:
        if address == self._none:
            return NO_LINE
        if address in self._used and not self._codes.still(address):
            self._forget({address})
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
        number = self._number(code.file, code.line(offset), code.function)
        self._places[instruction] = (address, number)
        self._used.add(address)
        return number

    def _number(self, file: str, line: int, function: str) -> int:
        key = (file, line, function)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers) + 1
            number = self._numbers[key] = -number if file.startswith(PROBE) else number
            known = self._function_numbers
            self.functions[number] = known.setdefault((file, function), len(known) + 1)
            if function.endswith("__del__"):
                self.finalizers.add(number)
            self._new.append(NewLine(number, *key))
        return number

    def stand_in(self, name: str, number: int = 0) -> int:
        """The id of a line that stands for what has no source."""
        return self._number(name, number, name)

    def pending(self) -> list[NewLine]:
        """Those that the next :meth:`take_new` returns."""
        return self._new

    def take_new(self) -> list[NewLine]:
        """The lines that were seen for the first time since the last call."""
        new, self._new = self._new, []
        return new

    def check(self) -> None:
        """Forget the code objects whose address is used by another one now."""
        gone = {address for address in self._used if not self._codes.still(address)}
        if gone:
            self._forget(gone)

    def _forget(self, gone: set[int]) -> None:
        self._used -= gone
        self._places = {i: p for i, p in self._places.items() if p[0] not in gone}
