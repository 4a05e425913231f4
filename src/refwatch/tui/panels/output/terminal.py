"""The target's terminal output as lines: colours, carriage returns and the moves of progress bars.

Not a whole terminal: programs that paint the full screen are shown as the lines they write. The
last ``LIVE`` lines can still be changed by what comes; those before are finished. Bounded.
"""

from __future__ import annotations

import re
from collections import deque

from rich.cells import cell_len

from refwatch.text.sanitize import safe
from refwatch.tui.views.styled_text import Line, StyledText

LIVE = 100
"""Lines that cursor moves can still reach."""
KEEP = 5000
"""Finished lines."""
WIDEST = 2000
"""Characters of one line; what is longer is broken."""

_TOKEN = re.compile(
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])"  # a control sequence
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # an operating system command, as titles are
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # a string to the terminal
    r"|\x1b[ -/]*[0-~]"  # any other escape
    r"|(?P<control>[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
)
_OPEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[ -/]*)?$")
"""A sequence that the end of a piece has cut."""

Cells = list[StyledText]
"""(character, style), one for each character of a line"""


class Terminal:
    """Takes pieces of output, gives lines of spans."""

    def __init__(self) -> None:
        self._done: deque[Line] = deque(maxlen=KEEP)
        self._live: list[Cells] = [[]]
        self._row = 0
        self._column = 0
        self._style = Sgr()
        self._rest = ""

    def feed(self, data: str) -> None:
        """Take the next piece in."""
        data = self._rest + data
        self._rest = ""
        cut = _OPEN.search(data[-256:])
        if cut:
            self._rest = cut.group()
            data = data[: len(data) - len(self._rest)]
        for token in _TOKEN.finditer(data):
            kind = token.lastgroup
            if kind == "text":
                self._write(token.group())
            elif kind == "control":
                self._control(token.group())
            elif kind == "final":
                self._sequence(token.group("args"), token.group("final"))

    def lines(self) -> list[Line]:
        """All that is kept, the oldest first; a last line without text is left out."""
        live = [_finish(cells) for cells in self._live]
        while live and not live[-1]:
            live.pop()
        return [*self._done, *live]

    def _write(self, text: str) -> None:
        style = self._style.name
        while text:
            line = self._live[self._row]
            if self._column >= WIDEST:
                self._newline()
                continue
            piece, text = text[: WIDEST - self._column], text[WIDEST - self._column :]
            if len(line) < self._column:
                line += [(" ", "")] * (self._column - len(line))
            line[self._column : self._column + len(piece)] = [(char, style) for char in piece]
            self._column += len(piece)

    def _control(self, char: str) -> None:
        if char == "\n":
            self._newline()
        elif char == "\r":
            self._column = 0
        elif char == "\b":
            self._column = max(0, self._column - 1)
        elif char == "\t":
            self._write(" " * (8 - self._column % 8))
        elif char not in "\x00\x07\x0e\x0f":
            self._write("·")

    def _newline(self) -> None:
        self._column = 0
        self._row += 1
        if self._row < len(self._live):
            return
        self._live.append([])
        if len(self._live) > LIVE:
            self._done.append(_finish(self._live.pop(0)))
            self._row -= 1

    def _sequence(self, args: str, final: str) -> None:
        if final == "m":
            self._style = self._style.changed(args)
            return
        numbers = [int(part) if part.isdigit() else 0 for part in args.split(";")]
        count = min(max(numbers[0], 1), WIDEST)
        if final == "A":
            self._row = max(0, self._row - count)
        elif final == "B":
            self._row = min(len(self._live) - 1, self._row + count)
        elif final == "C":
            self._column = min(WIDEST, self._column + count)
        elif final == "D":
            self._column = max(0, self._column - count)
        elif final == "G":
            self._column = count - 1
        elif final == "K":
            self._erase(numbers[0])
        elif final == "J" and numbers[0] in {2, 3}:
            self._clear()

    def _erase(self, how: int) -> None:
        line = self._live[self._row]
        if how == 0:
            del line[self._column :]
        elif how == 1:
            line[: self._column] = [(" ", "")] * min(self._column, len(line))
        else:
            line.clear()

    def _clear(self) -> None:
        """The screen is wiped: what stood on it stays above, as a log does."""
        self._done.extend(_finish(cells) for cells in self._live if cells)
        self._live, self._row, self._column = [[]], 0, 0


