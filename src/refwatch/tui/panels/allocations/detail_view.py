"""View of one line, file or traceback: its figures, source and callers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from refwatch.readings.allocations.state import By, Key
from refwatch.text.formats import fmt_bytes, fmt_count, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.allocations.stacks import callers_of
from refwatch.tui.panels.allocations.table import (
    TableOptions,
    absolute,
    fmt_blocks,
    fmt_error,
    fmt_name,
    fmt_site,
    point_at,
    rounded,
)
from refwatch.tui.panels.allocations.view import Between
from refwatch.tui.views.chart import bar
from refwatch.tui.views.places import short_path, shortened
from refwatch.tui.views.pointed import Pointed, at, placed
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    fit,
    fmt_signed,
    pad,
    two_ends,
    width_of,
)
from refwatch.tui.views.tree import OPEN, OPENS, Path, TreeRow, guides, shorten_guide
from refwatch.tui.views.weighted_tree import REST, Node, heaviest

Range = Callable[[str, int, int], Sequence[str]]
"""(file, first line, last line) -> their texts"""
AROUND = 60
"""Lines of source before and after the chosen one."""
MOST_ROWS = 500
BAR_FROM = 64
"""Width from which the tree has bars."""


@dataclass(frozen=True)
class CallerView:
    """Row of the caller tree. ``weight`` in bytes or bytes per second; ``share`` of the total."""

    path: Path
    guide: str
    name: Line
    weight: float
    share: float
    opens: bool
    open: bool
    pointed: Pointed | None = None


@dataclass(frozen=True)
class SourceLine:
    """``weight``: what the line itself allocates."""

    number: int
    text: str
    weight: float


@dataclass(frozen=True)
class SourceView:
    """The source around a line; no lines where the file cannot be read."""

    file: str
    line: int
    lines: tuple[SourceLine, ...]
    greatest: float
    path: str = ""
    """Under which it can be read."""


@dataclass(frozen=True)
class AllocationView:
    """``unit`` follows byte figures. ``alone`` says why there are no callers to see."""

    name: Line
    facts: tuple[Line, ...]
    callers: tuple[CallerView, ...]
    source: SourceView
    unit: str
    alone: str


def view_allocation(
    figures: Between,
    options: TableOptions,
    key: Key,
    opened: frozenset[Path] | None,
    chosen: Path,
    source: Range,
) -> AllocationView:
    """Read one group. ``opened`` None opens the heaviest path; ``chosen`` is the row whose source
    is shown."""
    top = callers_of(figures, options, key)
    shown = opened if opened is not None else frozenset(heaviest(top))
    callers = tuple(islice(_callers(figures, top, top, (), "", shown), MOST_ROWS))
    if not chosen and callers:
        chosen = callers[0].path
    site = chosen[-1] if chosen and chosen[-1] >= 0 else _first(figures, options, key)
    deep = any(len(row.path) > 1 or row.opens for row in callers)
    alone = "" if deep else _alone(figures, options)
    unit = "" if figures.view.shown == "exact" else "/s"
    return AllocationView(
        fmt_name(figures.view, options.by, key, options.hidden),
        _facts(figures, options.by, key),
        callers,
        _source(figures, site, source),
        unit,
        alone,
    )


def _alone(figures: Between, options: TableOptions) -> str:
    if figures.view.shown == "exact" and figures.view.frames <= 1:
        return NOT_DEEP
    return "its callers are hidden; x shows them" if options.hidden else "it has no callers"


def _first(figures: Between, options: TableOptions, key: Key) -> int:
    """One site of the group."""
    if isinstance(key, int):
        return figures.view.stack(key)[0] if options.by is By.TRACEBACK else key
    lines = [
        (weight, site)
        for site, weight in figures.weights(By.LINE)
        if isinstance(site, int) and figures.view.site(site).file == key
    ]
    return max(lines)[1] if lines else -1


def _callers(
    figures: Between, top: Node, node: Node, path: Path, guide: str, opened: frozenset[Path]
) -> Iterator[CallerView]:
    """The rows below a node."""
    ranked = node.ranked()
    for index, child in enumerate(ranked):
        own = (*path, child.site)
        last = index == len(ranked) - 1
        before, below = guides(guide, last=last) if path else ("", "")
        is_open = own in opened and bool(child.below)
        name: Line = (
            (("more tracebacks, each too small to be listed", "muted"),)
            if child.site == REST
            else fmt_site(figures.view, child.site)
        )
        share = child.weight / top.weight if top.weight > 0 else 0.0
        yield CallerView(
            own, before, name, child.weight, share, bool(child.below), is_open,
            point_at(figures.view, child.site),
        )  # fmt: skip
        if is_open:
            yield from _callers(figures, top, child, own, below, opened)


def _facts(figures: Between, by: By, key: Key) -> tuple[Line, ...]:
    """The group's figures, most important first."""
    since = figures.since.name
    if figures.view.shown == "exact":
        exact = figures.exact(by, key)
        now, grown = exact.now, exact.grown
        each = f", {fmt_bytes(now.size / now.count)} each" if now.count else ""
        facts: list[Line] = [
            (
                (fmt_bytes(now.size), "strong"),
                (f" in {fmt_count(now.count)} blocks{each}", "foreground"),
            )
        ]
        if grown.size or grown.count:
            more = fmt_signed(grown.count, fmt_count)
            text = f"{fmt_signed(grown.size, fmt_bytes)} and {more} blocks"
            more = f" since {since}, {fmt_signed(exact.rate, fmt_bytes)}/s"
            style = "warn" if grown.size > 0 else "foreground"
            facts.append(((text, style), (more, "foreground")))
        else:
            facts.append(((f"unchanged since {since}", "muted"),))
        return tuple(facts)
    burst = figures.burst(by, key)
    size, blocks = burst.size, burst.blocks
    each = fmt_bytes(size.rate / blocks.rate) if blocks.rate > 0 else "-"
    kept = burst.kept * size.rate
    return (
        (
            (f"{fmt_bytes(_rounded(size.rate, size.error))}/s", "strong"),
            (f" {fmt_error(size)} in ", "foreground"),
            (f"{fmt_blocks(_rounded(blocks.rate, blocks.error))} blocks/s", "foreground"),
            (f" {fmt_error(blocks)}, {each} each", "foreground"),
        ),
        (
            (fmt_percent(burst.kept), "warn" if burst.kept >= 0.5 else "strong"),
            (f" outlives its window: {fmt_bytes(kept)}/s stays", "foreground"),
        ),
        ((f"about {fmt_bytes(burst.total)} since {since}", "muted"),),
    )


