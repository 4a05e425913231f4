"""Threads panel: what each thread does, and beside it the last seconds of its life."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from refwatch.readings.threads.states import ThreadState
from refwatch.tui.help import Section, key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.threads.detail_view import (
    DetailView,
    draw_preview,
    view_detail,
    view_record,
)
from refwatch.tui.panels.threads.tasks import TASKS_KEY, TasksScreen
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
from refwatch.tui.views.chart import stacked
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import StyledText
from refwatch.tui.views.table import Order
from refwatch.tui.views.thread_groups import as_thread, is_group
from refwatch.tui.views.threads import (
    GLYPHS,
    WORDS,
    fill,
    fitting_states,
    legend,
    of_key,
    point_at_thread,
)
from refwatch.tui.widgets.lines import Lines, Picture, label_border
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.tui.widgets.tree_lines import TREE_KEYS

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
    BINDINGS: ClassVar[list[BindingType]] = [TASKS_KEY]
    by_age = True

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("threads", Order(), "thread name or line", NOTHING, live=live)
        self._subject: Subject | None = None
        """What was read last."""
        self._opened: set[int] = set()
        """Keys of the groups whose threads are shown."""
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
        hidden = self.order.hide_ended or self.order.filter
        return fmt_totals(self._view, len(self.table.rows) if hidden else None)

    @property
    def total(self) -> int:
        return len(self._view.threads)

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> ThreadsView:
        self._subject = subject
        return view_threads(subject, self._opened)

    def start_over(self) -> None:
        super().start_over()
        self._subject = None
        self._opened.clear()

    def _draw(self) -> None:
        columns = columns_for(self._view)
        rows = arrange(self._view, columns, self.order)
        self.table.show(columns, rows, self.order.sort, self.order.reverse)
        self._make_room()
        self._legend.show((legend(self._states()),))
        self.keep_strips(self._view.strips.keys())
        self._draw_preview()
        if self.move_strips():
            self.draw_strips()

    @on(LiveTable.CursorMoved)
    def _draw_preview(self) -> None:
        """Show the lines of the thread under the cursor, where there is room for them."""
        key = self.table.cursor if self._preview.display else None
        if key is None or self._subject is None:
            return
        view = self._view_row(self._subject, key)
        if view is not None:
            label_border(self._preview, f"{view.name}: where its time goes")
            self._preview.present(view)

    @staticmethod
    def _view_row(subject: Subject, key: int) -> DetailView | None:
        """The thread of this row, or the sums of a group in its form."""
        number, serial = of_key(key)
        one = Subject(subject.state, number)
        if not is_group(key):
            return view_detail(one, serial, source_line)
        record = as_thread(one.process, key) if one.process is not None else None
        if one.process is None or record is None:
            return None
        return view_record(one.process, record, one.now, source_line)

    def _make_room(self) -> None:
        """Give the table what it needs; steps of four rows keep the rest steady."""
        rows = len(self.table.rows)
        free = self.size.height - 2 - (rows + 3) // 4 * 4
        self._preview.display = bool(rows) and free >= PREVIEW_ROWS
        if self._preview.display:
            self._preview.styles.height = free

    def _states(self) -> tuple[ThreadState, ...]:
        """The legend's states: all if they fit, else those that occur."""
        return fitting_states(used_states(self._view), self.size.width - 2)

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
        if is_group(key):
            return self._sums(key, width)
        strip = self._view.strips.get(key)
        return self.strip(key, strip, width) if strip is not None and width > 0 else []

    def _sums(self, key: int, width: int) -> list[StyledText]:
        """The states of a group's threads side by side, in place of a timeline."""
        group = next((thread for thread in self._view.threads if thread.key == key), None)
        if group is None or width <= 0:
            return []
        parts = zip((fill(state) for state in ThreadState), group.shares, strict=True)
        return stacked(parts, width)

    def _turn(self, key: int, *, opens: bool) -> None:
        """Show the threads of a group, or hide them."""
        if self._subject is not None and opens != (key in self._opened):
            self._opened ^= {key}
            self._view = self.read(self._subject)
            self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if (
            action == "scroll_time"
            and self.table.cursor is not None
            and is_group(self.table.cursor)
        ):
            return True
        return super().check_action(action, parameters)

    def action_scroll_time(self, by: int) -> None:
        """On a group → opens it and ← closes it, unless they move the timelines of a pause."""
        key = self.table.cursor
        if self.paused or key is None:
            super().action_scroll_time(by)
        elif is_group(key):
            self._turn(key, opens=by > 0)

    def action_tasks(self) -> None:
        """Show the tasks of the thread under the cursor, or of its process."""
        key = self.table.cursor
        if key is not None:
            process, serial = of_key(key)
            self.app.push_screen(TasksScreen(process, None if is_group(key) else serial))

    def pointed(self) -> Pointed | None:
        """The innermost line of the thread under the cursor, or else its name."""
        key = self.table.cursor or 0
        if is_group(key):
            return next(
                (Pointed(text=row.name) for row in self._view.threads if row.key == key), None
            )
        number, serial = of_key(key)
        process = self._subject.state.processes.get(number) if self._subject else None
        thread = process.threads.get(serial) if process is not None else None
        return point_at_thread(process, thread) if process and thread else None

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        if is_group(event.key):
            self._turn(event.key, opens=event.key not in self._opened)
            return
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
GROUPS = (
    "Threads that come and go are one row, by their name without its numbers, else by the function "
    "that they run; enter, → or a click shows those that are alive and the newest of the others. "
    "Its bar has the states of all of them side by side."
)
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
        key_section("tasks", "Tasks", [*TREE_KEYS, *TasksScreen.BINDINGS]),
        Section(
            "States of a thread, exactly one at each sample",
            tuple((f"{GLYPHS[s]} {WORDS[s]}", str(s), text) for s, text in EXPLAINED.items()),
        ),
        Section("Groups", (("", "", GROUPS),)),
        Section("Timelines", (("", "", TIMELINES),)),
    ),
)
