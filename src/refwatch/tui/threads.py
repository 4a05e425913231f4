"""Panel 2, Threads: what each thread does, and beside it the last seconds of its life."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from refwatch.model.states import ThreadState
from refwatch.tui.panel import Panel
from refwatch.tui.views.formats import fmt_duration
from refwatch.tui.views.spans import Line, Span, width_of
from refwatch.tui.views.states import legend
from refwatch.tui.views.thread_detail import DetailView, draw_preview
from refwatch.tui.views.threads import (
    KEEP_S,
    Order,
    ThreadsView,
    arrange,
    columns_for,
    falls,
    fmt_totals,
)
from refwatch.tui.views.timeline import DEFAULT_ZOOM, ZOOMS_S, StripCells, Window, window
from refwatch.tui.widgets.lines import Lines, Picture
from refwatch.tui.widgets.live_table import LiveTable

PREVIEW_ROWS = 8
"""With less room than this below the table, it stays empty."""
STRIP_CELLS = 24
"""Least width of the timelines: below it columns give way."""


class ThreadsPanel(Panel):
    """Shows a ThreadsView."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "plus,equals_sign",
            "zoom(-1)",
            "Zoom in",
            key_display="+",
            id="threads.zoom_in",
            tooltip="Less time in a cell of the timelines",
        ),
        Binding(
            "minus",
            "zoom(1)",
            "Zoom out",
            key_display="-",
            id="threads.zoom_out",
            tooltip="More time in a cell of the timelines",
        ),
        Binding(
            "left",
            "scroll_time(-1)",
            "Back in time",
            show=False,
            id="threads.earlier",
            tooltip="Earlier timelines, while paused",
        ),
        Binding(
            "right",
            "scroll_time(1)",
            "Forward in time",
            show=False,
            id="threads.later",
            tooltip="Later timelines, while paused",
        ),
        Binding(
            "o,greater_than_sign",
            "sort(1)",
            "Sort",
            key_display="o",
            id="threads.sort",
            tooltip="Sort by the next column; O by the one before; or click a heading",
        ),
        Binding(
            "O,less_than_sign",
            "sort(-1)",
            "Sort by the column before",
            show=False,
            id="threads.sort_back",
        ),
        Binding(
            "r",
            "reverse",
            "Reverse",
            show=False,
            id="threads.reverse",
            tooltip="Turn the order round",
        ),
        Binding(
            "slash",
            "filter",
            "Filter",
            key_display="/",
            id="threads.filter",
            tooltip="Show threads whose name or line has this text",
        ),
        Binding("escape", "clear_filter", "Clear the filter", show=False, id="threads.clear"),
        Binding(
            "e",
            "ended",
            "Ended",
            show=False,
            id="threads.ended",
            tooltip="Hide or show threads that have ended",
        ),
        Binding(
            "v",
            "letters",
            "Letters",
            show=False,
            id="threads.letters",
            tooltip="Timelines in letters instead of colours",
        ),
    ]

    class PreviewWanted(Message):
        """Another thread is under the cursor."""

    class ThreadOpened(Message):
        """The user wants to see one thread."""

        def __init__(self, serial: int) -> None:
            super().__init__()
            self.serial = serial

    def __init__(self) -> None:
        super().__init__(id="threads")
        self.order = Order()
        self.zoom = DEFAULT_ZOOM
        self.letters = False
        self.back_s = 0.0
        """How far before the newest sample the timelines end; above 0 only while paused."""
        self._view = ThreadsView((), 0.0, 0)
        self._window = window(0.0, self.zoom, 0)
        self._cells: dict[int, StripCells] = {}
        self._legend = Lines("legend")
        self._preview: Picture[DetailView] = Picture(draw_preview, "preview", classes="box")
        self._table = LiveTable(
            columns_for(self._view),
            "threads-table",
            tail=self._tail,
            tail_width=STRIP_CELLS,
            tail_title=self._scale,
            empty="No thread yet.",
        )

    def compose(self) -> ComposeResult:
        yield self._table
        yield self._preview
        yield self._legend

    def on_mount(self) -> None:
        self.letters = self.app.no_color

    def focus_content(self) -> None:
        self._table.focus()

    def hint(self) -> Line:
        shown = f"filter “{self.order.filter}”, " if self.order.filter else ""
        return ((shown + fmt_totals(self._view, len(self._table.rows)), "muted"),)

    @property
    def table(self) -> LiveTable:
        return self._table

    # -- what is shown -------------------------------------------------------------------------

    def show(self, view: object, *, numbers: bool) -> None:
        if not isinstance(view, ThreadsView):
            return
        self._view = view
        if numbers:
            self._rows()
        self._strips()

    def _rows(self) -> None:
        columns = columns_for(self._view)
        rows = arrange(self._view, columns, self.order)
        self._table.show(columns, rows, self.order.sort, self.order.reverse)
        self._make_room()
        self._legend.show((legend(self._states()),))
        if len(self._cells) > len(self._view.threads) + 100:
            known = {thread.serial for thread in self._view.threads}
            self._cells = {key: cells for key, cells in self._cells.items() if key in known}

    @property
    def previewed(self) -> int | None:
        """The thread whose lines are shown below the table, where there is room for them."""
        return self._table.cursor if self._preview.display else None

    def preview(self, view: DetailView) -> None:
        """Show this below the table."""
        title = Content(f"{view.name}: where its time goes")
        if self._preview.border_title != title.markup:
            self._preview.border_title = title
        self._preview.present(view)

    def _make_room(self) -> None:
        """The table has what it needs; steps of four rows keep the rest from moving about."""
        rows = len(self._table.rows)
        free = self.size.height - 2 - (rows + 3) // 4 * 4
        self._preview.display = bool(rows) and free >= PREVIEW_ROWS
        if self._preview.display:
            self._preview.styles.height = free

    def _states(self) -> tuple[ThreadState, ...]:
        """All of them where they have room, else those that occur."""
        everything = tuple(ThreadState)
        if width_of(legend(everything)) <= self.size.width - 2:
            return everything
        return tuple(
            state
            for index, state in enumerate(everything)
            if index < 2 or any(thread.shares[index] >= 0.005 for thread in self._view.threads)
        )

    def _strips(self) -> None:
        end = self._view.end_s - self.back_s
        shown = window(end, self.zoom, self._table.tail_cells)
        if shown != self._window:
            self._window = shown
            self._table.refresh_tails()

    def _tail(self, serial: int, width: int) -> list[Span]:
        strip = self._view.strips.get(serial)
        if strip is None or width <= 0:
            return []
        cells = self._cells.get(serial)
        if cells is None:
            cells = self._cells[serial] = StripCells()
        shown = self._window
        if shown.count != width:
            shown = Window(shown.cell_s, shown.last, width)
        return cells.spans(strip, shown, self.letters)

    def _scale(self, width: int) -> Line:
        """What the timelines' width stands for, over them."""
        shown = self._window
        left = f"{fmt_duration(shown.count * shown.cell_s)} ago"
        right = "now" if not self.back_s else f"{fmt_duration(self.back_s)} before the pause"
        middle = f" {shown.cell_s * 1000:g} ms a cell "
        room = width - len(left) - len(right)
        if self.back_s:
            left, middle, room = "", "", width - len(right)
        if room < 2:
            return ((right.rjust(width), "muted"),)
        if room < len(middle) + 2:
            return ((left + "┈" * room + right, "muted"),)
        return ((left + middle.center(room, "┈") + right, "muted"),)

    # -- keys ----------------------------------------------------------------------------------

    def action_zoom(self, by: int) -> None:
        self.zoom = min(max(self.zoom + by, 0), len(ZOOMS_S) - 1)
        self._redraw()

    def action_letters(self) -> None:
        self.letters = not self.letters
        self._redraw()

    def action_scroll_time(self, by: int) -> None:
        step = max(1, self._window.count // 4) * self._window.cell_s
        longest = max(0.0, min(KEEP_S, self._view.end_s) - self._window.count * self._window.cell_s)
        self.back_s = min(max(self.back_s - by * step, 0.0), longest)
        self._redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "scroll_time":
            return bool(getattr(self.app, "paused", False))
        return True

    def resumed(self) -> None:
        """The view moves on: back to the newest sample."""
        self.back_s = 0.0

    def action_sort(self, by: int) -> None:
        keys = ["seen", *(column.key for column in columns_for(self._view))]
        now = keys.index(self.order.sort) if self.order.sort in keys else 0
        self._sort(keys[(now + by) % len(keys)])

    def _sort(self, key: str) -> None:
        self.order = replace(self.order, sort=key, reverse=falls(key))
        self._redraw()

    def action_reverse(self) -> None:
        self.order = replace(self.order, reverse=not self.order.reverse)
        self._redraw()

    def action_ended(self) -> None:
        self.order = replace(self.order, hide_ended=not self.order.hide_ended)
        self._redraw()

    def _redraw(self) -> None:
        self._rows()
        self._strips()
        self._table.refresh()
        self.post_message(self.HintChanged())

    @on(LiveTable.HeadingClicked)
    def _heading_clicked(self, event: LiveTable.HeadingClicked) -> None:
        if event.column == self.order.sort:
            self.action_reverse()
        else:
            self._sort(event.column)

    @on(LiveTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self.post_message(self.PreviewWanted())

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        self.post_message(self.ThreadOpened(event.key))

    # -- filter --------------------------------------------------------------------------------

    async def action_filter(self) -> None:
        boxes = self.query("#filter").results(Input)
        box = next(boxes, None)
        if box is None:
            box = Input(
                self.order.filter, placeholder="thread name or line", id="filter", compact=True
            )
            await self.mount(box)
        box.focus()

    async def action_clear_filter(self) -> None:
        self.order = replace(self.order, filter="")
        await self.query("#filter").remove()
        self._table.focus()
        self._redraw()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.order = replace(self.order, filter=event.value)
        self._redraw()

    @on(Input.Submitted, "#filter")
    async def _filter_submitted(self) -> None:
        await self.query("#filter").remove()
        self._table.focus()

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        self.call_after_refresh(self._redraw)
