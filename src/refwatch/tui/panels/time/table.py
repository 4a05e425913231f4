"""Table of the Time panel: columns, order, filter and cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from refwatch.text.formats import fmt_duration, fmt_percent, fmt_plural
from refwatch.text.sanitize import printable
from refwatch.tui.panels.time.view import By, Place, TimeRow, TimeView
from refwatch.tui.source import Source
from refwatch.tui.views.chart import bar
from refwatch.tui.views.places import fmt_place, origin_of, short_function, shortened
from refwatch.tui.views.styled_text import Line, StyledText, cut, cut_dotted, width_of
from refwatch.tui.views.table import LEAST_PIECE, Column, Order, Row
from refwatch.tui.views.threads import GLYPHS, WORDS

FIRST = Order("own", reverse=True)
SHARE_BAR = 8
LONG_HOLD_S = 0.05
SOURCE_FROM = 112
"""Width from which there is room for source text."""


def columns_for(by: By, width: int, *, holds: bool = False) -> tuple[Column, ...]:
    """Columns at this width; ``holds``: of time with the GIL."""
    columns = (
        Column("name", by.capitalize(), 27, 60),
        Column("share", "Self %", SHARE_BAR + 5, sorts=False),
        Column("own", "Self", 8, right=True),
        Column("total", "Total", 8, right=True),
        Column("part", "Total %", 7, right=True, priority=3, sorts=False),
        Column("hold", "Longest hold", 12, right=True, priority=2)
        if holds
        else Column("state", "Mostly", 14, priority=2, sorts=False),
    )
    source = Column("source", "Source", 16, 60, priority=9, sorts=False)
    return (*columns, source) if by is By.LINE and width >= SOURCE_FROM else columns


def arrange(view: TimeView, order: Order) -> tuple[TimeRow, ...]:
    """Filter and sort the rows; ties by the total."""
    wanted = order.filter.casefold()
    rows = [row for row in view.rows if wanted in searched(view.places[row.site])]
    rows.sort(key=lambda row: (row.total, row.own), reverse=True)
    key: Callable[[TimeRow], str | float] = {
        "name": lambda row: searched(view.places[row.site]),
        "total": lambda row: row.total,
        "hold": lambda row: row.longest_s or 0.0,
    }.get(order.sort, lambda row: row.own)
    rows.sort(key=key, reverse=order.reverse)
    return tuple(rows)


def searched(place: Place) -> str:
    """The text that the filter looks at, in small letters."""
    return f"{place.function} {place.file}:{place.line}".casefold()


@dataclass(frozen=True)
class Drawn:
    """What rows are drawn from. ``name_cells``: width of the first column."""

    view: TimeView
    cwd: str
    name_cells: int
    source: Source
    greatest: float
    """Most seconds that a row has itself."""


def make_row(row: TimeRow, drawn: Drawn) -> Row:
    """Cells of one place, for all columns."""
    view, all_s = drawn.view, drawn.view.total or 1.0
    place = view.places[row.site]
    share = row.own / all_s
    style = "warning" if share >= 0.25 else "primary" if share >= 0.05 else "trend"
    part = row.own / drawn.greatest if drawn.greatest else 0.0
    text: Line = (("", ""), (printable(drawn.source(place.file, place.line)), "muted"))
    cells: tuple[Line, ...] = (
        fit_name(place, drawn.cwd, drawn.name_cells),
        ((bar(part, SHARE_BAR), style), (fmt_percent(share).rjust(5), "foreground")),
        ((fmt_duration(row.own) if row.own else "", "strong"),),
        ((fmt_duration(row.total), "foreground"),),
        ((fmt_percent(row.total / all_s), "muted"),),
        _longest(row) if view.holds else _mostly(row),
        text if place.line else (),
    )
    return Row(row.site, cells)


def fmt_name(place: Place, cwd: str) -> Line:
    """``app/load.py:21 parse``; of a function its name first: ``parse  app/load.py``."""
    if place.line or place.function == place.file:
        return fmt_place(place.file, place.line, place.function, cwd)
    own = origin_of(place.file) == "own"
    name: StyledText = (short_function(place.function), "strong")
    where = tuple((text, "muted") for text, _ in fmt_place(place.file, 0, "", cwd))
    return (name if own else (name[0], "foreground"), ("  ", ""), *where)


def fit_name(place: Place, cwd: str, width: int) -> Line:
    """The same in so many cells: the folder gives way, then the file, then the first parts of the
    function's name."""
    name = fmt_name(place, cwd)
    if place.line:
        return shortened(name, width)
    if width_of(name) > width:
        name = (*name[:2], name[-1])
    if width_of(name) > width:
        room = width - width_of(name[:2])
        file = ((cut(name[-1][0], room), "muted"),) if room >= LEAST_PIECE else ()
        name = (*name[:2], *file) if file else name[:1]
    if width_of(name) > width:
        ((text, style),) = name
        name = ((cut_dotted(text, width), style),)
    return name


def _longest(row: TimeRow) -> Line:
    """Since the watch began. It stands out where it is many times the usual switch interval."""
    if row.longest_s is None:
        return ()
    return (
        (fmt_duration(row.longest_s), "warn" if row.longest_s >= LONG_HOLD_S else "foreground"),
    )


def _mostly(row: TimeRow) -> Line:
    if not row.states:
        return ()
    most = max(row.states, key=lambda state: row.states[state])
    return ((f"{GLYPHS[most]} ", str(most)), (WORDS[most], "muted"))


def fmt_totals(view: TimeView, shown: Sequence[TimeRow]) -> str:
    """``12 functions``, ``3 of 12 functions``."""
    of = fmt_plural(len(view.rows), str(view.options.by))
    return of if len(shown) == len(view.rows) else f"{len(shown):,} of {of}"