def _rounded(value: float, error: float) -> float:
    return rounded(value, error / value if value > 0 else 0.0)


def _source(figures: Between, number: int, source: Range) -> SourceView:
    """The source around a site, with what each line allocates."""
    view = figures.view
    site = view.site(number)
    weights: dict[int, float] = {}
    for key, weight in figures.weights(By.LINE):
        other = view.site(key if isinstance(key, int) else -1)
        if other.file == site.file:
            weights[other.line] = weights.get(other.line, 0.0) + weight
    first = max(1, site.line - AROUND)
    texts = source(absolute(view, site.file), first, site.line + AROUND)
    lines = tuple(
        SourceLine(line, printable(text), weights.get(line, 0.0))
        for line, text in enumerate(texts, first)
    )
    return SourceView(
        printable(short_path(site.file, view.cwd)),
        site.line,
        lines or tuple(_unread(weights)),
        max(weights.values(), default=0.0),
        absolute(view, site.file),
    )


def _unread(weights: Mapping[int, float]) -> Iterator[SourceLine]:
    """Lines of an unreadable file: only their numbers are known."""
    for line, weight in sorted(weights.items()):
        yield SourceLine(line, "", weight)


# -- lines -----------------------------------------------------------------------------------------


def draw_allocation_title(view: AllocationView, width: int) -> Line:
    """The group's name, and its size at the right."""
    size = view.facts[0][:1]
    back: Line = ((" esc ← ", "muted"),)
    room = width - width_of(back) - width_of(size) - 3
    return two_ends((*back, *shortened(view.name, room)), (*size, (" ", "")), width)


