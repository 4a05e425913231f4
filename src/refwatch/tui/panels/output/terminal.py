"""A terminal as programs expect it behind ``TERM=xterm-256color``: takes what they write, has a
screen, and answers what they ask."""

from __future__ import annotations

import re
from collections.abc import Callable

from refwatch.tui.panels.output.grid import Cells, Grid
from refwatch.tui.panels.output.sgr import changed

MOST = 1 << 12
"""The largest number that a sequence may name, and the longest sequence that is waited for."""

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f]+)"
    r"|(?P<newline>\r\n)"
    r"|\x1b\[(?P<args>[0-?]*)(?P<final>[ -/]*[@-~])"  # a control sequence
    r"|\x1b(?P<string>[\]PX^_])"  # the beginning of a title and the like
    r"|\x1b(?P<escape>[ -/]*[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f])"
)
_OPEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?")
"""A sequence of which the end has not come yet."""
_STRING = {"]": re.compile(r"[^\x07\x1b]*"), "": re.compile(r"[^\x1b]*")}
"""What such a string is made of, by how it began."""

_KNOWN = {1, 6, 7, 25, 47, 1047, 1048, 1049, 2004}
"""Private modes that make a difference here."""

_GRAPHICS = str.maketrans("`afgijklmnopqrstuvwxyz{|}~", "◆▒°±␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")
"""The line drawing of the DEC terminals."""


class Terminal:
    """``answers`` are to be typed in, in their order, and then forgotten by whoever does that."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.grid = Grid(rows, columns)
        self.answers: list[str] = []
        self._rest = ""
        self._string = ""
        """How the string began that has not ended yet."""
        self._restart()

    def _restart(self) -> None:
        self.modes = {7, 25}
        """Private modes that are set."""
        self._charsets = {"(": "B", ")": "B"}
        self._charset = "("
        self._last = " "
        self.grid.restart()

    @property
    def cursor_keys(self) -> bool:
        """The program wants the cursor keys of application mode."""
        return 1 in self.modes

    @property
    def bracketed_paste(self) -> bool:
        return 2004 in self.modes

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(row of all that :meth:`lines` returns, column) where a cursor is to be seen."""
        if 25 not in self.modes:
            return None
        above = 0 if self.grid.alternate else len(self.grid.past)
        return above + self.grid.row, min(self.grid.column, self.grid.columns - 1)

    def lines(self) -> list[Cells]:
        """What there is to see, from the oldest line that is kept to the end of the screen."""
        past = () if self.grid.alternate else self.grid.past
        return [*past, *self.grid.lines]

    def resize(self, rows: int, columns: int) -> None:
        self.grid.resize(rows, columns)

    def feed(self, data: str) -> None:
        """Take the next piece in, wherever it was cut."""
        data, self._rest = self._rest + data, ""
        at = self._skip(data, 0) if self._string else 0
        escape = data.rfind("\x1b")
        if escape >= at and len(data) - escape < MOST and _OPEN.fullmatch(data, escape):
            data, self._rest = data[:escape], data[escape:]
        while (token := _TOKEN.match(data, at)) is not None:
            kind = token.lastgroup
            at = token.end()
            if kind == "text":
                self._write(token.group())
            elif kind == "newline":
                self.grid.column = 0
                self.grid.line_feed()
            elif kind == "control":
                self._control(token.group())
            elif kind == "final":
                self._sequence(token["args"], token["final"])
            elif kind == "string":
                self._string = token["string"]
                at = self._skip(data, at)
            else:
                self._escape(token["escape"])

    def _skip(self, data: str, at: int) -> int:
        """Go over a string; what ends it is the next token, and does nothing else."""
        found = _STRING.get(self._string, _STRING[""]).match(data, at)
        at = found.end() if found else len(data)
        if at < len(data):
            self._string = ""
        return at

    def _write(self, text: str) -> None:
        if self._charsets[self._charset] == "0":
            text = text.translate(_GRAPHICS)
        self._last = text[-1]
        self.grid.write(text)

    def _control(self, char: str) -> None:
        grid = self.grid
        if char == "\r":
            grid.column = 0
        elif char in "\n\v\f":
            grid.line_feed()
        elif char == "\b":
            grid.move(0, -1)
        elif char == "\t":
            grid.tab(1)
        elif char in "\x0e\x0f":
            self._charset = ")" if char == "\x0e" else "("

    def _escape(self, text: str) -> None:
        grid = self.grid
        if text[0] in "()" and len(text) == 2:
            self._charsets[text[0]] = text[1]
        elif text == "c":
            grid.switch(alternate=False)
            grid.erase_in_screen(2)
            self._restart()
            grid.go(0, 0)
        elif text == "E":
            grid.column = 0
            grid.line_feed()
        elif text in _ESCAPES:
            _ESCAPES[text](grid)

    # -- control sequences ---------------------------------------------------------------------

    def _sequence(self, args: str, final: str) -> None:
        private = args[:1] if args[:1] in "<=>?" else ""
        args = args[len(private) :]
        if final == "m" and not private:
            self.grid.style = changed(self.grid.style, args)
            return
        numbers = [min(int(n[:9]), MOST) if n.isdigit() else 0 for n in args.split(";")]
        if private == "?" and final in "hl":
            for number in numbers:
                self._set_mode(number, on=final == "h")
        elif final in {"n", "c", "$p"}:
            self._ask(private, final, numbers[0])
        elif private in {"", "?"}:
            self._edit(final, numbers)

    def _edit(self, final: str, numbers: list[int]) -> None:
        if final in _COUNTED:
            _COUNTED[final](self.grid, max(1, numbers[0]))
        elif final in _PLACED:
            _PLACED[final](self.grid, numbers)
        elif final == "b":
            self.grid.write(self._last * max(1, numbers[0]))
        elif final in {"h", "l"}:
            self.grid.inserts = (final == "h") if 4 in numbers else self.grid.inserts
        elif final == "!p":
            self._restart()

    def _set_mode(self, mode: int, *, on: bool) -> None:
        grid = self.grid
        if mode in _KNOWN:
            (self.modes.add if on else self.modes.discard)(mode)
        if mode == 6:
            grid.origin = on
            grid.go(0, 0)
        elif mode == 7:
            grid.wraps = on
        elif mode == 1048:
            grid.save() if on else grid.restore()
        elif mode in {47, 1047, 1049} and on != grid.alternate:
            if mode == 1049 and on:
                grid.save()
            grid.switch(alternate=on)
            if mode == 1049 and not on:
                grid.restore()

    def _ask(self, private: str, final: str, number: int) -> None:
        """Modes, device status and attributes: a VT220 with colours."""
        grid = self.grid
        if final == "$p":
            state = (1 if number in self.modes else 2) if private and number in _KNOWN else 0
            self.answers.append(f"\x1b[{private}{number};{state}$y")
        elif final == "c" and number == 0 and private in {"", ">"}:
            self.answers.append("\x1b[>1;10;0c" if private else "\x1b[?62;22c")
        elif final == "n" and number == 5 and not private:
            self.answers.append("\x1b[0n")
        elif final == "n" and number == 6 and private in {"", "?"}:
            row = grid.row - (grid.top if grid.origin else 0) + 1
            column = min(grid.column, grid.columns - 1) + 1
            self.answers.append(f"\x1b[{private}{row};{column}R")


