"""Panel 4, Refcounts: watched objects, how many references each has, and how that has changed."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from refwatch.text.sanitize import printable
from refwatch.tui.panel import Panel, can_ask
from refwatch.tui.panels.refcounts.lines import (
    Chosen,
    draw_edge,
    draw_empty,
    draw_facts,
    draw_history,
)
from refwatch.tui.panels.refcounts.view import (
    BY_DEFAULT,
    SORTS,
    RefcountsView,
    arrange,
    columns_for,
    falls,
    fmt_totals,
)
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.widgets.lines import Lines, Picture
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.wire.commands import Command, Inspect, Unwatch

HISTORY_ROWS = 9
"""With less room than this below the table, one line says what there is to say of an object."""
NOTHING = RefcountsView((), 0.0, (), (), None, "")


class RefcountsPanel(TablePanel):
    """Shows a RefcountsView."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "unwatch", "Unwatch", id="refcounts.unwatch",
                tooltip="Stop watching the object under the cursor"),
        Binding("plus,W", "watch", "Add", key_display="+", id="refcounts.watch",
                tooltip="Watch what a path names: pkg.mod.name.attr"),
        *TABLE_KEYS,
    ]  # fmt: skip
    compares = True

    class PathWanted(Message):
        """The user wants to name an object to watch."""

    def __init__(self) -> None:
        super().__init__("refcounts", BY_DEFAULT, "name, type or address")
        self._baseline = 0
        self._view = NOTHING
        self._empty: Picture[str] = Picture(
            lambda reason, width, height: draw_empty(reason, width)[:height], "refcounts-empty"
        )
        self._history: Picture[Chosen] = Picture(draw_history, "history", classes="box")
        self._facts = Lines("facts-line")
        self._edge = Lines("edge")

    def make_table(self) -> LiveTable:
        return LiveTable(columns_for(NOTHING, 0, 0), "refcounts-table", empty="No such object.")

    def compose(self) -> ComposeResult:
        yield self._empty
        yield self.table
        yield self._history
        yield self._facts
        yield self._edge

    def totals(self) -> str:
        return fmt_totals(self._view, len(self.table.rows))

    @property
    def known(self) -> int:
        return len(self._view.objects)

    def sort_keys(self) -> tuple[str, ...]:
        return SORTS

    def falls(self, key: str) -> bool:
        return falls(key)

    # -- what is shown -------------------------------------------------------------------------

    def show(self, view: object, *, numbers: bool) -> None:
        if numbers and isinstance(view, RefcountsView):
            self._view = view
            self._lay_out()

    def set_baseline(self, index: int) -> None:
        if index != self._baseline:
            self._baseline = index
            self._lay_out()

    def redraw(self) -> None:
        self._lay_out()
        super().redraw()

    def _lay_out(self) -> None:
        view, width = self._view, self.size.width
        columns = columns_for(view, width, self._baseline)
        rows = arrange(view, columns, self.order, self._baseline)
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._empty.display = not view.objects
        self.table.display = bool(view.objects)
        if not view.objects:
            self._empty.present(view.reason)
        self._edge.show((draw_edge(view, self._baseline, width - 2),))
        self._show_chosen()

    @on(LiveTable.CursorMoved)
    def _show_chosen(self) -> None:
        """Say all of the object under the cursor, with its history where there is room."""
        rows = len(self.table.rows)
        one = self._view.of(self.table.cursor) if rows else None
        free = self.size.height - 2 - (rows + 3) // 4 * 4
        self._history.display = one is not None and free >= HISTORY_ROWS
        self._facts.display = one is not None and not self._history.display
        if one is None:
            return
        chosen = Chosen(self._view, one, self._baseline)
        if self._history.display:
            self._history.styles.height = min(free, self.size.height // 2)
            title = Content(f"References of {printable(one.name)}")
            if self._history.border_title != title.markup:
                self._history.border_title = title
            self._history.present(chosen)
        else:
            self._facts.show(draw_facts(chosen, self.size.width - 2))

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        self.call_after_refresh(self.redraw)

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action not in {"watch", "unwatch"} or can_ask(self)

    def action_watch(self) -> None:
        self.post_message(self.PathWanted())

    def action_unwatch(self) -> None:
        one = self._view.of(self.table.cursor)
        if one is not None and one.died_s is None:
            self.post_message(self.SendWanted(Unwatch(watch=one.watch)))
        elif one is not None:
            self.notify(f"{printable(one.name)} has died: it is watched no more.", markup=False)

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        one = self._view.of(event.key)
        if one is None:
            return
        if one.died_s is not None:
            self.notify(f"{printable(one.name)} has died: nothing refers to it.", markup=False)
            return

        def ask(inspection: str) -> Command:
            return Inspect(inspection=inspection, watch=one.watch)

        title = f"{printable(one.name)} {printable(one.type)}"
        self.post_message(Panel.InspectWanted(title, ask, one.address))