def draw_allocation_facts(view: AllocationView, width: int) -> tuple[Line, ...]:
    """The figures on as few lines as they need."""
    lines: list[Line] = []
    for fact in view.facts:
        if lines and width_of(lines[-1]) + width_of(fact) + 2 <= width:
            lines[-1] = (*lines[-1], ("; ", "muted"), *fact)
        else:
            lines.append(fact)
    return tuple(fit(line, width) for line in lines)


def draw_source(source: SourceView, unit: str, width: int) -> tuple[Line, ...]:
    """The source with what each line allocates in the left margin."""
    if not source.lines:
        return ((("nothing is known about this file", "muted"),),)
    digits = len(str(source.lines[-1].number))
    margin = 10 + len(unit)
    lines: list[Line] = []
    if not any(line.text for line in source.lines):
        lines.append((("the file cannot be read here; its lines allocate:", "muted"),))
    for line in source.lines:
        here = line.number == source.line
        figure = f"{fmt_bytes(line.weight)}{unit}" if line.weight else ""
        part = line.weight / source.greatest if source.greatest else 0.0
        style = "warning" if part >= 0.25 else "primary"
        styled: list[StyledText] = [
            ("▶" if here else " ", "accent"),
            (pad(figure, margin, right=True), "strong" if part >= 0.25 else "foreground"),
            (f" {bar(part, 4)}", style),
            (pad(str(line.number), digits + 1, right=True), "key" if here else "muted"),
            (" ", ""),
            (line.text, "strong" if here else "foreground" if line.weight else "muted"),
        ]
        lines.append(placed(fit(tuple(styled), width), at(source.path, line.number)))
    return tuple(lines)


def draw_source_around(view: AllocationView, width: int, height: int) -> tuple[Line, ...]:
    """``height`` lines around the chosen one."""
    lines = draw_source(view.source, view.unit, width)
    top = max(0, min(place_of_line(view.source) - height // 2, len(lines) - height))
    return lines[top : top + height]


def draw_callers_shortly(view: AllocationView, width: int, height: int) -> tuple[Line, ...]:
    """The first rows of the tree."""
    rows = draw_callers(view, width)
    lines = tuple(row.line for row in rows[:height])
    if view.alone and len(lines) < height:
        return (*lines, (), ((view.alone, "muted"),))[:height]
    return lines


NOT_DEEP = "one frame deep; f traces deeper"


def place_of_line(source: SourceView) -> int:
    """Index of the chosen line among those drawn."""
    return next((i for i, line in enumerate(source.lines) if line.number == source.line), 0)


def draw_callers(view: AllocationView, width: int) -> tuple[TreeRow, ...]:
    """The tree's rows, each of at most ``width`` cells."""
    return tuple(_caller(row, view.unit, width) for row in view.callers)


def _caller(row: CallerView, unit: str, width: int) -> TreeRow:
    guide = shorten_guide(row.guide, width // 3)
    glyph = OPEN if row.open else OPENS if row.opens else "·"
    bar_cells = 6 if width >= BAR_FROM else 0
    right: Line = (
        (bar(row.share, bar_cells), "warning" if row.share >= 0.5 else "primary"),
        (f" {fmt_percent(row.share)}".rjust(6), "foreground"),
        (f"{fmt_bytes(row.weight)}{unit}".rjust(11 + len(unit)), "strong"),
    )
    head: Line = ((guide, "muted"), (f"{glyph} ", "muted"))
    room = width - width_of(right) - width_of(head) - 1
    line = two_ends((*head, *shortened(row.name, room)), right, width)
    return TreeRow(row.path, placed(line, row.pointed), opens=row.opens, open=row.open)
