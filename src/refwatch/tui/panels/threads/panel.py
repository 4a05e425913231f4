"""Threads panel: what each thread does, and beside it the last seconds of its life."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from refwatch.readings.threads.states import ThreadState
from refwatch.text.formats import fmt_duration
from refwatch.tui.help import Section, key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.threads.detail_view import draw_preview, view_detail
from refwatch.tui.panels.threads.timeline import DEFAULT_ZOOM, ZOOMS_S, StripCells, Window, window
from refwatch.tui.panels.threads.view import (
    KEEP_S,
    ThreadsView,
    arrange,
    columns_for,
    fmt_totals,
    legend,
    used_states,
    view_threads,
)
from refwatch.tui.source import source_line
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.views.chart import draw_time_scale
from refwatch.tui.views.styled_text import Line, StyledText, width_of
from refwatch.tui.views.table import Order
from refwatch.tui.views.threads import GLYPHS, WORDS
from refwatch.tui.widgets.lines import Lines, Picture, label_border
from refwatch.tui.widgets.live_table import LiveTable

PREVIEW_ROWS = 8
"""Least height of the preview below the table."""
STRIP_CELLS = 24
"""Least width of the timelines; below it columns give way."""


NOTHING = ThreadsView((), 0.0, 0)


class ThreadsPanel(TablePanel[ThreadsView]):
    """Shows a ThreadsView."""

    DEFAULT_CSS = """
    ThreadsPanel #preview {
        height: 10;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(-1)", "Zoom", key_display="+ -", id="threads.zoom_in",
                tooltip="Less time in a cell of the timelines"),
        Binding("minus", "zoom(1)", "Zoom out", show=False, key_display="-", id="threads.zoom_out",
                tooltip="More time in a cell of the timelines"),
        Binding("left", "scroll_time(-1)", "Back in time", show=False, id="threads.earlier",
                tooltip="Earlier timelines, while paused"),
        Binding("right", "scroll_time(1)", "Forward in time", show=False, id="threads.later",
                tooltip="Later timelines, while paused"),
        *TABLE_KEYS,
        Binding("v", "letters", "Letters", show=False, id="threads.letters",
                tooltip="Timelines in letters instead of colours"),
    ]  # fmt: skip
    by_age = True

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("threads", Order(), "thread name or line", NOTHING, live=live)
        self.zoom = DEFAULT_ZOOM
        self.letters = False
        self.back_s = 0.0
        """Seconds between the newest sample and the timelines' end; above 0 only while paused."""
        self._subject: Subject | None = None
        """What was read last."""
        self._window = window(0.0, self.zoom, 0)
        self._cells: dict[int, StripCells] = {}
        self._legend = Lines("legend", classes="bar")
        self._preview = Picture(draw_preview, "preview", box="")

    def make_table(self) -> LiveTable:
        return LiveTable(
            columns_for(NOTHING),
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
    def total(self) -> int:
        return len(self._view.threads)

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> ThreadsView:
        self._subject = subject
        return view_threads(subject)

    def start_over(self) -> None:
        super().start_over()
        self._cells.clear()
        self._subject = None

    def show(self, view: ThreadsView, *, numbers: bool) -> None:
        if not self.paused:
            self.back_s = 0.0
        super().show(view, numbers=numbers)
        if not numbers:
            self._draw_strips()

    def _draw(self) -> None:
        columns = columns_for(self._view)
        rows = arrange(self._view, columns, self.order)
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._make_room()
        self._legend.show((legend(self._states()),))
        if len(self._cells) > len(self._view.threads) + 100:
            serials = {thread.serial for thread in self._view.threads}
            self._cells = {key: cells for key, cells in self._cells.items() if key in serials}
        self._draw_preview()
        self._draw_strips()

    @on(LiveTable.CursorMoved)
    def _draw_preview(self) -> None:
        """Show the lines of the thread under the cursor, where there is room for them."""
        serial = self.table.cursor if self._preview.display else None
        if serial is None or self._subject is None:
            return
        view = view_detail(self._subject, serial, source_line)
        if view is not None:
            label_border(self._preview, f"{view.name}: where its time goes")
            self._preview.present(view)

    def _make_room(self) -> None:
        """Give the table what it needs; steps of four rows keep the rest steady."""
        rows = len(self.table.rows)
        free = self.size.height - 2 - (rows + 3) // 4 * 4
        self._preview.display = bool(rows) and free >= PREVIEW_ROWS
        if self._preview.display:
            self._preview.styles.height = free

    def _states(self) -> tuple[ThreadState, ...]:
        """The legend's states: all if they fit, else those that occur."""
        everything = tuple(ThreadState)
        if width_of(legend(everything)) <= self.size.width - 2:
            return everything
        return used_states(self._view)

    def _draw_strips(self) -> None:
        end = self._view.end_s - self.back_s
        shown = window(end, self.zoom, self.table.tail_cells)
        if shown != self._window:
            self._window = shown
            self.table.refresh_tails()

    def _tail(self, serial: int, width: int) -> list[StyledText]:
        strip = self._view.strips.get(serial)
        if strip is None or width <= 0:
            return []
        cells = self._cells.get(serial)
        if cells is None:
            cells = self._cells[serial] = StripCells()
        shown = self._window
        if shown.count != width:
            shown = Window(shown.cell_s, shown.last, width)
        return cells.styled(strip, shown, self.letters)

    def _scale(self, width: int) -> Line:
        """Heading of the timelines: their time scale."""
        if self.back_s:
            right = f"{fmt_duration(self.back_s)} before the pause"
            return draw_time_scale("", right, width)
        shown = self._window
        seconds, middle = shown.count * shown.cell_s, f" {shown.cell_s * 1000:g} ms a cell "
        if self._view.ended:
            return draw_time_scale(f"last {fmt_duration(seconds)}", "end", width, middle)
        return draw_time_scale(f"{fmt_duration(seconds)} ago", "now", width, middle)

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
            return self.paused
        return True

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        self.app.push_screen(ThreadScreen(event.key))


EXPLAINED: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "runs Python code and holds the GIL",
    ThreadState.GIL_WAIT: "wants the GIL and waits for it",
    ThreadState.NATIVE: "on a CPU without the GIL: zlib, numpy, hashing",
    ThreadState.CPU_WAIT: "ready to run, waiting for CPU",
    ThreadState.IO_WAIT: "blocked in a system call on a descriptor",
    ThreadState.LOCK_WAIT: "blocked on a lock, a condition, a queue or a join",
    ThreadState.SLEEP: "sleeping",
    ThreadState.CHILD_WAIT: "waiting for a child process",
    ThreadState.OTHER: "anything else: stopped, a page fault",
}
TIMELINES = (
    "A full cell is one state, ▌ two in sequence; a bar ▃ two states alternating within the cell, "
    "the height of a colour being its share. + zooms in."
)
SPEC = PanelSpec(
    "threads",
    "Threads",
    ThreadsPanel,
    fast=True,
    help=(
        ThreadsPanel.own_keys("threads", "Threads"),
        key_section("thread", "One thread", [*LiveScreen.BINDINGS, *ThreadScreen.BINDINGS]),
        Section(
            "States of a thread, exactly one at each sample",
            tuple((f"{GLYPHS[s]} {WORDS[s]}", str(s), text) for s, text in EXPLAINED.items()),
        ),
        Section("Timelines", (("", "", TIMELINES),)),
    ),
)
