"""The Refcounts panel's view: the watched objects and their counts, sorted, filtered, as rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from msgspec import Struct

from refwatch.readings.objects.records import WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.series.step_series import Steps
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import safe
from refwatch.tui.views.baselines import BaselineView, view_baselines, within
from refwatch.tui.views.chart import heights
from refwatch.tui.views.spans import Line
from refwatch.tui.views.table import Column, Order, Row, Rows

RECENT_S = 2.0
"""A count that has changed within this time is highlighted."""
WIDE = 100
"""Cells from which on trends are longer."""
LEAST_RANGE = 6
"""References that fill a trend at least: a small swing is not to look like a great one."""
BY_DEFAULT = Order("growth", reverse=True)


class Watched(Struct, frozen=True, kw_only=True, gc=False):
    """One watched object. A struct, for there may be thousands at each drawing: it is made in an
    eighth of a dataclass's time, and the collector need not look at it, for it is in no cycle.
    Texts are made safe when they are drawn."""

    watch: int
    name: str
    type: str
    address: str
    source: str
    held: bool
    immortal: bool
    references: int | None
    """Its true count; None until it was read, and for an immortal one."""
    ctypes: int | None
    getrefcount: int | None
    died_s: float | None
    steps: Steps
    """Its count over time. It moves on: a view reads no further than its ``now_s``."""


@dataclass(frozen=True)
class RefcountsView:
    """All watched objects in the order they were found; times in seconds."""

    objects: tuple[Watched, ...]
    now_s: float
    baselines: tuple[BaselineView, ...]
    counts: tuple[Mapping[int, int], ...] = field(compare=False)
    """At each baseline: watch -> references."""
    offset: int | None
    """How much more getrefcount reads than ctypes; None until measured."""
    reason: str
    """Why there is nothing to see, where that is known."""

    def of(self, watch: int | None) -> Watched | None:
        """The object of this number."""
        return next((one for one in self.objects if one.watch == watch), None)

    def counts_at(self, baseline: int) -> Mapping[int, int]:
        """watch -> references then, of those that were watched already."""
        return self.counts[within(baseline, self.counts)] if self.counts else {}

    def growth(self, one: Watched, baseline: int) -> int | None:
        """References more than at the baseline; None where there is no count."""
        return _growth(one, self.counts_at(baseline))

    def since(self, baseline: int) -> float:
        """When the baseline was."""
        return self.baselines[within(baseline, self.baselines)].at if self.baselines else 0.0


def _growth(one: Watched, counts: Mapping[int, int]) -> int | None:
    """Of one that was found later, since then."""
    if one.references is None or one.died_s is not None:
        return None
    before = counts.get(one.watch)
    if before is None:
        before = one.steps.first()
    return one.references - (before or 0)


def view_refcounts(state: State) -> RefcountsView:
    """Read the watched objects of the main process, but for those that a user let go."""
    process = state.main
    references = process.references if process else References()
    watched = references.watched.values()
    return RefcountsView(
        tuple(_watched(one) for one in watched if one.ended_s is None or one.died),
        state.now,
        view_baselines(references),
        tuple(baseline.watched for baseline in references.baselines),
        references.offset,
        _reason(process.limits if process else {}),
    )


def _watched(one: WatchedRecord) -> Watched:
    return Watched(
        watch=one.serial,
        name=one.name,
        type=one.type,
        address=one.address,
        source=one.source,
        held=one.held,
        immortal=one.immortal,
        references=one.references,
        ctypes=one.ctypes,
        getrefcount=one.getrefcount,
        died_s=one.ended_s,
        steps=one.series,
    )


_OF_COUNTS = ("watch", "refcount", "references", "outside reading")
"""Words in the names of readings without which counts are missing, or rare."""


def _reason(limits: Mapping[str, str]) -> str:
    reasons = (
        f"{what}: {why}"
        for what, why in limits.items()
        if any(word in what.lower() for word in _OF_COUNTS)
    )
    return safe(next(reasons, ""))


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
    """The columns; the trend's heading says from when on it is."""
    since = view.baselines[within(baseline, view.baselines)].name if view.baselines else "start"
    cells = 12 if width < WIDE else 16 if width < 2 * WIDE - 60 else 28
    trend = Column("trend", f"since {since}", cells, sorts=False)
    type_ = _TYPE if width < WIDE else replace(_TYPE, width=18)
    longest = max((len(one.name) for one in view.objects), default=0)  # the rest is the type's
    name = replace(_NAME, most=min(longest, LONGEST_NAME))
    return (
        name, _REFERENCES, _GROWTH, trend, type_, _WATCH, _CTYPES, _GETREFCOUNT, _ADDRESS, _SOURCE
    )  # fmt: skip


