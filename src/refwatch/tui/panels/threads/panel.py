"""Panel 2, Threads: what each thread does, and beside it the last seconds of its life."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from refwatch.readings.threads.states import ThreadState
from refwatch.text.formats import fmt_duration
from refwatch.tui.panels.threads.detail_view import DetailView, draw_preview
from refwatch.tui.panels.threads.timeline import DEFAULT_ZOOM, ZOOMS_S, StripCells, Window, window
from refwatch.tui.panels.threads.view import (
    KEEP_S,
    ThreadsView,
    arrange,
    columns_for,
    falls,
    fmt_totals,
)
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.views.spans import Line, Span, width_of
from refwatch.tui.views.states import legend
from refwatch.tui.views.table import Order
from refwatch.tui.widgets.lines import Lines, Picture
from refwatch.tui.widgets.live_table import LiveTable

PREVIEW_ROWS = 8
"""With less room than this below the table, it stays empty."""
STRIP_CELLS = 24
"""Least width of the timelines: below it columns give way."""


class ThreadsPanel(TablePanel):
    """Shows a ThreadsView."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "plus,equals_sign",
            "zoom(-1)",
            "Zoom",
            key_display="+ -",
            id="threads.zoom_in",
            tooltip="Less time in a cell of the timelines",
        ),
        Binding(
            "minus",
            "zoom(1)",
            "Zoom out",
            show=False,
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
        *TABLE_KEYS,
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
        super().__init__("threads", Order(), "thread name or line")
        self.zoom = DEFAULT_ZOOM
        self.letters = False
        self.back_s = 0.0
        """How far before the newest sample the timelines end; above 0 only while paused."""
        self._view = ThreadsView((), 0.0, 0)
        self._window = window(0.0, self.zoom, 0)
        self._cells: dict[int, StripCells] = {}
        self._legend = Lines("legend")
        self._preview: Picture[DetailView] = Picture(draw_preview, "preview", classes="box")

    def make_table(self) -> LiveTable:
        return LiveTable(
            columns_for(ThreadsView((), 0.0, 0)),
            "threads-table",
            tail=self._tail,
            tail_width=STRIP_CELLS,
            tail_title=self._scale,
            empty="No thread yet.",
        )

    def compose(self) -> ComposeResult:
        yield self.table
        yield self._preview
        yield self._legend

    def on_mount(self) -> None:
        self.letters = self.app.no_color

    def totals(self) -> str:
        return fmt_totals(self._view, len(self.table.rows))

    @property
    def known(self) -> int:
        return len(self._view.threads)

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
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._make_room()
        self._legend.show((legend(self._states()),))
        if len(self._cells) > len(self._view.threads) + 100:
            known = {thread.serial for thread in self._view.threads}
            self._cells = {key: cells for key, cells in self._cells.items() if key in known}

    @property
    def previewed(self) -> int | None:
        """The thread whose lines are shown below the table, where there is room for them."""
        return self.table.cursor if self._preview.display else None

    def preview(self, view: DetailView) -> None:
        """Show this below the table."""
        title = Content(f"{view.name}: where its time goes")
        if self._preview.border_title != title.markup:
            self._preview.border_title = title
        self._preview.present(view)

    def _make_room(self) -> None:
        """The table has what it needs; steps of four rows keep the rest from moving about."""
        rows = len(self.table.rows)
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
        shown = window(end, self.zoom, self.table.tail_cells)
        if shown != self._window:
            self._window = shown
            self.table.refresh_tails()

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
        self.redraw()

    def action_letters(self) -> None:
        self.letters = not self.letters
        self.redraw()

    def action_scroll_time(self, by: int) -> None:
        step = max(1, self._window.count // 4) * self._window.cell_s
        longest = max(0.0, min(KEEP_S, self._view.end_s) - self._window.count * self._window.cell_s)
        self.back_s = min(max(self.back_s - by * step, 0.0), longest)
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "scroll_time":
            return bool(getattr(self.app, "paused", False))
        return True

    def resumed(self) -> None:
        """The view moves on: back to the newest sample."""
        self.back_s = 0.0

    def sort_keys(self) -> tuple[str, ...]:
        return ("seen", *(column.key for column in columns_for(self._view)))

    def falls(self, key: str) -> bool:
        return falls(key)

    def redraw(self) -> None:
        self._rows()
        self._strips()
        super().redraw()

    @on(LiveTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self.post_message(self.PreviewWanted())

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        self.post_message(self.ThreadOpened(event.key))

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        self.call_after_refresh(self.redraw)
