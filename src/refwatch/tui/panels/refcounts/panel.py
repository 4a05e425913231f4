"""Refcounts panel: watched objects, their reference counts, and how these have changed."""

from __future__ import annotations

import re
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from refwatch.text.sanitize import printable
from refwatch.tui.answers import watch_found
from refwatch.tui.help import Section
from refwatch.tui.messages import InspectWanted, SendWanted, TextWanted
from refwatch.tui.panel import PanelSpec, can_ask
from refwatch.tui.panels.refcounts.lines import (
    Chosen,
    draw_edge,
    draw_empty,
    draw_facts,
    draw_history,
)
from refwatch.tui.panels.refcounts.view import (
    BY_DEFAULT,
    RefcountsView,
    arrange,
    columns_for,
    fmt_totals,
    view_refcounts,
)
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.views.chains import ROOT
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.widgets.lines import Lines, Picture, label_border
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.wire.commands import Command, Inspect, Unwatch, WatchObject

PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
HISTORY_ROWS = 9
"""Least height for the history; below it one line describes the object."""
NOTHING = RefcountsView((), 0.0, (), (), None, "")


class RefcountsPanel(TablePanel[RefcountsView]):
    """Shows a RefcountsView."""

    DEFAULT_CSS = """
    RefcountsPanel #refcounts-empty {
        height: 1fr;
        padding: 1 2;
    }
    RefcountsPanel #facts-line {
        height: auto;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "unwatch", "Unwatch", id="refcounts.unwatch",
                tooltip="Stop watching the object under the cursor"),
        Binding("plus,W", "watch", "Add", key_display="+", id="refcounts.watch",
                tooltip="Watch an object by its path: pkg.mod.name.attr"),
        *TABLE_KEYS,
    ]  # fmt: skip
    by_age = True

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("refcounts", BY_DEFAULT, "name, type or address", NOTHING, live=live)
        self._empty: Picture[str] = Picture(
            lambda reason, width, height: draw_empty(reason, width)[:height], "refcounts-empty"
        )
        self._history = Picture(draw_history, "history", box="")
        self._facts = Lines("facts-line", classes="bar")
        self._edge = Lines("edge", classes="bar")

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
    def total(self) -> int:
        return len(self._view.objects)

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> RefcountsView:
        return view_refcounts(subject)

    def _draw(self) -> None:
        view, width = self._view, self.size.width
        columns = columns_for(view, width, self.baseline)
        rows = arrange(view, columns, self.order, self.baseline)
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._empty.display = not view.objects
        self.table.display = bool(view.objects)
        if not view.objects:
            self._empty.present(view.reason)
        self._edge.show((draw_edge(view, self.baseline, width - 2),))
        self._show_chosen()

    @on(LiveTable.CursorMoved)
    def _show_chosen(self) -> None:
        """Describe the object under the cursor, with its history if there is room."""
        rows = len(self.table.rows)
        record = self._view.of(self.table.cursor) if rows else None
        free = self.size.height - 2 - (rows + 3) // 4 * 4
        self._history.display = record is not None and free >= HISTORY_ROWS
        self._facts.display = record is not None and not self._history.display
        if record is None:
            return
        chosen = Chosen(self._view, record, self.baseline)
        if self._history.display:
            self._history.styles.height = min(free, self.size.height // 2)
            label_border(self._history, f"References of {printable(record.found.name)}")
            self._history.present(chosen)
        else:
            self._facts.show(draw_facts(chosen, self.size.width - 2))

    def pointed(self) -> Pointed | None:
        """The name of the object under the cursor."""
        record = self._view.of(self.table.cursor)
        return Pointed(text=record.found.name) if record is not None else None

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action not in {"watch", "unwatch"} or can_ask(self)

    def action_watch(self) -> None:
        self.post_message(
            TextWanted(
                "Watch an object",
                "Its count is read from now on, or once it exists.",
                self._watch,
                placeholder="pkg.mod.name.attr",
            )
        )

    def _watch(self, path: str) -> SendWanted | None:
        if not PATH.fullmatch(path):
            self.notify(f"Not a dotted path of names: {path}", severity="warning", markup=False)
            return None
        said = f"{path} is watched as soon as it exists"
        return SendWanted(WatchObject(path=path), said, watch_found)

    def action_unwatch(self) -> None:
        record = self._view.of(self.table.cursor)
        if record is not None and record.ended_s is None:
            self.post_message(SendWanted(Unwatch(watch=record.found.watch)))
        elif record is not None:
            self.notify(
                f"{printable(record.found.name)} has died and is no longer watched.", markup=False
            )

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        record = self._view.of(event.key)
        if record is None:
            return
        if record.ended_s is not None:
            self.notify(
                f"{printable(record.found.name)} has died; nothing refers to it.", markup=False
            )
            return

        def ask(inspection: str) -> Command:
            return Inspect(inspection=inspection, watch=record.found.watch)

        title = f"{printable(record.found.name)} {printable(record.found.type)}"
        self.post_message(InspectWanted(title, ask, record.found.address))


REFERENCES = (
    ("Refs", "strong", "the true count: refwatch's own reference is taken off"),
    ("▲ ▼", "key", "it has changed in the last two seconds"),
    ("raw ctypes", "muted", "as read from the object's memory, nothing taken off"),
    ("raw getrefcount", "muted", "as sys.getrefcount says, its own argument included"),
    ("held", "accent", "no weak reference is possible: refwatch holds a strong one"),
    ("immortal", "muted", "never freed; what is read of it is no count"),
    (f"{ROOT} module", "accent", "a module, a frame or a thread: what keeps the rest alive"),
    ("↺ shown above", "warning", "a cycle: this object is above already"),
)
SPEC = PanelSpec(
    "refcounts",
    "Refcounts",
    RefcountsPanel,
    short="Refs",
    compares=True,
    help=(RefcountsPanel.own_keys("refcounts", "Refcounts"), Section("References", REFERENCES)),
)
