"""Code objects read from outside: which source line an instruction belongs to.

The location table is that of PEP 657, as described in CPython's InternalDocs/code_objects.md
(Objects/locations.md before 3.14); its form is the same from 3.11 to 3.15.
"""

from __future__ import annotations

import bisect
import struct

from msgspec import Struct

from refwatch.target.layout import FramesLayout, TextLayout
from refwatch.target.memory import RemoteMemory

CODE_SIZE = 192  # bytes of a code object in which all the slots lie
KEEP = 20_000  # code objects
ENCODINGS = {1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}  # by bytes a character


class CodeObject(Struct):
    """One code object. ``starts`` and ``lines`` map byte offsets in the bytecode to lines."""

    file: str
    function: str
    first_line: int
    starts: list[int]
    lines: list[int]
    signature: bytes

    @property
    def shim(self) -> bool:
        """Whether it is a code object of the interpreter's own, with no source."""
        return self.file.startswith("<shim") or self.file == "<trampoline>"

    @property
    def end(self) -> int:
        """Bytes of bytecode."""
        return self.starts[-1]

    def line(self, offset: int) -> int:
        """The source line at a byte offset; the first line where there is none."""
        index = bisect.bisect_right(self.starts, max(offset, 0)) - 1
        return self.lines[index] if 0 <= index < len(self.lines) else self.first_line


class CodeObjects:
    """The target's code objects, decoded once each."""

    def __init__(self, memory: RemoteMemory, frames: FramesLayout, text: TextLayout) -> None:
        self._memory = memory
        self._frames = frames
        self._text = text
        self._known: dict[int, CodeObject] = {}

    def get(self, address: int) -> CodeObject | None:
        """The code object at ``address``; None when what lies there is none, or not yet."""
        code = self._known.get(address)
        if code is None:
            code = self._decode(address)
            if code is not None:
                if len(self._known) >= KEEP:
                    self._known.clear()
                self._known[address] = code
        return code

    def still(self, address: int) -> bool:
        """Whether the code object decoded at ``address`` is still the one that lies there; if not
        it is forgotten, because the address was used again."""
        known = self._known.get(address)
        head = self._memory.read(address, CODE_SIZE)
        if known is not None and head and self._signature(head) == known.signature:
            return True
        self._known.pop(address, None)
        return False

    def _signature(self, head: bytes) -> bytes:
        place = self._frames
        offsets = (place.filename_offset, place.name_offset, place.linetable_offset)
        line = place.firstlineno_offset
        return head[8:16] + b"".join(head[o : o + 8] for o in offsets) + head[line : line + 4]

    def _decode(self, address: int) -> CodeObject | None:
        place = self._frames
        head = self._memory.read(address, CODE_SIZE)
        if not head or _word(head, 8) != place.code_type or not _lives(_word(head, 0)):
            return None
        file = self._string(_word(head, place.filename_offset))
        function = self._string(_word(head, place.name_offset))
        table = self._bytes(_word(head, place.linetable_offset))
        (first,) = struct.unpack_from("<i", head, place.firstlineno_offset)
        if file is None or function is None or table is None:
            return None
        if self._memory.read(address, CODE_SIZE)[8:] != head[8:]:  # it has just come to its end
            return None
        starts, lines = decode_linetable(table, first)
        return CodeObject(file, function, first, starts, lines, self._signature(head))

    def text(self, address: int) -> str | None:
        """The str object at ``address``; None where there is none."""
        return self._string(address)

    def _string(self, address: int) -> str | None:
        text = self._text
        head = self._memory.words(address, 5)
        if not head or not _lives(head[0]):
            return None
        length, state = head[text.length_offset // 8], head[text.state_offset // 8]
        kind, ascii_only = (state >> text.kind_shift) & 7, (state >> text.ascii_shift) & 1
        if kind not in (1, 2, 4) or length > 1 << 16:
            return None
        start = text.ascii_data if ascii_only else text.compact_data
        data = self._memory.read(address + start, length * kind) if length else b""
        if len(data) != length * kind:
            return None
        try:
            plain = data.decode(ENCODINGS[kind], "surrogatepass")
        except UnicodeDecodeError:
            return None
        # Bytes of a file's name that are no text are lone surrogates (PEP 383), as text all over.
        return plain if ascii_only else plain.encode("utf-8", "backslashreplace").decode()

    def _bytes(self, address: int) -> bytes | None:
        if not _lives(self._memory.word(address)):
            return None
        length = self._memory.word(address + self._text.length_offset)
        if not 0 < length < 1 << 20:
            return None
        return self._memory.read(address + self._text.bytes_data, length) or None


def _lives(count: int) -> bool:
    """Whether a first word is an object's reference count. In a block that is free lies the address
    of the next one (CPython's Objects/obmalloc.c), whose middle bits are never zero here; those of
    a count are, whatever 3.14 has above them."""
    return count & 0xFFFF_FFFF != 0 and count >> 32 & 0xFFFF == 0


def _word(data: bytes, offset: int) -> int:
    (word,) = struct.unpack_from("<Q", data, offset)
    return int(word)


def decode_linetable(table: bytes, first_line: int) -> tuple[list[int], list[int]]:
    """(byte offsets at which a line starts, the lines); one more offset ends the last. Entries
    without a line take that of the entry before."""
    starts: list[int] = [0]
    lines: list[int] = []
    line, shown, at, index = first_line, first_line, 0, 0
    while index < len(table):
        head = table[index]
        index += 1
        kind, units = (head >> 3) & 15, (head & 7) + 1
        if kind in (13, 14):
            delta, index = _signed_varint(table, index)
            line += delta
        elif 10 <= kind <= 12:
            line += kind - 10
        if kind != 15:
            shown = line
        while index < len(table) and not table[index] & 128:  # the columns
            index += 1
        at += 2 * units
        lines.append(shown)
        starts.append(at)
    return starts, lines


def _signed_varint(table: bytes, index: int) -> tuple[int, int]:
    value = shift = 0
    while index < len(table):
        piece = table[index]
        index += 1
        value |= (piece & 63) << shift
        shift += 6
        if not piece & 64:
            break
    return (-(value >> 1) if value & 1 else value >> 1), index
