"""Columns and rows of a table, and which columns fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import overload

from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    cut,
    cut_dotted,
    cut_middle,
    fit,
    pad,
    width_of,
)

GAP = 1
LEAST_PIECE = 5
"""Least cells of a cell's last piece; shorter ones are left out."""


@dataclass(frozen=True)
class Column:
    """``priority`` 0 is always shown; the highest gives way first."""

    key: str
    title: str
    width: int
    """Least cells."""
    most: int = 0
    """Most cells, if it may grow."""
    right: bool = False
    priority: int = 0
    dotted: bool = False
    """Holds dotted names, whose end says most."""
    sorts: bool = True
    """Rows can be sorted by it."""


@dataclass(frozen=True)
class Row:
    """``cells``: one line for each column."""

    key: int
    cells: tuple[Line, ...]
    dim: bool = False
    opens: bool = False
    """A click opens it."""


class Rows(Sequence[Row]):
    """Rows made only when looked at: of thousands, some forty are visible."""

    def __init__(self, keys: Sequence[int], make: Callable[[int], Row]) -> None:
        self.keys = keys
        self._make = make

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Rows:
        """Rows made already."""
        if isinstance(rows, Rows):
            return rows
        made = {row.key: row for row in rows}
        return cls(tuple(made), made.__getitem__)

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._make(key) for key in self.keys[index]]
        return self._make(self.keys[index])

    def index_of(self, key: int | None) -> int | None:
        """Index of the row with this key."""
        try:
            return self.keys.index(key)
        except ValueError:
            return None


@dataclass(frozen=True)
class Order:
    """Sort column, filter, and whether ended rows are hidden. ``seen`` is the order in which things
    were found."""

    sort: str = "seen"
    reverse: bool = False
    filter: str = ""
    hide_ended: bool = False


@dataclass(frozen=True)
class Placed:
    """A visible column: its index and its place on the line."""

    column: Column
    index: int
    x: int
    width: int


def place(columns: tuple[Column, ...], width: int, tail: int = 0) -> tuple[Placed, ...]:
    """Choose and place columns on ``width`` cells, ``tail`` of them free at the end."""
    chosen = list(enumerate(columns))

    def needed() -> int:
        return sum(column.width + GAP for _, column in chosen) - (0 if tail else GAP)

    while len(chosen) > 1 and needed() + tail > width:
        worst = max(chosen, key=lambda item: (item[1].priority, item[0]))
        if worst[1].priority == 0:
            break
        chosen.remove(worst)
    spare = max(0, width - tail - needed())
    placed: list[Placed] = []
    x = 0
    growing = sum(1 for _, column in chosen if column.most > column.width)
    for index, column in chosen:
        size = column.width
        if column.most > size:
            more = min(column.most - size, spare // growing if growing else 0)
            growing -= 1
            spare -= more
            size += more
        placed.append(Placed(column, index, x, size))
        x += size + GAP
    return tuple(placed)


def sortable(columns: Iterable[Column]) -> tuple[str, ...]:
    """Keys of the columns that rows can be sorted by."""
    return tuple(column.key for column in columns if column.sorts)


def descends_first(columns: Iterable[Column], key: str) -> bool:
    """Whether a column is best read with its greatest value first, as numbers are."""
    return any(column.right for column in columns if column.key == key)


def end_of(placed: tuple[Placed, ...]) -> int:
    """First cell after the columns."""
    return placed[-1].x + placed[-1].width + GAP if placed else 0


def column_at(placed: tuple[Placed, ...], x: int) -> Column | None:
    """The column at cell ``x``."""
    return next((p.column for p in placed if p.x <= x < p.x + p.width + GAP), None)


def heading(placed: tuple[Placed, ...], sort: str, reverse: bool) -> Line:
    """The titles, with an arrow at the sort column."""
    styled: list[StyledText] = []
    for place_ in placed:
        column = place_.column
        chosen = column.key == sort
        arrow = ("▼" if reverse else "▲") if chosen else ""
        style = "title" if chosen else "muted"
        if column.right and width_of(((column.title, ""),)) < place_.width:
            styled.append((pad(arrow + column.title, place_.width, right=True), style))
        else:
            if column.right and arrow and styled:
                styled[-1] = (pad(arrow, GAP, right=True), style)
                arrow = ""
            styled.append((pad(column.title + arrow, place_.width, column.right), style))
        styled.append((" " * GAP, ""))
    return tuple(styled)


def lay(row: Row, placed: tuple[Placed, ...]) -> Line:
    """The row's cells on one line."""
    styled: list[StyledText] = []
    for place_ in placed:
        styled += _cell(row.cells[place_.index], place_, row.dim)
        styled.append((" " * GAP, ""))
    return tuple(styled)


def _cell(cell: Line, place_: Placed, dim: bool) -> list[StyledText]:
    size = width_of(cell)
    blank = (" " * max(0, place_.width - size), "")
    if size > place_.width:
        *head, (text, style) = cell
        room = place_.width - width_of(head)
        shorten = cut if head else cut_dotted if place_.column.dotted else cut_middle
        legible = room >= (LEAST_PIECE if head else 1)
        kept = (*head, (shorten(text, room), style)) if legible else tuple(head)
        cell = fit(kept, place_.width)
        blank = (" " * (place_.width - width_of(cell)), "")
    styled = [(text, "muted" if dim else style) for text, style in cell]
    return [blank, *styled] if place_.column.right else [*styled, blank]
