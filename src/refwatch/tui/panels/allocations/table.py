"""Table of the Allocations panel: order, filter and cells.

All groups are sorted; errors and cells are worked out only for visible rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from refwatch.readings.allocations.estimates import NOTHING, Estimate, Tally
from refwatch.readings.allocations.state import GONE, By, Key
from refwatch.text.formats import fmt_bytes, fmt_count, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.allocations.view import AllocationsView, Between, Shown
from refwatch.tui.source import Source
from refwatch.tui.views.chart import bar
from refwatch.tui.views.places import Origin, fmt_place, origin_of, shortened
from refwatch.tui.views.pointed import Pointed, at
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    fmt_signed,
)
from refwatch.tui.views.table import Column, Order, Row

FIRST = Order("size", reverse=True)
TITLES = {By.LINE: "Line", By.FILE: "File", By.TRACEBACK: "Traceback"}
HIDINGS: tuple[frozenset[Origin], ...] = (
    frozenset(),
    frozenset({"stdlib"}),
    frozenset({"stdlib", "site"}),
)
"""Origins that the key hides, in turn."""
SHARE_BAR = 6
LEAST_GROWTH = 0.02
"""Share of the total; smaller growth does not stand out."""
LEAST_KEPT = 0.2
"""Share of a group's own allocation that must stay to stand out."""
SOURCE_FROM = 112
"""Width from which there is room for source text."""


@dataclass(frozen=True)
class TableOptions:
    """Table options: grouping, hidden files, the marks compared, filter."""

    by: By = By.LINE
    hidden: frozenset[Origin] = frozenset()
    since: int = 0
    until: int | None = None
    filter: str = ""


def columns_for(shown: Shown, by: By, width: int) -> tuple[Column, ...]:
    """Columns at this width."""
    name = Column("name", TITLES[by], 20, 46 if by is By.LINE else 90)
    share = Column("share", "Share", SHARE_BAR + 5, sorts=False)
    source = Column("source", "Source", 16, 60, priority=9, sorts=False)
    columns: tuple[Column, ...]
    if shown == "exact":
        columns = (
            name,
            share,
            Column("size", "Size", 9, right=True),
            Column("count", "Blocks", 8, right=True, priority=1),
            Column("growth", "Growth", 10, right=True),
            Column("grown", "+Blocks", 8, right=True, priority=3),
            Column("rate", "Per s", 10, right=True, priority=2),
        )
    else:
        columns = (
            name,
            share,
            Column("size", "Bytes/s", 14, right=True),
            Column("count", "Blocks/s", 12, right=True, priority=2),
            Column("kept", "Outlive", 7, right=True, priority=3),
            Column("stays", "Stays/s", 9, right=True, priority=1),
            Column("total", "In all", 9, right=True, priority=4),
        )
    return (*columns, source) if by is By.LINE and width >= SOURCE_FROM else columns


@dataclass(frozen=True)
class Arranged:
    """``keys`` in order. Of all ``groups``, ``hidden`` are hidden, with ``hidden_size`` bytes (or
    bytes per second); ``total`` is of all."""

    keys: tuple[Key, ...]
    groups: int
    hidden: int
    hidden_size: float
    total: float
    greatest: float


def arrange(figures: Between, options: TableOptions, order: Order) -> Arranged:
    """Filter and sort the groups; ties by size."""
    view, by = figures.view, options.by
    wanted = options.filter.casefold()
    groups = list(figures.weights(by))
    seen = [each for each in groups if not is_hidden(view, by, each[0], options.hidden)]
    hidden_size = sum(size for _, size in groups) - sum(size for _, size in seen)
    hidden = len(groups) - len(seen)
    greatest = max((size for _, size in seen), default=0.0)
    if wanted:
        seen = [each for each in seen if wanted in searched(view, by, each[0]).casefold()]
    seen.sort(key=lambda each: each[1], reverse=True)
    ranked = [key for key, _ in seen]
    value = _sort_key(figures, by, order.sort)
    if value is not None:
        ranked.sort(key=value, reverse=order.reverse)
    elif not order.reverse:
        ranked.reverse()
    return Arranged(tuple(ranked), len(groups), hidden, hidden_size, figures.total, greatest)