def _finish(cells: Cells) -> Line:
    styled: list[StyledText] = []
    text, style = "", ""
    for char, name in cells:
        if name != style and text:
            styled.append((safe(text), style))
            text = ""
        text, style = text + char, name
    if text and (style or text.strip()):
        styled.append((safe(text.rstrip() if not style else text), style))
    return tuple(styled)


class Sgr:
    """Colours and weight, as ``ESC [ ... m`` sets them; ``name`` is a style that Rich understands,
    behind ``ansi:``."""

    def __init__(
        self, flags: frozenset[str] = frozenset(), front: str = "", back: str = ""
    ) -> None:
        self._flags, self._front, self._back = flags, front, back
        words = [*sorted(flags), front, f"on {back}" if back else ""]
        text = " ".join(word for word in words if word)
        self.name = f"ansi:{text}" if text else ""

    def changed(self, args: str) -> Sgr:
        """What it is after a sequence with these arguments."""
        codes = [int(part) if part.isdigit() else 0 for part in args.replace(":", ";").split(";")]
        flags, front, back = set(self._flags), self._front, self._back
        while codes:
            code = codes.pop(0)
            if code == 0:
                flags, front, back = set(), "", ""
            elif code in _FLAGS:
                flags.add(_FLAGS[code])
            elif code in _NO_FLAGS:
                flags -= _NO_FLAGS[code]
            elif code in {38, 48}:
                colour = _extended(codes)
                front, back = (colour, back) if code == 38 else (front, colour)
            else:
                front, back = _plain(code, front, back)
        return Sgr(frozenset(flags), front, back)


_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_NO_FLAGS = {
    22: {"bold", "dim"}, 23: {"italic"}, 24: {"underline"}, 27: {"reverse"}, 29: {"strike"}
}  # fmt: skip


def _plain(code: int, front: str, back: str) -> tuple[str, str]:
    if 30 <= code <= 37:
        return f"color({code - 30})", back
    if 90 <= code <= 97:
        return f"color({code - 82})", back
    if 40 <= code <= 47:
        return front, f"color({code - 40})"
    if 100 <= code <= 107:
        return front, f"color({code - 92})"
    return "" if code == 39 else front, "" if code == 49 else back


def _extended(codes: list[int]) -> str:
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        return f"color({min(codes.pop(0), 255)})"
    if kind == 2 and len(codes) >= 3:
        red, green, blue = (min(codes.pop(0), 255) for _ in range(3))
        return f"#{red:02x}{green:02x}{blue:02x}"
    return ""


def wrapped(lines: list[Line], width: int) -> list[Line]:
    """Lines that are wider than the screen broken, as a terminal breaks them."""
    out: list[Line] = []
    for line in lines:
        if (
            sum(len(text) for text, _ in line) * 2 <= width
            or sum(cell_len(t) for t, _ in line) <= width
        ):
            out.append(line)
        else:
            out += _broken(line, width)
    return out


def _broken(line: Line, width: int) -> list[Line]:
    out: list[Line] = []
    row: list[StyledText] = []
    room = width
    for text, style in line:
        start = 0
        for index, char in enumerate(text):
            size = cell_len(char)
            if size > room:
                out.append((*row, (text[start:index], style)))
                row, room, start = [], width, index
            room -= size
        if start < len(text):
            row.append((text[start:], style))
    if row:
        out.append(tuple(row))
    return out
