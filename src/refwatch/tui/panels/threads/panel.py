"""Threads panel: what each thread does, and beside it the last seconds of its life."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult

from refwatch.readings.threads.states import ThreadState
from refwatch.tui.help import Section, key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.threads.detail_view import draw_preview, view_detail
from refwatch.tui.panels.threads.view import (
    ThreadsView,
    arrange,
    columns_for,
    fmt_totals,
    used_states,
    view_threads,
)
from refwatch.tui.source import source_line
from refwatch.tui.subject import Subject
from refwatch.tui.timeline_panel import TimelinePanel
from refwatch.tui.views.styled_text import StyledText, width_of
from refwatch.tui.views.table import Order
from refwatch.tui.views.threads import GLYPHS, WORDS, legend, of_key
from refwatch.tui.widgets.lines import Lines, Picture, label_border
from refwatch.tui.widgets.live_table import LiveTable

PREVIEW_ROWS = 8
"""Least height of the preview below the table."""
STRIP_CELLS = 24
"""Least width of the timelines; below it columns give way."""
NOTHING = ThreadsView((), 0.0, 0)


class ThreadsPanel(TimelinePanel[ThreadsView]):
    """Shows a ThreadsView."""

    DEFAULT_CSS = """
    ThreadsPanel #preview {
        height: 10;
    }
    """
    by_age = True

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("threads", Order(), "thread name or line", NOTHING, live=live)
        self._subject: Subject | None = None
        """What was read last."""
        self._legend = Lines("legend", classes="bar")
        self._preview = Picture(draw_preview, "preview", box="")

    def make_table(self) -> LiveTable:
        return LiveTable(
            columns_for(NOTHING),
            "threads-table",
            tail=self._tail,
            tail_width=STRIP_CELLS,
            tail_title=self.scale,
            empty="No thread yet.",
        )

    def compose(self) -> ComposeResult:
        yield self.table
        yield self._preview
        yield self._legend

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
        self._subject = None

    def _draw(self) -> None:
        columns = columns_for(self._view)
        rows = arrange(self._view, columns, self.order)
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._make_room()
        self._legend.show((legend(self._states()),))
        self.keep_strips([thread.key for thread in self._view.threads])
        self._draw_preview()
        if self.move_strips():
            self.draw_strips()

    @on(LiveTable.CursorMoved)
    def _draw_preview(self) -> None:
        """Show the lines of the thread under the cursor, where there is room for them."""
        key = self.table.cursor if self._preview.display else None
        if key is None or self._subject is None:
            return
        number, serial = of_key(key)
        view = view_detail(Subject(self._subject.state, number), serial, source_line)
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

    @property
    def end_s(self) -> float:
        return self._view.end_s

    @property
    def ended(self) -> bool:
        return self._view.ended

    @property
    def strip_width(self) -> int:
        return self.table.tail_cells

    def draw_strips(self) -> None:
        self.table.refresh_tails()

    def _tail(self, key: int, width: int) -> list[StyledText]:
        strip = self._view.strips.get(key)
        return self.strip(key, strip, width) if strip is not None and width > 0 else []

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        number, serial = of_key(event.key)
        self.app.push_screen(ThreadScreen(number, serial))


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
    together=True,
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
