"""Table of the processes: a tree, sorted among siblings; what has ended can be folded away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from refwatch.text.formats import fmt_bytes, fmt_duration, fmt_percent, fmt_plural, signal_name
from refwatch.tui.panels.processes.view import ProcessesView, ProcessRow
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import Column, Order, Row
from refwatch.tui.views.tree import guides, shorten_guide

FIRST = Order(hide_ended=True)
"""What has ended is folded away at first."""
LONGEST_GUIDE = 10
MARK = "▸"
"""Of the process that the other panels show."""


@dataclass(frozen=True)
class TreeRow:
    """A process where it stands in the tree. ``wanted``: it is in the filter, and not only above
    one that is."""

    process: ProcessRow
    guide: str
    wanted: bool = True


def arrange(view: ProcessesView, order: Order) -> tuple[TreeRow, ...]:
    """The tree, children below their parents and sorted among each other. One that is left out by
    the filter, or has ended, still stands above a child that is shown."""
    children: dict[int | None, list[ProcessRow]] = defaultdict(list)
    for process in _sorted(view.rows, order):
        children[process.parent].append(process)
    wanted = order.filter.casefold()
    folds = order.hide_ended and any(process.alive for process in view.rows)

    def shown(process: ProcessRow) -> bool:
        return (process.alive or not folds) and (not wanted or wanted in _text(process))

    def below(parent: int | None, above: str, depth: int) -> list[TreeRow]:
        kept = [(each, subtree(each)) for each in children[parent]]
        kept = [(each, rows) for each, rows in kept if rows or shown(each)]
        found: list[TreeRow] = []
        for place, (each, _) in enumerate(kept):
            guide, inner = guides(above, last=place == len(kept) - 1) if depth else ("", "")
            found.append(TreeRow(each, shorten_guide(guide, LONGEST_GUIDE), shown(each)))
            found += below(each.number, inner, depth + 1)
        return found

    def subtree(process: ProcessRow) -> bool:
        return any(shown(each) or subtree(each) for each in children[process.number])

    return tuple(below(None, "", 0))


def _text(process: ProcessRow) -> str:
    """What the filter looks at."""
    parts = (process.pid, process.condition, process.method, process.place, process.function,
             process.command)  # fmt: skip
    return " ".join(map(str, parts)).casefold()


def _sorted(rows: tuple[ProcessRow, ...], order: Order) -> list[ProcessRow]:
    key = _SORTS.get(order.sort)
    if key is None:
        return list(reversed(rows)) if order.reverse else list(rows)
    return sorted(rows, key=key, reverse=order.reverse)


_CONDITIONS = ("running", "idle", "unwatched", "ended")
_SORTS: dict[str, Callable[[ProcessRow], float | str]] = {
    "pid": lambda row: row.pid,
    "state": lambda row: _CONDITIONS.index(row.condition),
    "cpus": lambda row: row.cpus or 0.0,
    "held": lambda row: row.held or 0.0,
    "cpu_s": lambda row: row.cpu_s or 0.0,
    "rss": lambda row: row.rss or 0,
    "uss": lambda row: row.uss or 0,
    "threads": lambda row: row.threads or 0,
    "method": lambda row: row.method,
    "age": lambda row: row.age_s,
    "line": lambda row: row.place,
}

_COLUMNS = (
    Column("state", "State", 11),
    Column("cpus", "CPUs", 5, right=True),
    Column("held", "GIL held", 8, right=True),
    Column("cpu_s", "CPU s", 6, right=True, priority=1),
    Column("rss", "RSS", 8, right=True, priority=2),
    Column("uss", "USS", 8, right=True, priority=3),
    Column("threads", "Threads", 7, right=True, priority=5),
    Column("method", "Start", 10, priority=7),
    Column("age", "Age", 7, right=True, priority=6),
    Column("line", "Hottest line", 14, 44, priority=4),
)


def columns_for(rows: tuple[TreeRow, ...]) -> tuple[Column, ...]:
    """The columns; the first is as wide as the tree is deep."""
    width = max((width_of(_pid(row, subject=False)) for row in rows), default=0)
    return (Column("pid", "Process", max(8, width)), *_COLUMNS)


def _cpu_s(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f}" if seconds < 100 else f"{seconds:,.0f}"


def make_row(row: TreeRow, subject: int) -> Row:
    """The cells of one process."""
    process = row.process
    held = fmt_percent(process.held) if process.held is not None else ""
    cpus = f"{process.cpus:.2f}" if process.cpus is not None else ""
    line: Line = (
        (
            (process.place, "muted" if process.condition == "idle" else "foreground"),
            (f" {process.function}", "muted"),
        )
        if process.place
        else ((process.command, "muted"),)
    )
    cells: tuple[Line, ...] = (
        _pid(row, subject=process.number == subject),
        (fmt_condition(process),),
        ((cpus, "foreground" if process.cpus and process.cpus >= 0.005 else "muted"),),
        ((held, "gil_held" if (process.held or 0) >= 0.1 else "muted"),),
        ((_cpu_s(process.cpu_s), ""),),
        ((fmt_bytes(process.rss) if process.alive else "", ""),),
        ((fmt_bytes(process.uss) if process.alive else "", ""),),
        ((str(process.threads) if process.threads is not None else "", ""),),
        ((process.method or "program", "muted"),),
        ((fmt_duration(process.age_s), "muted"),),
        line,
    )
    return Row(process.number, cells, dim=not (process.alive and row.wanted))


def _pid(row: TreeRow, *, subject: bool) -> Line:
    mark = (MARK, "accent") if subject else (" ", "")
    return (mark, (row.guide, "muted"), (str(row.process.pid), "strong"))


def fmt_condition(process: ProcessRow) -> tuple[str, str]:
    """``● running``, ``· idle``, ``✓ exit 0``, ``✕ SIGKILL``, with its style."""
    if process.condition == "unwatched":
        return "■ unwatched", "muted"
    if process.condition == "running":
        return "● running", "good"
    if process.condition == "idle":
        return "· idle", "muted"
    code = process.exit_code
    if code is None:
        return "✕ ended", "muted"
    if name := signal_name(code):
        return f"✕ {name}", "bad"
    return (f"✕ exit {code}", "bad") if code else ("✓ exit 0", "muted")


def fmt_hint(view: ProcessesView, rows: tuple[TreeRow, ...]) -> str:
    """``5 processes`` for the panel's edge, ``2 ended``, or ``2 folded: E`` where these are not
    shown."""
    ended = view.totals.ended
    if not ended:
        return fmt_plural(view.totals.processes, "process", "processes")
    folded = not any(row.process.condition == "ended" for row in rows)
    return f"{ended:,} folded: E" if folded else f"{ended:,} ended"
