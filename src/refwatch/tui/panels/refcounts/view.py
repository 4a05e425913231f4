"""View of the Refcounts panel: watched objects and their counts, sorted and filtered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from refwatch.readings.objects.records import WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.baselines import BaselineView, clamp, view_baselines
from refwatch.tui.views.chart import heights
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.table import Column, Order, Row, Rows

RECENT_S = 2.0
"""Seconds that a change stays highlighted."""
WIDE = 100
"""Width from which trends are longer."""
LEAST_RANGE = 6
"""Least range of a trend, in references: small swings should look small."""
BY_DEFAULT = Order("growth", reverse=True)


@dataclass(frozen=True)
class RefcountsView:
    """Watched objects in the order they were found; times in seconds. Records are live: read a
    series up to ``now_s`` only."""

    objects: tuple[WatchedRecord, ...]
    now_s: float
    baselines: tuple[BaselineView, ...]
    counts: tuple[Mapping[int, int], ...] = field(compare=False)
    """At each baseline: serial -> references."""
    offset: int | None
    """getrefcount minus ctypes; None until measured."""
    reason: str
    """Why there is nothing to see, if known."""

    def of(self, watch: int | None) -> WatchedRecord | None:
        """The object of this number."""
        return next((record for record in self.objects if record.found.watch == watch), None)

    def counts_at(self, baseline: int) -> Mapping[int, int]:
        """Serial -> references at the baseline."""
        return self.counts[clamp(baseline, self.counts)] if self.counts else {}

    def growth(self, record: WatchedRecord, baseline: int) -> int | None:
        """References more than at the baseline; None without a count."""
        return _growth(record, self.counts_at(baseline))

    def since(self, baseline: int) -> float:
        """Time of the baseline."""
        return self.baselines[clamp(baseline, self.baselines)].at if self.baselines else 0.0


def _growth(record: WatchedRecord, counts: Mapping[int, int]) -> int | None:
    """For an object found later: since it was found."""
    if record.references is None or record.ended_s is not None:
        return None
    before = counts.get(record.found.watch)
    if before is None:
        before = record.series.first()
    return record.references - (before or 0)


def view_refcounts(subject: Subject) -> RefcountsView:
    """Read the watched objects of a process, without those that a user let go."""
    process = subject.process
    references = process.references if process else References()
    records = references.watched.values()
    return RefcountsView(
        tuple(record for record in records if record.ended_s is None or record.died),
        subject.now,
        view_baselines(references),
        tuple(baseline.watched for baseline in references.baselines),
        references.offset,
        _reason(process.limits if process else {}),
    )


_OF_COUNTS = ("watch", "refcount", "references", "outside reading")
"""Words in the names of readings that counts need."""


def _reason(limits: Mapping[str, str]) -> str:
    reasons = (
        f"{what}: {why}"
        for what, why in limits.items()
        if any(word in what.lower() for word in _OF_COUNTS)
    )
    return printable(next(reasons, ""))


# -- rows ------------------------------------------------------------------------------------------

LONGEST_NAME = 26
_NAME = Column("name", "Object", 12)
_REFERENCES = Column("references", "Refs ", 9, right=True)
_GROWTH = Column("growth", "Growth", 7, right=True)
_TYPE = Column("type", "Type", 12, 26, priority=2, dotted=True)
_WATCH = Column("watch", "Watch", 5, priority=3)
_CTYPES = Column("ctypes", "raw ctypes", 10, right=True, priority=4)
_GETREFCOUNT = Column("getrefcount", "raw getrefcount", 15, right=True, priority=5)
_ADDRESS = Column("address", "Address", 14, priority=6)
_SOURCE = Column("source", "From", 6, priority=7)


def columns_for(view: RefcountsView, width: int, baseline: int) -> tuple[Column, ...]:
    """Columns; the trend's heading names the baseline."""
    since = view.baselines[clamp(baseline, view.baselines)].name if view.baselines else "start"
    cells = 12 if width < WIDE else 16 if width < 2 * WIDE - 60 else 28
    trend = Column("trend", f"since {since}", cells, sorts=False)
    type_ = _TYPE if width < WIDE else replace(_TYPE, width=18)
    longest = max(
        (len(record.found.name) for record in view.objects), default=0
    )  # the rest is the type's
    name = replace(_NAME, most=min(longest, LONGEST_NAME))
    return (
        name, _REFERENCES, _GROWTH, trend, type_, _WATCH, _CTYPES, _GETREFCOUNT, _ADDRESS, _SOURCE
    )  # fmt: skip


def arrange(view: RefcountsView, columns: tuple[Column, ...], order: Order, baseline: int) -> Rows:
    """Filter and sort; dead objects last, most recent first."""
    wanted = order.filter.casefold()
    objects = [record for record in view.objects if not wanted or _has(record, wanted)]
    alive = [record for record in objects if record.ended_s is None]
    key = _sort_key(view, order.sort, baseline)
    if key is not None:
        alive.sort(key=key, reverse=order.reverse)
    elif order.reverse:
        alive.reverse()
    died = [] if order.hide_ended else [record for record in objects if record.ended_s is not None]
    died.sort(key=lambda record: record.ended_s or 0.0, reverse=True)
    shown = {record.found.watch: record for record in (*alive, *died)}
    return Rows(tuple(shown), lambda watch: _row(view, shown[watch], columns, baseline))