def is_hidden(view: AllocationsView, by: By, key: Key, hidden: frozenset[Origin]) -> bool:
    """Whether the file is hidden, or all files of a traceback."""
    if not hidden:
        return False
    if by is By.TRACEBACK:
        sites = view.stack(key if isinstance(key, int) else -1)
        return all(origin_of(view.site(site).file) in hidden for site in sites)
    return origin_of(view.file_of(by, key)) in hidden


def searched(view: AllocationsView, by: By, key: Key) -> str:
    """The text that the filter looks at."""
    if isinstance(key, str):
        return key
    sites = view.stack(key) if by is By.TRACEBACK else (key,)
    return "\n".join(f"{site.file}:{site.line} {site.function}" for site in map(view.site, sites))


Value = Callable[[Key], float | tuple[str, int]]
"""Sort key of a group."""


def _sort_key(figures: Between, by: By, sort: str) -> Value | None:
    """None sorts by size, the initial order."""
    if sort == "name":
        return lambda key: _name_key(figures.view, by, key)
    sort_key = _exact_key if figures.view.shown == "exact" else _burst_key
    return sort_key(figures, by, sort)


def _exact_key(figures: Between, by: By, sort: str) -> Value | None:
    now, then = figures.until.traces.groups[by], figures.before.groups[by]
    if sort == "count":
        return lambda key: now[key].count
    if sort in {"growth", "rate"}:
        return lambda key: now[key].size - then.get(key, GONE).size
    if sort == "grown":
        return lambda key: now[key].count - then.get(key, GONE).count
    return None


def _burst_key(figures: Between, by: By, sort: str) -> Value | None:
    now, then = figures.until.tallies[by], figures.since.tallies[by]
    if sort == "count":
        return lambda key: now[key].blocks - then.get(key, NOTHING).blocks
    if sort == "stays":
        return lambda key: now[key].kept_size - then.get(key, NOTHING).kept_size
    if sort == "kept":
        return lambda key: _kept(now[key], then.get(key, NOTHING))
    return None


def _name_key(view: AllocationsView, by: By, key: Key) -> tuple[str, int]:
    if isinstance(key, str):
        return key.casefold(), 0
    site = view.site(view.stack(key)[0] if by is By.TRACEBACK else key)
    return site.file.casefold(), site.line


def _kept(now: Tally, then: Tally) -> float:
    size = now.size - then.size
    return (now.kept_size - then.kept_size) / size if size > 0 else 0.0


# -- cells -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drawn:
    """What rows are drawn from. ``name_cells``: width of the first column."""

    figures: Between
    options: TableOptions
    arranged: Arranged
    name_cells: int
    source: Source


def make_row(number: int, key: Key, drawn: Drawn) -> Row:
    """Cells of one group, for all columns. ``number`` is its key in the table."""
    figures, options, arranged = drawn.figures, drawn.options, drawn.arranged
    view, by = figures.view, options.by
    numbers: tuple[Line, ...]
    if view.shown == "exact":
        exact = figures.exact(by, key)
        size = float(exact.now.size)
        much = exact.grown.size >= LEAST_GROWTH * max(arranged.total, 1.0)
        numbers = (
            fmt_size(exact.now.size),
            ((fmt_count(exact.now.count), "foreground"),),
            fmt_grown(exact.grown.size, fmt_bytes, much=much),
            fmt_grown(exact.grown.count, fmt_count, much=much),
            fmt_grown(exact.rate, fmt_bytes, much=much),
        )
    else:
        burst = figures.burst(by, key)
        size = burst.size.rate
        numbers = (
            fmt_estimate(burst.size, fmt_bytes, "strong"),
            fmt_estimate(burst.blocks, fmt_blocks, "foreground"),
            ((fmt_percent(burst.kept), "foreground" if burst.kept >= 0.5 else "muted"),),
            fmt_stays(burst.kept, size, arranged),
            ((fmt_bytes(burst.total), "muted"),),
        )
    share = fmt_share(size, arranged)
    name = shortened(fmt_name(view, by, key, options.hidden), drawn.name_cells)
    # The empty piece before it: what follows one is cut at its end.
    text: Line = (("", ""), (_text(view, key, drawn.source), "muted")) if by is By.LINE else ()
    return Row(number, (name, share, *numbers, text))


def _text(view: AllocationsView, key: Key, source: Source) -> str:
    site = view.site(key if isinstance(key, int) else -1)
    return printable(source(absolute(view, site.file), site.line))