def _margins(grid: Grid, numbers: list[int]) -> None:
    top, bottom = (*numbers, 0)[:2]
    grid.set_margins(max(top, 1) - 1, (bottom or grid.rows) - 1)


def _place(grid: Grid, numbers: list[int]) -> None:
    row, column = (*numbers, 0)[:2]
    grid.go(max(row, 1) - 1, max(column, 1) - 1)


def _line(grid: Grid, count: int) -> None:
    grid.move(count, 0)
    grid.column = 0


_COUNTED: dict[str, Callable[[Grid, int], None]] = {
    "A": lambda grid, count: grid.move(-count, 0),
    "B": lambda grid, count: grid.move(count, 0),
    "C": lambda grid, count: grid.move(0, count),
    "D": lambda grid, count: grid.move(0, -count),
    "E": _line,
    "F": lambda grid, count: _line(grid, -count),
    "G": lambda grid, count: grid.go(column=count - 1),
    "I": lambda grid, count: grid.tab(count),
    "L": lambda grid, count: grid.delete_lines(-count),
    "M": lambda grid, count: grid.delete_lines(count),
    "P": lambda grid, count: grid.delete_characters(count),
    "S": lambda grid, count: grid.scroll(count),
    "T": lambda grid, count: grid.scroll(-count),
    "X": lambda grid, count: grid.erase(
        min(grid.column, grid.columns - 1), min(grid.column + count, grid.columns)
    ),
    "Z": lambda grid, count: grid.tab(-count),
    "@": lambda grid, count: grid.insert_blanks(count),
    "`": lambda grid, count: grid.go(column=count - 1),
    "a": lambda grid, count: grid.move(0, count),
    "d": lambda grid, count: grid.go(row=count - 1),
    "e": lambda grid, count: grid.move(count, 0),
}
"""Sequences with one number, 1 where it is left out."""

_PLACED: dict[str, Callable[[Grid, list[int]], None]] = {
    "H": _place,
    "f": _place,
    "J": lambda grid, numbers: grid.erase_in_screen(numbers[0]),
    "K": lambda grid, numbers: grid.erase_in_line(numbers[0]),
    "g": lambda grid, numbers: grid.clear_tabs(numbers[0]),
    "r": _margins,
    "s": lambda grid, _: grid.save(),
    "u": lambda grid, _: grid.restore(),
}

_ESCAPES: dict[str, Callable[[Grid], None]] = {
    "7": Grid.save,
    "8": Grid.restore,
    "D": Grid.line_feed,
    "H": Grid.set_tab,
    "M": Grid.reverse_feed,
}
