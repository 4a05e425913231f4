"""The cells of a terminal's screen, its cursor, and the lines that have left it at the top."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from unicodedata import category

from rich.cells import get_character_cell_size

from refwatch.tui.panels.output.sgr import Sgr
from refwatch.tui.views.styled_text import Line, StyledText

KEEP = 5000
"""Lines that are kept of those that have left the screen."""

Cell = tuple[str, str]
"""(character, style); behind a character that takes two cells comes one without a character."""
Cells = list[Cell]
"""A line, as far as it was written."""
BLANK: Cell = (" ", "")
_PLAIN = Sgr()


def one_cell_each(text: str) -> str:
    """The text with a dot for each character that acts on a terminal or has no width: an escape
    would move what follows on its line. Spaces and private glyphs stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or category(char) in {"Zs", "Co"} else "·" for char in text
    )


class _Styled(dict[str, Cell]):
    """One cell for each character of one style, however often it is written."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self._style = style

    def __missing__(self, char: str) -> Cell:
        cell = self[char] = (char, self._style)
        return cell


_styled = lru_cache(maxsize=256)(_Styled)


def spans(cells: Iterable[Cell]) -> Line:
    """The cells as a line; blanks at its end are left out."""
    line: list[StyledText] = []
    run: list[str] = []
    style = ""
    for char, name in cells:
        if name != style:
            if run:
                line.append((one_cell_each("".join(run)), style))
                run = []
            style = name
        run.append(char)
    text = "".join(run)
    text = text if style else text.rstrip()
    return (*line, (one_cell_each(text), style)) if text else tuple(line)


def _split(line: Cells, at: int) -> None:
    """A character of two cells that this place would cut is blank from now on."""
    if at < len(line) and not line[at][0]:
        line[max(0, at - 1) : at + 1] = [BLANK] * min(2, at + 1)


class Grid:
    """Rows and columns count from 0. A cursor behind the last column waits there: the next
    character goes to the next line."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.past: deque[Cells] = deque(maxlen=KEEP)
        self.lines: list[Cells] = [[] for _ in range(rows)]
        self.alternate = False
        """The screen of full-screen programs is shown: what leaves it is gone."""
        self._main: list[Cells] = []
        self.row = self.column = 0
        self.restart()

    def restart(self) -> None:
        """The settings as they are at the start."""
        self.top, self.bottom = 0, self.rows - 1
        self.style = _PLAIN
        self.wraps, self.inserts, self.origin = True, False, False
        self._saved = {False: (0, 0, _PLAIN, False), True: (0, 0, _PLAIN, False)}
        self._tabs = set(range(8, 1 << 12, 8))

    # -- what is written -----------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Characters, none of them a control character."""
        if not text.isascii() and any(get_character_cell_size(char) != 1 for char in text):
            for char in text:
                self._write_one(char)
            return
        cell_of = _styled(self.style.name).__getitem__
        start = 0
        while start < len(text):
            self._wrap(1)
            piece = text[start : start + self.columns - self.column]
            start += len(piece)
            if not self.wraps and start < len(text):  # the last cell is written again and again
                piece, start = piece[:-1] + text[-1], len(text)
            self._put(list(map(cell_of, piece)))

    def _write_one(self, char: str) -> None:
        size = get_character_cell_size(char)
        if size > 0:
            self._wrap(size)
            cell_of = _styled(self.style.name).__getitem__
            self._put([cell_of(char), cell_of("")][:size])
        elif one_cell_each(char) == char and not "\ufe00" <= char <= "\ufe0f":
            self._combine(char)

    def _combine(self, char: str) -> None:
        """An accent joins the character before it."""
        line = self.lines[self.row]
        line += [BLANK] * (self.column - len(line))
        at = self.column - 1
        if at > 0 and not line[at][0]:
            at -= 1
        if at >= 0 and len(line[at][0]) < 8:
            line[at] = (line[at][0] + char, line[at][1])

    def _wrap(self, size: int) -> None:
        """Make room for a character of this size."""
        if self.column + size <= self.columns:
            return
        if self.wraps:
            self.column = 0
            self.line_feed()
        else:
            self.column = max(0, self.columns - size)

    def _put(self, cells: Cells) -> None:
        line, start = self.lines[self.row], self.column
        self.column = end = min(start + len(cells), self.columns)
        _split(line, start)
        if len(line) < start:
            line += [BLANK] * (start - len(line))
        if self.inserts:
            line[start:start] = cells
            self._cut(line)
        else:
            _split(line, end)
            line[start:end] = cells

    def _cut(self, line: Cells) -> None:
        _split(line, self.columns)
        del line[self.columns :]

    # -- the cursor ----------------------------------------------------------------------------

    def move(self, rows: int, columns: int) -> None:
        """By so many; it stays between the margins if it is there."""
        first = self.top if self.row >= self.top else 0
        last = self.bottom if self.row <= self.bottom else self.rows - 1
        self.row = min(max(self.row + rows, first), last)
        column = min(self.column, self.columns - 1) + columns
        self.column = min(max(column, 0), self.columns - 1)

    def go(self, row: int | None = None, column: int | None = None) -> None:
        """To this place, counted from 0, and from the upper margin in origin mode."""
        if row is not None:
            first, last = (self.top, self.bottom) if self.origin else (0, self.rows - 1)
            self.row = min(max(row, 0) + first, last)
        if column is not None:
            self.column = min(max(column, 0), self.columns - 1)

    def tab(self, count: int) -> None:
        """To the next tab stops, or with a negative count to those before."""
        for _ in range(min(abs(count), self.columns)):
            if count > 0:
                stops = (stop for stop in self._tabs if stop > self.column)
                self.column = min([*stops, self.columns - 1])
            else:
                stops = (stop for stop in self._tabs if stop < self.column)
                self.column = max([*stops, 0])

    def set_tab(self) -> None:
        self._tabs.add(self.column)

    def clear_tabs(self, how: int) -> None:
        """The one here, or with 3 all."""
        if how == 3:
            self._tabs.clear()
        else:
            self._tabs.discard(self.column)

    def save(self) -> None:
        """Of the screen that is shown."""
        self._saved[self.alternate] = (self.row, self.column, self.style, self.origin)

    def restore(self) -> None:
        row, column, self.style, self.origin = self._saved[self.alternate]
        self.row, self.column = min(row, self.rows - 1), min(column, self.columns - 1)

    # -- lines ---------------------------------------------------------------------------------

    def set_margins(self, top: int, bottom: int) -> None:
        """Only the rows between them scroll."""
        if 0 <= top < min(bottom, self.rows - 1):
            self.top, self.bottom = top, min(bottom, self.rows - 1)
            self.go(0, 0)

    def line_feed(self) -> None:
        if self.row == self.bottom:
            self.scroll(1)
        elif self.row < self.rows - 1:
            self.row += 1

    def reverse_feed(self) -> None:
        if self.row == self.top:
            self.scroll(-1)
        elif self.row > 0:
            self.row -= 1

    def scroll(self, count: int) -> None:
        """What is between the margins moves up by so many lines, or down."""
        if count > 0 and self.top == 0 and not self.alternate:
            self.past.extend(self.lines[: min(count, self.bottom + 1)])
        self._shift(self.top, count)

    def delete_lines(self, count: int) -> None:
        """From the cursor's on; with a negative count, insert."""
        if self.top <= self.row <= self.bottom:
            self._shift(self.row, count)
            self.column = 0

    def _shift(self, first: int, count: int) -> None:
        size = self.bottom - first + 1
        moved = min(abs(count), size)
        blank: list[Cells] = [self._blanks(self.columns) for _ in range(moved)]
        lines = self.lines[first : self.bottom + 1]
        lines = lines[moved:] + blank if count > 0 else blank + lines[: size - moved]
        self.lines[first : self.bottom + 1] = lines

    def _blanks(self, count: int) -> Cells:
        """Erased cells; none where nothing but blanks would come."""
        ground = self.style.ground
        return [(" ", ground)] * count if ground else []

    # -- what is erased ------------------------------------------------------------------------

    def insert_blanks(self, count: int) -> None:
        line = self.lines[self.row]
        at = min(self.column, self.columns - 1)
        if at < len(line):
            _split(line, at)
            count = min(count, self.columns - at)
            line[at:at] = self._blanks(count) or [BLANK] * count
            self._cut(line)

    def delete_characters(self, count: int) -> None:
        line = self.lines[self.row]
        at = min(self.column, self.columns - 1)
        _split(line, at)
        _split(line, at + count)
        if self.style.ground:
            line += [BLANK] * (self.columns - len(line))
        self._cut(line)
        del line[at : at + count]
        line += self._blanks(self.columns - len(line))

    def erase(self, start: int, end: int, row: int | None = None) -> None:
        """The cells of one line from ``start`` to before ``end``."""
        line = self.lines[self.row if row is None else row]
        if end >= self.columns:
            end = self.columns
            self._cut(line)
        _split(line, start)
        _split(line, end)
        blanks = self._blanks(end - start)
        if not blanks and end >= len(line):
            del line[start:]
            return
        line += [BLANK] * (end - len(line))
        line[start:end] = blanks or [BLANK] * (end - start)

    def erase_in_line(self, how: int) -> None:
        at = min(self.column, self.columns - 1)
        self.erase(at if how == 0 else 0, at + 1 if how == 1 else self.columns)

    def erase_in_screen(self, how: int) -> None:
        """0: behind the cursor; 1: before it; 2: all, which stays above, as a log does."""
        if how == 3:
            return
        if how == 2 and not self.alternate:
            self._keep(self.lines)
        if how < 2:
            self.erase_in_line(how)
        first = self.row + 1 if how == 0 else 0
        for row in range(first, self.row if how == 1 else self.rows):
            self.lines[row] = self._blanks(self.columns)

    def _keep(self, lines: list[Cells]) -> None:
        last = max((row for row, line in enumerate(lines) if spans(line)), default=-1)
        self.past.extend(lines[: last + 1])

    # -- the screens ---------------------------------------------------------------------------

    def switch(self, *, alternate: bool) -> None:
        """Show the one screen or the other. The alternate one is blank at first."""
        if alternate == self.alternate:
            return
        self.alternate = alternate
        if alternate:
            self._main, self.lines = self.lines, [[] for _ in range(self.rows)]
        else:
            self.lines, self._main = self._main, []

    def resize(self, rows: int, columns: int) -> None:
        """Lines that have no room go up; what is too wide stays as it is."""
        if (rows, columns) == (self.rows, self.columns):
            return
        self.rows, self.columns = rows, columns
        row, column, style, origin = self._saved[False]
        if self.alternate:
            self.row -= len(self._fit(self.lines, self.row))
            gone = self._fit(self._main, row)
        else:
            gone = self._fit(self.lines, self.row)
            self.row -= len(gone)
        self._saved[False] = (max(0, row - len(gone)), column, style, origin)
        self.past.extend(gone)
        self.row, self.column = min(max(self.row, 0), rows - 1), min(self.column, columns)
        self.top, self.bottom = 0, rows - 1

    def _fit(self, lines: list[Cells], row: int) -> list[Cells]:
        """Bring them to as many as there are rows; returns those that are gone at the top."""
        while len(lines) > max(self.rows, row + 1) and not spans(lines[-1]):
            lines.pop()
        gone = lines[: max(0, len(lines) - self.rows)]
        del lines[: len(gone)]
        lines += [[] for _ in range(self.rows - len(lines))]
        return gone