def arrange(view: RefcountsView, columns: tuple[Column, ...], order: Order, baseline: int) -> Rows:
    """Filter and sort; those that died are at the bottom, the last of them first."""
    wanted = order.filter.casefold()
    objects = [one for one in view.objects if not wanted or _has(one, wanted)]
    alive = [one for one in objects if one.died_s is None]
    key = _sort_key(view, order.sort, baseline)
    if key is not None:
        alive.sort(key=key, reverse=order.reverse)
    elif order.reverse:
        alive.reverse()
    died = [] if order.hide_ended else [one for one in objects if one.died_s is not None]
    died.sort(key=lambda one: one.died_s or 0.0, reverse=True)
    shown = {one.watch: one for one in (*alive, *died)}
    return Rows(tuple(shown), lambda watch: _row(view, shown[watch], columns, baseline))


def _has(one: Watched, wanted: str) -> bool:
    return wanted in one.name.casefold() or wanted in one.type.casefold() or wanted in one.address


def _sort_key(
    view: RefcountsView, sort: str, baseline: int
) -> Callable[[Watched], str | int] | None:
    if sort == "growth":
        counts = view.counts_at(baseline)
        return lambda one: _or_least(_growth(one, counts))
    return _SORT_KEYS.get(sort)


def _or_least(count: int | None) -> int:
    """Below every count, where there is none."""
    return -(1 << 62) if count is None else count


_SORT_KEYS: dict[str, Callable[[Watched], str | int]] = {
    "name": lambda one: one.name.casefold(),
    "references": lambda one: _or_least(one.references),
    "type": lambda one: one.type.casefold(),
    "watch": lambda one: one.held,
    "ctypes": lambda one: _or_least(one.ctypes),
    "getrefcount": lambda one: _or_least(one.getrefcount),
    "address": lambda one: one.address.rjust(20),
    "source": lambda one: one.source,
}


def _row(view: RefcountsView, one: Watched, columns: tuple[Column, ...], baseline: int) -> Row:
    trend = next(column.width for column in columns if column.key == "trend")
    values = counts_over_time(view, one, baseline, trend)
    growth = view.growth(one, baseline)
    cells: dict[str, Line] = {
        "name": ((safe(one.name), "strong"),),
        "references": fmt_references(view, one),
        "growth": fmt_growth(growth, values),
        "trend": fmt_trend(one, growth, values),
        "type": ((safe(one.type), "foreground"),),
        "watch": fmt_watch(one),
        "ctypes": ((_raw(one.ctypes), "muted"),),
        "getrefcount": ((_raw(one.getrefcount), "muted"),),
        "address": ((safe(one.address), "muted"),),
        "source": ((safe(one.source), "muted"),),
    }
    return Row(one.watch, tuple(cells[column.key] for column in columns), one.died_s is not None)


def _raw(count: int | None) -> str:
    return "" if count is None else str(count)


def counts_over_time(
    view: RefcountsView, one: Watched, baseline: int, cells: int
) -> list[int | None]:
    """Its counts from the baseline to now, one for each cell; None before the first."""
    return one.steps.resampled(view.since(baseline), view.now_s, cells)


def rises(growth: int | None, values: list[int | None]) -> bool:
    """Whether it grows for good: by most of what it has gone up and down over that time."""
    known = [value for value in values if value is not None]
    return bool(known and growth and growth > 0 and 2 * growth > max(known) - min(known))


def fmt_references(view: RefcountsView, one: Watched) -> Line:
    """The count, and after it an arrow while it is fresh from a change."""
    if one.immortal:
        return (("immortal", "muted"),)
    if one.died_s is not None:
        return (("✕ ", "muted"),)
    if one.references is None:
        return (("… ", "muted"),)
    before = one.steps.at(view.now_s - RECENT_S)
    if before is None:
        before = one.steps.first()
    if before is None or before == one.references:
        return ((f"{one.references} ", "strong"),)
    return ((f"{one.references}{'▲' if one.references > before else '▼'}", "key"),)


def fmt_growth(growth: int | None, values: list[int | None]) -> Line:
    """``+12``, bold where it grows for good."""
    if growth is None:
        return (("", ""),)
    if growth == 0:
        return (("0", "muted"),)
    style = "warn" if rises(growth, values) else "foreground" if growth > 0 else "muted"
    return ((f"{growth:+}", style),)


def fmt_watch(one: Watched) -> Line:
    """How it is watched; an immortal one needs nothing."""
    if one.immortal:
        return (("", ""),)
    return (("held", "accent") if one.held else ("weak", "muted"),)


def trend_style(growth: int | None, values: list[int | None]) -> str:
    """Only what grows for good stands out."""
    if rises(growth, values):
        return "warning"
    return "fill-sleep" if len(set(values) - {None}) < 2 else "trend"


def fmt_trend(one: Watched, growth: int | None, values: list[int | None]) -> Line:
    """The count from the baseline on; when it died, of one that did."""
    if one.died_s is not None:
        return ((f"died {fmt_duration(one.died_s)}", "muted"),)
    if one.immortal:
        return (("", ""),)
    return ((heights(values, LEAST_RANGE), trend_style(growth, values)),)


def fmt_totals(view: RefcountsView, shown: int) -> str:
    """``8 watched, 2 died`` for the panel's edge."""
    died = sum(one.died_s is not None for one in view.objects)
    text = f"{len(view.objects) - died:,} watched"
    if died:
        text += f", {died:,} died"
    return text if shown == len(view.objects) else f"{shown} shown of {text}"
