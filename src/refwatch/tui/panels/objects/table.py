"""Table of the Objects panel: order, filter, cells and sparklines.

All rows are sorted; cells and sparklines are made only for visible rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from refwatch.text.formats import fmt_bytes, fmt_number, fmt_per_second, fmt_seconds, fmt_signed
from refwatch.text.sanitize import printable
from refwatch.tui.panels.objects.view import ObjectRow, ObjectsView, per_second
from refwatch.tui.views.chart import draw_time_scale, heights
from refwatch.tui.views.styled_text import Line, StyledText, cut_middle, width_of
from refwatch.tui.views.table import Column, Order, Row

_AGED = 130
"""Width from which each row says how old its census is."""
FIRST = Order("growth", reverse=True)
SPANS_S = (
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
    7200.0, 14400.0, 28800.0, 86400.0,
)  # fmt: skip
"""Time spans of the sparklines, seconds."""
USUAL_SPAN = SPANS_S.index(300.0)
SUSPECT = "▲ "
_LEAST_SHARE = 0.05
"""Share of the largest count that fills a sparkline's height at least."""


def columns_for(width: int) -> tuple[Column, ...]:
    """Columns at this width."""
    return (
        Column("name", "Class or type", 20, 60),
        Column("instances", "Count", 9, right=True),
        Column("rate", "Per s", 7, right=True, priority=1),
        Column("growth", "Growth", 8, right=True),
        Column("size", "Size", 8, right=True, priority=2),
        Column("how", "Counted", 13 if width >= _AGED else 8, priority=3),
    )


def arrange(view: ObjectsView, order: Order, baseline: int) -> list[ObjectRow]:
    """Filter and sort; ties by number of instances."""
    rows: Sequence[ObjectRow] = view.rows
    if order.hide_ended:
        rows = [row for row in rows if row.instances]
    if order.filter:
        wanted = order.filter.casefold()
        rows = [row for row in rows if wanted in f"{row.module}.{row.name}".casefold()]
    ranked = sorted(rows, key=lambda row: row.instances, reverse=True)
    key = _sort_key(order.sort, view, baseline)
    if key is not None:
        ranked.sort(key=key, reverse=order.reverse)
    elif not order.reverse:
        ranked.reverse()
    return ranked


def _sort_key(
    sort: str, view: ObjectsView, baseline: int
) -> Callable[[ObjectRow], float | tuple[str, str]] | None:
    """None sorts by number of instances, the initial order."""
    if sort == "growth":
        counts = view.at(baseline)
        return lambda row: row.instances - counts.of(row)
    if sort == "rate":
        return lambda row: per_second(row, view)
    if sort == "size":
        return lambda row: -1 if row.size is None else row.size
    if sort == "how":
        return lambda row: not row.live
    if sort == "name":
        return lambda row: (row.module.casefold(), row.name.casefold())
    return None


def fmt_empty(view: ObjectsView, order: Order) -> str:
    """Why there are no rows."""
    if view.rows:
        return f"No name contains “{order.filter}”." if order.filter else "No instances."
    if view.over:
        return "Nothing was counted."
    if view.census.failure is not None:
        return "Nothing is counted without a census (heap count)."
    return "Nothing has been counted yet."


def make_row(
    row: ObjectRow,
    view: ObjectsView,
    baseline: int,
    suspects: Collection[int],
    widths: Mapping[str, int],
) -> Row:
    """Cells of one row. ``widths``: of the visible columns."""
    more = per_second(row, view)
    grows = fmt_signed(more, fmt_per_second) if abs(more) >= 0.05 else ""
    growth = view.grown(row, baseline)
    suspect = row.key in suspects
    mark: StyledText = (SUSPECT, "warn") if suspect else ("  ", "")
    growing = "warn" if suspect else "foreground"
    return Row(
        row.key,
        (
            (mark, *fmt_name(row.module, row.name, widths["name"] - 2, _name_style(row))),
            ((fmt_number(row.instances), "foreground"),),
            ((grows, _growing(more, growing)),),
            ((fmt_signed(growth, _short) if growth else "", _growing(growth, growing)),),
            ((fmt_bytes(row.size) if row.size is not None else "", "muted"),),
            fmt_how(row, view, aged=widths.get("how", 0) > 12),
        ),
        dim=not row.instances,
    )


def _name_style(row: ObjectRow) -> str:
    """The program's own classes stand out."""
    return "strong" if row.live else "foreground"


def _short(value: float) -> str:
    return fmt_number(value, 7)


def _growing(value: float, style: str) -> str:
    return style if value > 0 else "muted"


def fmt_name(module: str, name: str, width: int, style: str = "strong") -> Line:
    """``module.name`` in ``width`` cells; the module is shortened first. Built-in types have no
    module."""
    name = printable(name)
    if module == "builtins" or not module:
        return ((cut_middle(name, width), style),)
    module = printable(module) + "."
    room = width - width_of(((name, ""),))
    if room < 3:
        return ((cut_middle(f"…{name}" if room > 0 else name, width), style),)
    return ((cut_middle(module, room), "muted"), (name, style))


def fmt_how(row: ObjectRow, view: ObjectsView, *, aged: bool) -> Line:
    """``live``, or ``census`` and its age."""
    if row.live:
        return (("live", "success"),)
    age = f" {fmt_seconds(view.end_s - view.census.taken_s)}" if aged else ""
    return ((f"census{age}", "muted"),)


@dataclass(frozen=True)
class Scale:
    """``cells`` cells of ``cell_s`` seconds, up to number ``last``, counted from the start of the
    session; blank before ``since_s``."""

    cell_s: float
    last: int
    cells: int
    since_s: float = 0.0


def span_for(end_s: float, most: int) -> int:
    """Index of the shortest span that covers the session, at most ``most``."""
    return min(most, next((i for i, each in enumerate(SPANS_S) if each >= end_s), len(SPANS_S) - 1))


def scale_for(end_s: float, most: int, cells: int, since_s: float = 0.0) -> Scale:
    """Scale back to the mark at ``since_s``, at most over span ``most``. Cells are aligned to the
    clock, so lines move by whole cells."""
    cell_s = SPANS_S[span_for(end_s - since_s, most)] / max(1, cells)
    return Scale(cell_s, int(end_s / cell_s), cells, since_s)


def draw_scale(scale: Scale, width: int) -> Line:
    """Heading of the sparklines."""
    return draw_time_scale(f"{fmt_span(scale.cell_s * scale.cells)} ago", "now", width)


def fmt_span(seconds: float) -> str:
    """``90 s``, ``5 min``, ``4 h``"""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size - 0.5:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def spark(row: ObjectRow, scale: Scale, style: str) -> list[StyledText]:
    """Sparkline of the counts at the ends of the cells, between their least and greatest; blank
    before the first and before the mark, grey if nothing changed."""
    first = scale.last - scale.cells + 1
    ends = [cell * scale.cell_s for cell in range(first + 1, scale.last + 1)]
    values = [row.series.at(end) if end >= scale.since_s else None for end in ends]
    values.append(row.instances)
    greatest = max(value for value in values if value is not None)
    changed = len({value for value in values if value is not None}) > 1
    text = heights(values, max(1.0, greatest * _LEAST_SHARE)).replace("█", "▇")  # rows stay apart
    return [(text, style if changed else "fill-sleep")]
