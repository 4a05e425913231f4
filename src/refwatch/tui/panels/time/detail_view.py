"""View of one function or line: its source with the seconds of each line, who calls it and what it
calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from refwatch.text.formats import fmt_duration, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.time.hottest import Hottest, hottest_lines
from refwatch.tui.panels.time.table import fit_name
from refwatch.tui.panels.time.view import By, Place, TimeOptions, TimeView, view_time
from refwatch.tui.subject import Subject
from refwatch.tui.views.chart import bar
from refwatch.tui.views.pointed import at, placed
from refwatch.tui.views.styled_text import Line, StyledText, fit, pad, two_ends, width_of

AROUND = 20
"""Source lines before the first and after the last line with time."""
MOST_LINES = 2_000
FIGURE = 9
"""Cells of a number of seconds."""


@dataclass(frozen=True)
class SourceRow:
    """A source line: seconds at it, and with what it calls."""

    number: int
    own: float
    total: float
    text: str


@dataclass(frozen=True)
class PlaceView:
    """``site`` is the place's in ``time``; None where it has no such time."""

    place: Place
    time: TimeView
    site: int | None
    own: float
    total: float
    source: tuple[SourceRow, ...]
    cwd: str
    hottest: Hottest = field(default_factory=dict)


def view_place(
    subject: Subject,
    options: TimeOptions,
    place: Place,
    source_lines: Callable[[str, int, int], tuple[str, ...]],
) -> PlaceView:
    """Read what is known of the place; ``source_lines`` of (file, first, last)."""
    by_line = view_time(subject, replace(options, by=By.LINE))
    time = by_line if options.by is By.LINE else view_time(subject, options)
    site = time.places.index(place) if place in time.places else None
    row = next((row for row in time.rows if row.site == site), None)
    source = _source(by_line, place, source_lines)
    cwd = subject.process.started.cwd if subject.process is not None else ""
    own, total = (row.own, row.total) if row else (0.0, 0.0)
    return PlaceView(place, time, site, own, total, source, cwd, hottest_lines(by_line))


def _source(
    time: TimeView, place: Place, source_lines: Callable[[str, int, int], tuple[str, ...]]
) -> tuple[SourceRow, ...]:
    known: dict[int, tuple[float, float]] = {}
    for row in time.rows:
        at = time.places[row.site]
        if (at.file, at.function) == (place.file, place.function):
            known[at.line] = row.own, row.total
    if not known:
        return ()
    first = max(1, min(known) - AROUND)
    last = min(max(known) + AROUND, first + MOST_LINES)
    texts = source_lines(place.file, first, last)
    numbers = range(first, first + len(texts)) if texts else sorted(known)
    read = dict(zip(range(first, last + 1), texts, strict=False))
    return tuple(
        SourceRow(number, *known.get(number, (0.0, 0.0)), read.get(number, ""))
        for number in numbers
    )


def draw_title(view: PlaceView, width: int) -> Line:
    """The place, and its seconds."""
    time = view.time
    share = fmt_percent(view.total / time.total if time.total else 0.0)
    right: list[StyledText] = [
        (fmt_duration(view.total), "title"),
        (f" {time.what.words}, {share}; ", "foreground"),
        (fmt_duration(view.own), "title"),
        (" in it itself ", "foreground"),
    ]
    back: Line = ((" esc ← ", "muted"),)
    room = width - width_of(right) - width_of(back) - 2
    return two_ends((*back, *fit_name(view.place, view.cwd, room)), tuple(right), width)


def draw_source(view: PlaceView, width: int) -> tuple[Line, ...]:
    """The source with the seconds at each line itself, and with what it calls."""
    rows = view.source
    if not rows:
        return ((("no such time here", "muted"),),)
    if view.place.file == view.place.function:
        return ((("it has no source: what it belongs to is what calls it", "muted"),),)
    lines: list[Line] = [((f"{'Self':>{FIGURE}} {'Total':>{FIGURE}}", "muted"),)]
    if not any(row.text for row in rows):
        lines.append((("the file cannot be read here; its lines:", "muted"),))
    greatest = max(row.total for row in rows)
    digits = len(str(rows[-1].number))
    for row in rows:
        part = row.total / greatest if greatest else 0.0
        own = fmt_duration(row.own) if row.own else ""
        total = fmt_duration(row.total) if row.total else ""
        hot = part >= 0.25
        here = row.number == view.place.line
        styled: list[StyledText] = [
            (pad(own, FIGURE, right=True), "strong" if hot else "foreground"),
            (pad(total, FIGURE + 1, right=True), "foreground"),
            (f" {bar(part, 6)}", "warning" if hot else "primary"),
            (pad(str(row.number), digits + 1, right=True), "key" if here else "muted"),
            (" ", ""),
            (printable(row.text), "strong" if hot else "foreground" if row.total else "muted"),
        ]
        pointed = at(view.place.file, row.number, view.cwd)
        lines.append(placed(fit(tuple(styled), width), pointed))
    return tuple(lines)