def _has(record: WatchedRecord, wanted: str) -> bool:
    return (
        wanted in record.found.name.casefold()
        or wanted in record.found.type.casefold()
        or wanted in record.found.address
    )


def _sort_key(
    view: RefcountsView, sort: str, baseline: int
) -> Callable[[WatchedRecord], str | int] | None:
    if sort == "growth":
        counts = view.counts_at(baseline)
        return lambda record: _or_least(_growth(record, counts))
    return _SORT_KEYS.get(sort)


def _or_least(count: int | None) -> int:
    """Sorts missing counts below all others."""
    return -(1 << 62) if count is None else count


_SORT_KEYS: dict[str, Callable[[WatchedRecord], str | int]] = {
    "name": lambda record: record.found.name.casefold(),
    "references": lambda record: _or_least(record.references),
    "type": lambda record: record.found.type.casefold(),
    "watch": lambda record: record.found.held,
    "ctypes": lambda record: _or_least(record.ctypes),
    "getrefcount": lambda record: _or_least(record.getrefcount),
    "address": lambda record: record.found.address.rjust(20),
    "source": lambda record: record.found.source,
}


def _row(
    view: RefcountsView, record: WatchedRecord, columns: tuple[Column, ...], baseline: int
) -> Row:
    trend = next(column.width for column in columns if column.key == "trend")
    values = counts_over_time(view, record, baseline, trend)
    growth = view.growth(record, baseline)
    cells: dict[str, Line] = {
        "name": ((printable(record.found.name), "strong"),),
        "references": fmt_references(view, record),
        "growth": fmt_growth(growth, values),
        "trend": fmt_trend(record, growth, values),
        "type": ((printable(record.found.type), "foreground"),),
        "watch": fmt_watch(record),
        "ctypes": ((_raw(record.ctypes), "muted"),),
        "getrefcount": ((_raw(record.getrefcount), "muted"),),
        "address": ((printable(record.found.address), "muted"),),
        "source": ((printable(record.found.source), "muted"),),
    }
    return Row(
        record.found.watch,
        tuple(cells[column.key] for column in columns),
        record.ended_s is not None,
    )


def _raw(count: int | None) -> str:
    return "" if count is None else str(count)


def counts_over_time(
    view: RefcountsView, record: WatchedRecord, baseline: int, cells: int
) -> list[int | None]:
    """Counts since the baseline, one per cell; None before the first."""
    return record.series.resampled(view.since(baseline), view.now_s, cells)


def rises(growth: int | None, values: list[int | None]) -> bool:
    """Whether growth exceeds most of the range: it grows for good."""
    counts = [value for value in values if value is not None]
    return bool(counts and growth and growth > 0 and 2 * growth > max(counts) - min(counts))


def fmt_references(view: RefcountsView, record: WatchedRecord) -> Line:
    """The count, with an arrow after a recent change."""
    if record.found.immortal:
        return (("immortal", "muted"),)
    if record.ended_s is not None:
        return (("✕ ", "muted"),)
    if record.references is None:
        return (("… ", "muted"),)
    before = record.series.at(view.now_s - RECENT_S)
    if before is None:
        before = record.series.first()
    if before is None or before == record.references:
        return ((f"{record.references} ", "strong"),)
    return ((f"{record.references}{'▲' if record.references > before else '▼'}", "key"),)


def fmt_growth(growth: int | None, values: list[int | None]) -> Line:
    """``+12``, bold if it grows for good."""
    if growth is None:
        return (("", ""),)
    if growth == 0:
        return (("0", "muted"),)
    style = "warn" if rises(growth, values) else "foreground" if growth > 0 else "muted"
    return ((f"{growth:+}", style),)


def fmt_watch(record: WatchedRecord) -> Line:
    """Kind of watch; immortal objects need none."""
    if record.found.immortal:
        return (("", ""),)
    return (("held", "accent") if record.found.held else ("weak", "muted"),)


def trend_style(growth: int | None, values: list[int | None]) -> str:
    """Style of a trend; only lasting growth stands out."""
    if rises(growth, values):
        return "warning"
    return "fill-sleep" if len(set(values) - {None}) < 2 else "trend"


def fmt_trend(record: WatchedRecord, growth: int | None, values: list[int | None]) -> Line:
    """The count since the baseline, or the time of death."""
    if record.ended_s is not None:
        return ((f"died {fmt_duration(record.ended_s)}", "muted"),)
    if record.found.immortal:
        return (("", ""),)
    return ((heights(values, LEAST_RANGE), trend_style(growth, values)),)


def fmt_totals(view: RefcountsView, shown: int) -> str:
    """``8 watched, 2 died``."""
    died = sum(record.ended_s is not None for record in view.objects)
    text = f"{len(view.objects) - died:,} watched"
    if died:
        text += f", {died:,} died"
    return text if shown == len(view.objects) else f"{shown} shown of {text}"
