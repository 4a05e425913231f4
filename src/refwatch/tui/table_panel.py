"""A panel that is about one table: sorting, filtering, hiding what has ended."""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.binding import Binding, BindingType

from refwatch.tui.panel import Panel
from refwatch.tui.views.spans import Line, cut
from refwatch.tui.views.table import Order
from refwatch.tui.widgets.filter_box import FilterBox
from refwatch.tui.widgets.live_table import LiveTable

TABLE_KEYS: list[BindingType] = [
    Binding(
        "o,greater_than_sign",
        "sort(1)",
        "Sort",
        key_display="o",
        id="rows.sort",
        tooltip="Sort by the next column; O by the one before; or click a heading",
    ),
    Binding("O,less_than_sign", "sort(-1)", "Sort by the column before", show=False,
            id="rows.sort_back"),
    Binding("r", "reverse", "Reverse", show=False, id="rows.reverse",
            tooltip="Turn the order round"),
    Binding("slash", "filter", "Filter", key_display="/", id="rows.filter",
            tooltip="Show the rows that have this text"),
    Binding("escape", "clear_filter", "Clear the filter", show=False, id="rows.clear"),
    Binding("e", "ended", "Ended", show=False, id="rows.ended",
            tooltip="Hide or show what has ended or died"),
]  # fmt: skip
"""For the place among its own keys where a panel wants them."""
LONGEST_FILTER = 12
"""Cells of it that are said beside the row of panels."""


class TablePanel(Panel):
    """``order``: how the rows are arranged at first; ``filters``: what the filter looks at."""

    def __init__(self, name: str, order: Order, filters: str) -> None:
        super().__init__(id=name)
        self.order = order
        self._filters = filters
        self.table = self.make_table()

    def make_table(self) -> LiveTable:
        """The table, of which there is one."""
        raise NotImplementedError

    def sort_keys(self) -> tuple[str, ...]:
        """What can be sorted by, in the order of the key."""
        raise NotImplementedError

    def falls(self, key: str) -> bool:
        """Whether a column is best read with its greatest value first."""
        raise NotImplementedError

    def totals(self) -> str:
        """How many rows there are."""
        raise NotImplementedError

    @property
    def known(self) -> int:
        """How many there would be without a filter."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Arrange the rows again: the order has changed, or the size."""
        self.table.refresh()
        self.post_message(self.HintChanged())

    def focus_content(self) -> None:
        self.table.focus()

    def hint(self) -> Line:
        if not self.order.filter:
            return ((self.totals(), "muted"),)
        wanted = cut(self.order.filter, LONGEST_FILTER)
        return ((f"“{wanted}” {len(self.table.rows):,} of {self.known:,}", "muted"),)

    # -- order ---------------------------------------------------------------------------------

    def action_sort(self, by: int) -> None:
        keys = self.sort_keys()
        now = keys.index(self.order.sort) if self.order.sort in keys else 0
        self._sort(keys[(now + by) % len(keys)])

    def _sort(self, key: str) -> None:
        self.order = replace(self.order, sort=key, reverse=self.falls(key))
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
        elif event.column in self.sort_keys():
            self._sort(event.column)

    # -- filter --------------------------------------------------------------------------------

    async def action_filter(self) -> None:
        box = next(self.query(FilterBox).results(), None)
        if box is None:
            box = FilterBox(self.order.filter, self._filters)
            await self.mount(box)
        box.focus()

    @on(FilterBox.Cleared)
    async def action_clear_filter(self) -> None:
        self.order = replace(self.order, filter="")
        await self.query(FilterBox).remove()
        self.table.focus()
        self.redraw()

    @on(FilterBox.Changed)
    def _filter_changed(self, event: FilterBox.Changed) -> None:
        self.order = replace(self.order, filter=event.value)
        self.redraw()

    @on(FilterBox.Submitted)
    async def _filter_submitted(self) -> None:
        await self.query(FilterBox).remove()
        self.table.focus()
