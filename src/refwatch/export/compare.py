"""Comparison of snapshots: their main figures side by side, and the change against the first."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from refwatch.export.snapshot_reader import Gil, Snapshot
from refwatch.export.values import rounded
from refwatch.text.formats import (
    fmt_bytes,
    fmt_duration,
    fmt_number,
    fmt_percent,
    fmt_signed,
    fmt_status,
)
from refwatch.text.sanitize import printable, shorten, shorten_path

NOT_MEASURED = "not measured"
NO_GIL = "no GIL"
WIDEST = 40  # characters of a program or a name

Unit: TypeAlias = Literal["text", "status", "seconds", "bytes", "fraction", "mean", "count"]
Figure: TypeAlias = str | float | None


class Cell(Struct, frozen=True, kw_only=True):
    """A figure of one snapshot. ``value`` is in the unit of its row, and null where it was not
    measured; ``text`` says it for people. ``at_least``: it was measured in some processes only.
    ``ratio`` is the value over that of the first snapshot, and null where it cannot be told;
    ``change`` says it for people, and is empty in the first column."""

    value: Figure
    text: str
    at_least: bool = False
    ratio: float | None = None
    change: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """A figure, with a cell for each snapshot."""

    key: str
    label: str
    unit: Unit
    cells: list[Cell]


class Column(Struct, frozen=True, kw_only=True):
    """A snapshot, by the stem of its file's name, or by its path where stems are the same."""

    name: str
    path: str


class Comparison(Struct, frozen=True, kw_only=True):
    """Snapshots side by side; each row has as many cells as there are columns."""

    schema: Literal["refwatch.comparison/1"] = "refwatch.comparison/1"
    columns: list[Column]
    rows: list[Row]


def compare(snapshots: Sequence[Snapshot], paths: Sequence[str]) -> Comparison:
    """The figures of snapshots side by side, the first being what the others are held against;
    ``paths`` are those of their files."""
    stems = [Path(path).stem for path in paths]
    columns = [
        Column(name=stem if stems.count(stem) == 1 else path, path=path)
        for stem, path in zip(stems, paths, strict=True)
    ]
    rows: list[Row] = []
    for key, label, unit, read in FIGURES:
        cells = [read(snapshot) for snapshot in snapshots]
        compared = [cells[0], *(_against(cells[0], cell, unit) for cell in cells[1:])]
        rows.append(Row(key=key, label=label, unit=unit, cells=compared))
    return Comparison(columns=columns, rows=rows)


def table_lines(comparison: Comparison) -> list[str]:
    """The comparison as a table, a line for each row below one with the names."""
    columns = [["", *(row.label for row in comparison.rows)]]
    for index, column in enumerate(comparison.columns):
        texts = [shorten_path(column.name, WIDEST)]
        for row in comparison.rows:
            cell = row.cells[index]
            text = f"at least {cell.text}" if cell.at_least else shorten(cell.text, WIDEST)
            texts.append(f"{text} ({cell.change})" if cell.change else text)
        columns.append(texts)
    widths = [max(map(len, texts)) for texts in columns]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    ]


def _against(first: Cell, cell: Cell, unit: Unit) -> Cell:
    """The cell with its change against the first, if both are known."""
    old, new = first.value, cell.value
    if unit in ("text", "status") or isinstance(old, str) or isinstance(new, str):
        return cell
    if old is None or new is None or first.at_least or cell.at_least:
        return cell
    ratio = rounded(new / old) if old else None
    return msgspec.structs.replace(cell, ratio=ratio, change=_change(old, new, unit))


def _change(old: float, new: float, unit: Unit) -> str:
    """From twice as much on how many times, else a percentage; for a fraction the difference in
    percentage points, and where the first is as good as 0 the difference."""
    before, now = _FORMATS[unit](old), _FORMATS[unit](new)
    if old == new or (_is_zero(before) and _is_zero(now)):
        return "same"
    if unit == "fraction":
        points = round(100 * (new - old))
        return f"{points:+d} points" if points else "same"
    if _is_zero(before):
        return fmt_signed(new - old, _FORMATS[unit])
    if _is_zero(now):
        return "-100 %"
    if new >= 2 * old:
        return f"{fmt_number(new / old)} times" if new >= 100 * old else f"{new / old:.3g} times"
    percent = max(round(100 * (new / old - 1)), -99)  # all of it is not gone
    return f"{percent:+d} %" if percent else "±0 %"


def _is_zero(text: str) -> bool:
    """Whether a figure is told as 0."""
    return not any(digit in text for digit in "123456789")


_FORMATS: dict[Unit, Callable[[float], str]] = {
    "seconds": fmt_duration,
    "bytes": fmt_bytes,
    "fraction": fmt_percent,
    "mean": lambda value: f"{value:.2f}",
    "count": lambda value: fmt_number(value, cells=12),
}


def _cell(value: float | None, unit: Unit, missing: str = NOT_MEASURED) -> Cell:
    if value is None:
        return Cell(value=None, text=missing)
    return Cell(value=rounded(value), text=_FORMATS[unit](value))


def _sum(values: Iterable[float | None], unit: Unit, missing: str = NOT_MEASURED) -> Cell:
    """The sum of what was measured, at least as much if not all was."""
    values = list(values)
    known = [value for value in values if value is not None]
    cell = _cell(sum(known) if known else None, unit, missing)
    return msgspec.structs.replace(cell, at_least=0 < len(known) < len(values))


def _program(snapshot: Snapshot) -> Cell:
    """The command without the interpreter, and without the folder of the script."""
    words = snapshot.target.argv[1:] or snapshot.target.argv
    if words and not words[0].startswith("-"):
        words = [Path(words[0]).name, *words[1:]]
    text = printable(shlex.join(words))
    return Cell(value=text or None, text=text or NOT_MEASURED)


