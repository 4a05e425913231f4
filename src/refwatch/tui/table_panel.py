"""Base class of the panels that are about one table: sorting, filtering, hiding what has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from refwatch.tui.help import Section, key_section
from refwatch.tui.panel import Panel
from refwatch.tui.views.styled_text import Line, cut
from refwatch.tui.views.table import Order, descends_first, sortable
from refwatch.tui.widgets.filter_box import FilterBox
from refwatch.tui.widgets.live_table import LiveTable

V = TypeVar("V")

TABLE_KEYS: list[BindingType] = [
    Binding("o,greater_than_sign", "sort(1)", "Sort", key_display="o", id="rows.sort",
            tooltip="Sort by the next column; O by the one before; or click a heading"),
    Binding("O,less_than_sign", "sort(-1)", "Sort by the column before", show=False,
            id="rows.sort_back"),
    Binding("r", "reverse", "Reverse", show=False, id="rows.reverse",
            tooltip="Reverse the order"),
    Binding("slash", "filter", "Filter", key_display="/", id="rows.filter",
            tooltip="Show the rows that contain this text"),
    Binding("escape", "clear_filter", "Clear the filter", show=False, id="rows.clear"),
    Binding("E", "ended", "Ended", show=False, id="rows.ended",
            tooltip="Hide or show what has ended or died"),
]  # fmt: skip
"""For the place among its own keys where a panel wants them."""
KEYS_WITHOUT_ENDS = [
    key for key in TABLE_KEYS if not isinstance(key, Binding) or key.id != "rows.ended"
]
"""The same for rows that do not end."""
OF_ROWS = frozenset({"sort", "reverse"})
"""Actions that mean nothing where no rows are seen."""
LONGEST_FILTER = 12
"""Cells of it that are shown beside the row of panels."""


class TablePanel(Panel[V]):
    """Shows a V as a table in some order; ``filters`` names what the filter looks at."""

    by_age: ClassVar[bool] = False
    """Rows can be sorted by the order in which they were found, which is no column."""

    def __init__(self, name: str, order: Order, filters: str, view: V, *, live: bool) -> None:
        super().__init__(name, live=live)
        self.order = order
        self.baseline = 0
        self._view = view
        self._filters = filters
        self.table = self.make_table()

    def make_table(self) -> LiveTable:
        """Make the table."""
        raise NotImplementedError

    def totals(self) -> str:
        """Say how many rows there are."""
        raise NotImplementedError

    @property
    def total(self) -> int:
        """Number of rows without a filter."""
        raise NotImplementedError

    def _draw(self) -> None:
        """Arrange and draw the view."""
        raise NotImplementedError

    def show(self, view: V, *, numbers: bool) -> None:
        self._view = view
        if numbers:
            self._draw()

    def start_over(self) -> None:
        self.table.start_over()

    def set_baseline(self, index: int) -> None:
        if index != self.baseline:
            self.baseline = index
            self._draw()

    def redraw(self) -> None:
        """Draw again: the order has changed, or the size."""
        self._draw()
        self.table.refresh()
        self.post_message(self.HintChanged())

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def focus_content(self) -> None:
        self.table.focus()

    def follow_content(self) -> None:
        """Move the focus to what is shown now, unless the user is typing."""
        if self.display and not isinstance(self.screen.focused, Input):
            self.focus_content()

    def hint(self) -> Line:
        if not self.order.filter:
            return ((self.totals(), "muted"),)
        wanted = cut(self.order.filter, LONGEST_FILTER)
        return ((f"“{wanted}” {len(self.table.rows):,} of {self.total:,}", "muted"),)

    @classmethod
    def own_keys(cls, name: str, title: str, *more: BindingType) -> Section:
        """The help's section of the keys that other tables have not."""
        return key_section(name, title, [*(k for k in cls.BINDINGS if k not in TABLE_KEYS), *more])

    # -- order ---------------------------------------------------------------------------------

    def action_sort(self, by: int) -> None:
        keys = (*(["seen"] if self.by_age else []), *sortable(self.table.columns))
        now = keys.index(self.table.sort) if self.table.sort in keys else 0
        self._sort(keys[(now + by) % len(keys)])

    def _sort(self, key: str) -> None:
        self.order = replace(self.order, sort=key, reverse=descends_first(self.table.columns, key))
        self.redraw()

    def action_reverse(self) -> None:
        self.order = replace(self.order, reverse=not self.order.reverse)
        self.redraw()

    def action_ended(self) -> None:
        self.order = replace(self.order, hide_ended=not self.order.hide_ended)
        self.redraw()

    @on(LiveTable.HeadingClicked)
    def _heading_clicked(self, event: LiveTable.HeadingClicked) -> None:
        if event.column == self.order.sort:
            self.action_reverse()
        elif event.column in sortable(self.table.columns):
            self._sort(event.column)

    # -- filter --------------------------------------------------------------------------------

    async def action_filter(self) -> None:
        box = next(self.query(FilterBox).results(), None)
        if box is None:
            box = FilterBox(self.order.filter, self._filters)
            await self.mount(box)
        self.screen.set_focus(box)  # now: the keys that follow are for it

    @on(FilterBox.Cleared)
    async def action_clear_filter(self) -> None:
        self.order = replace(self.order, filter="")
        await self.query(FilterBox).remove()
        self.focus_content()
        self.redraw()

    @on(FilterBox.Changed)
    def _filter_changed(self, event: FilterBox.Changed) -> None:
        self.order = replace(self.order, filter=event.value)
        self.redraw()

    @on(FilterBox.Submitted)
    async def _filter_submitted(self) -> None:
        await self.query(FilterBox).remove()
        self.focus_content()