def absolute(view: AllocationsView, file: str) -> str:
    """Path under which the file can be read, if it can."""
    relative = view.cwd and not file.startswith(("/", "<"))
    return f"{view.cwd.rstrip('/')}/{file}" if relative else file


def point_at(view: AllocationsView, number: int) -> Pointed | None:
    """The place of a site."""
    site = view.site(number)
    return at(site.file, site.line, view.cwd)


def point_at_group(view: AllocationsView, by: By, key: Key) -> Pointed | None:
    """A line, a file, or where the blocks of a traceback were allocated."""
    if isinstance(key, str):
        return at(key, 0, view.cwd)
    return point_at(view, view.stack(key)[0] if by is By.TRACEBACK else key)


def fmt_share(size: float, arranged: Arranged) -> Line:
    """A bar relative to the largest visible group, and the share of the total."""
    part = size / arranged.greatest if arranged.greatest > 0 else 0.0
    share = size / arranged.total if arranged.total > 0 else 0.0
    style = "warning" if share >= 0.25 else "primary" if share >= 0.05 else "trend"
    return ((bar(part, SHARE_BAR), style), (fmt_percent(share).rjust(5), "foreground"))


def fmt_size(size: float) -> Line:
    """Bytes, the number that matters most."""
    return ((fmt_bytes(size), "strong"),)


def fmt_grown(value: float, fmt: Callable[[float], str], *, much: bool) -> Line:
    """Signed change; highlighted if ``much``."""
    if abs(value) < 0.5:
        return (("0", "muted"),)
    style = "warning" if much and value > 0 else "muted"
    return ((fmt_signed(value, fmt), style),)


def fmt_stays(share: float, rate: float, arranged: Arranged) -> Line:
    """Bytes per second that outlive their window. Highlighted if there is much of it and it is not
    just one block that is always alive."""
    size = share * rate
    much = size >= LEAST_GROWTH * arranged.total and share >= LEAST_KEPT
    return ((fmt_bytes(size) if size else "0", "warning" if size and much else "muted"),)


def fmt_error(value: Estimate) -> str:
    """``±2 %``, the relative standard error, in five cells; ``±100%`` says that little is known."""
    if value.rate <= 0:
        return ""
    share = value.error / value.rate
    if share < 0.005:
        return "±<1 %"
    if share < 0.995:
        return f"±{share * 100:.0f} %"
    return f"±{share * 100:.0f}%" if share < 9.995 else "±>10x"


def fmt_estimate(value: Estimate, fmt: Callable[[float], str], style: str) -> Line:
    """The rate and its error; an uncertain rate has fewer digits."""
    if value.rate <= 0:
        return (("0", "muted"),)
    share = value.error / value.rate
    error = "warning" if share >= 0.3 else "muted"
    return ((fmt(rounded(value.rate, share)), style), (f" {fmt_error(value).rjust(5)}", error))


def fmt_blocks(value: float) -> str:
    """Blocks, or blocks per second; small numbers with two digits."""
    return f"{value:.2g}" if value < 9.5 else fmt_count(value)


def rounded(value: float, share: float) -> float:
    """Two digits if the error exceeds 5 % of the value, one if it exceeds 50 %."""
    if share < 0.05 or value <= 0:
        return value
    return float(f"{value:.{0 if share >= 0.5 else 1}e}")


def fmt_site(view: AllocationsView, number: int, *, function: bool = True) -> Line:
    """``app/load.py:21 parse``; the folder matters least."""
    site = view.site(number)
    return fmt_place(site.file, site.line, site.function if function else "", view.cwd)


def fmt_name(view: AllocationsView, by: By, key: Key, hidden: frozenset[Origin]) -> Line:
    """Name of a group."""
    if isinstance(key, str):
        return fmt_place(key, 0, "", view.cwd)
    if by is not By.TRACEBACK:
        return fmt_site(view, key)
    styled: list[StyledText] = []
    for site in visible(view, view.stack(key), hidden):
        styled += [(" ← ", "muted")] if styled else []
        styled += [span for span in fmt_site(view, site, function=False) if span[1] != "muted"]
    return tuple(styled)


def visible(
    view: AllocationsView, sites: Sequence[int], hidden: frozenset[Origin]
) -> Iterator[int]:
    """Sites whose files are not hidden."""
    for site in sites:
        if origin_of(view.site(site).file) not in hidden:
            yield site