def _exit_status(snapshot: Snapshot) -> Cell:
    code, main = snapshot.target.exit_code, snapshot.main
    if main is None:
        return _cell(None, "count")
    running = code is None and main.ended_s is None
    return Cell(value=code, text="still running" if running else fmt_status(code))


def _cpu(snapshot: Snapshot) -> Cell:
    if snapshot.totals.cpu_s:
        return _cell(snapshot.totals.cpu_s, "seconds")
    cpus = [process.cpu for process in snapshot.processes]
    return _sum((both for cpu in cpus for both in (cpu.user_s, cpu.system_s)), "seconds")


def _processes(snapshot: Snapshot) -> Cell:
    return _cell(snapshot.totals.processes or len(snapshot.processes) or None, "count")


def _threads(snapshot: Snapshot) -> Cell:
    seen = sum(len(process.threads) for process in snapshot.processes)
    return _cell(snapshot.totals.threads or seen or None, "count")


def _held_by_main(snapshot: Snapshot) -> Cell:
    gil = snapshot.main.gil if snapshot.main is not None else None
    missing = NO_GIL if gil is not None and gil.present is False else NOT_MEASURED
    return _cell(gil.held_fraction if gil is not None else None, "fraction", missing)


def _of_gils(snapshot: Snapshot, read: Callable[[Gil, float], float | None], unit: Unit) -> Cell:
    """The sum over all processes with a GIL; ``read`` gets the GIL, and for how many seconds the
    process lived."""
    values: list[float | None] = []
    for process in snapshot.processes:
        if process.gil.present is not False:
            ended_s = snapshot.duration_s if process.ended_s is None else process.ended_s
            values.append(read(process.gil, max(0.0, ended_s - process.started_s)))
    if not values and snapshot.processes:
        return _cell(None, unit, NO_GIL)
    if (snapshot.totals.processes or 0) > len(snapshot.processes):  # not all have a row
        values.append(None)
    return _sum(values, unit)


def _held_by_all(snapshot: Snapshot) -> Cell:
    if snapshot.totals.gil_held_s:
        return _cell(snapshot.totals.gil_held_s, "seconds")
    return _of_gils(
        snapshot,
        lambda gil, lived_s: None if gil.held_fraction is None else gil.held_fraction * lived_s,
        "seconds",
    )


def _contention(snapshot: Snapshot) -> Cell:
    """Of several processes: the mean number of waiting threads in all, over the whole time."""
    if len(snapshot.processes) == 1:
        return _of_gils(snapshot, lambda gil, _: gil.contention, "mean")
    whole_s = snapshot.duration_s or 1.0
    return _of_gils(
        snapshot,
        lambda gil, lived_s: None if gil.contention is None else gil.contention * lived_s / whole_s,
        "mean",
    )


def _handoffs(snapshot: Snapshot) -> Cell:
    return _of_gils(snapshot, lambda gil, _: gil.handoffs, "count")


def _peak_rss(snapshot: Snapshot) -> Cell:
    """The total's is the largest that was read; the kernel's own peak of a process may lie between
    two readings. Without a total, peaks of several processes are not of one moment."""
    told, peaks = snapshot.totals.peak_rss, [one.memory.peak_rss for one in snapshot.processes]
    cell = _cell(max((peak for peak in (told, *peaks) if peak is not None), default=None), "bytes")
    at_least = cell.value is not None and told is None and len(peaks) > 1
    return msgspec.structs.replace(cell, at_least=at_least)


def _rss(snapshot: Snapshot) -> Cell:
    if snapshot.totals.rss is not None:
        return _cell(snapshot.totals.rss, "bytes")
    return _sum((process.memory.rss for process in snapshot.processes), "bytes")


def _uss(snapshot: Snapshot) -> Cell:
    if snapshot.totals.uss is not None:
        return _cell(snapshot.totals.uss, "bytes")
    return _sum((process.memory.uss for process in snapshot.processes), "bytes")


def _objects(snapshot: Snapshot) -> Cell:
    census = snapshot.main.census if snapshot.main is not None else None
    return _cell(census.objects if census is not None else None, "count")


FIGURES: tuple[tuple[str, str, Unit, Callable[[Snapshot], Cell]], ...] = (
    ("program", "program", "text", _program),
    ("wall_s", "wall time", "seconds", lambda one: _cell(one.duration_s, "seconds")),
    ("cpu_s", "CPU time", "seconds", _cpu),
    ("processes", "processes", "count", _processes),
    ("threads", "threads", "count", _threads),
    ("gil_held_fraction", "GIL held, main process", "fraction", _held_by_main),
    ("gil_held_s", "GIL held, all processes", "seconds", _held_by_all),
    ("contention", "threads waiting for the GIL", "mean", _contention),
    ("handoffs", "handoffs of the GIL", "count", _handoffs),
    ("peak_rss", "peak RSS", "bytes", _peak_rss),
    ("rss", "RSS", "bytes", _rss),
    ("uss", "USS", "bytes", _uss),
    ("objects", "objects, main process", "count", _objects),
    ("probe_cpu_s", "refwatch's CPU, in the program", "seconds",
     lambda one: _cell(one.cost.probe_cpu_s, "seconds")),
    ("daemon_cpu_s", "refwatch's CPU, beside it", "seconds",
     lambda one: _cell(one.cost.daemon_cpu_s, "seconds")),
    ("exit_code", "exit status", "status", _exit_status),
)  # fmt: skip
"""(key, label, unit, how it is read), in the order of the rows."""
