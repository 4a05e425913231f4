"""Processes panel: the program and its children, and their threads on one time axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from refwatch.readings.threads.states import ThreadState
from refwatch.tui.help import Section
from refwatch.tui.messages import SubjectWanted
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.processes.costs import draw_costs, view_costs
from refwatch.tui.panels.processes.lines import (
    Timelines,
    choose,
    draw_timelines,
    draw_totals,
)
from refwatch.tui.panels.processes.table import (
    FIRST,
    MARK,
    TreeRow,
    arrange,
    columns_for,
    fmt_hint,
    make_row,
)
from refwatch.tui.panels.processes.view import (
    NOTHING,
    ProcessesView,
    StripView,
    hottest,
    view_processes,
)
from refwatch.tui.subject import Subject
from refwatch.tui.timeline_panel import TimelinePanel
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import StyledText
from refwatch.tui.views.table import Rows
from refwatch.tui.views.threads import fitting_states, known_until, legend, point_at
from refwatch.tui.views.timeline import ZOOMS_S
from refwatch.tui.widgets.lines import Lines, label_border
from refwatch.tui.widgets.live_table import LiveTable

TITLE = "Threads of all processes, on one time axis"
LEAST_TABLE = 5
"""Rows of the table, its heading among them, that the timelines leave to it at least."""
FRAME = 3
"""Lines of the timelines' box around them: its edges, and the time scale."""
LEAST_STRIPS = 2
"""Timelines; where there is room for fewer there are none."""


class ProcessStrips(Lines):
    """The timelines; a click on one chooses its process."""

    DEFAULT_CSS = """
    ProcessStrips {
        height: 5;
    }
    """

    @dataclass
    class Picked(Message):
        """A line was clicked, counted from the time scale on; ``twice``: to look at its process."""

        line: int
        twice: bool

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is not None:
            self.post_message(self.Picked(place.y, event.chain > 1))


class ProcessesPanel(TimelinePanel[Subject | None]):
    """Shows the processes of a session as a ProcessesView, which is read when numbers are drawn."""

    DEFAULT_CSS = """
    ProcessesPanel #processes-totals {
        height: auto;
        padding: 0 1;
    }
    ProcessesPanel #processes-costs {
        padding: 0 1;
        background: $surface;
    }
    ProcessesPanel #processes-body {
        height: 1fr;
    }
    """
    by_age: ClassVar[bool] = True

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("processes", FIRST, "pid, state or line", None, live=live)
        self._processes: ProcessesView = NOTHING
        self._rows: tuple[TreeRow, ...] = ()
        self._shown = Timelines()
        self._totals = Lines("processes-totals")
        self._costs = Lines("processes-costs")
        self._strips = ProcessStrips("processes-strips", box=TITLE)
        self._legend = Lines("processes-legend", classes="bar")

    def make_table(self) -> LiveTable:
        return LiveTable(columns_for(()), "processes-table", empty="No such process.")

    def compose(self) -> ComposeResult:
        yield self._totals
        with Vertical(id="processes-body"):
            yield self.table
            yield self._costs
            yield self._strips
        yield self._legend

    def totals(self) -> str:
        return fmt_hint(self._processes, self._rows)

    @property
    def total(self) -> int:
        return len(self._processes.rows)

    def start_over(self) -> None:
        """It is about all processes: nothing to forget."""

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> Subject:
        return subject

    def _draw(self) -> None:
        if self._view is None:
            return
        view = self._processes = view_processes(self._view)
        self._totals.show(draw_totals(view, self.size.width - 2))
        self._rows = arrange(view, self.order)
        rows = {row.process.number: make_row(row, view.subject) for row in self._rows}
        shown = Rows(tuple(rows), rows.__getitem__)
        self.table.show(columns_for(self._rows), shown, self.order.sort, self.order.reverse)
        self._draw_costs()
        self._make_room()
        self.keep_strips([(each.number, each.serial) for each in self._shown.strips])
        self._legend.show((legend(self._states()),))
        self.move_strips()
        self.draw_strips()

    @on(LiveTable.CursorMoved)
    def _cursor_moved(self) -> None:
        self._draw_costs()
        self._make_room()

    def _draw_costs(self) -> None:
        """Of the process under the cursor."""
        number = self.table.cursor
        process = self._view.state.processes.get(number or 0) if self._view is not None else None
        lines = draw_costs(view_costs(process), self.size.width - 2) if process is not None else ()
        self._costs.show(lines)
        self._costs.styles.height = len(lines)

    def _make_room(self) -> None:
        """Give the table what it needs, and the rest to the timelines; both shrink to what they
        show."""
        room = self.size.height - len(self._totals.lines) - len(self._costs.lines) - 1
        needed = max(LEAST_TABLE, len(self.table.rows) + 1)
        numbers = [row.process.number for row in self._rows]
        width = self.size.width - 4
        since = self.end_s - self.back_s - self.strip_width * 2 * ZOOMS_S[self.zoom]
        wanted = choose(self._processes, numbers, since, room, width).rows + FRAME
        table = min(needed, max(room - wanted, room * 2 // 5, LEAST_TABLE))
        self._shown = choose(self._processes, numbers, since, room - table - FRAME, width)
        fits = len(self._shown.strips) >= min(LEAST_STRIPS, len(self._processes.strips))
        self._strips.display = fits and bool(self._shown.strips)
        self.table.styles.height = table if self._strips.display else room
        self._strips.styles.height = self._shown.rows + FRAME
        label_border(self._strips, TITLE, self._shown.rest)

    def _states(self) -> tuple[ThreadState, ...]:
        """The legend's states: all if they fit, else those of the timelines, as many as fit."""
        used = frozenset[ThreadState]().union(*(strip.states for strip in self._shown.strips))
        return fitting_states(used, self.size.width - 2)

    # -- timelines -----------------------------------------------------------------------------

    @property
    def end_s(self) -> float:
        """Up to which all are known, but for processes whose samples are late."""
        subject = self._view
        if subject is None:
            return 0.0
        numbers = dict.fromkeys(strip.number for strip in self._shown.strips)
        processes = [subject.state.processes.get(number) for number in numbers]
        return known_until(filter(None, processes), subject.now)

    @property
    def ended(self) -> bool:
        return not self._processes.totals.alive

    @property
    def strip_width(self) -> int:
        return max(0, self.size.width - 4 - self._shown.label)

    def draw_strips(self) -> None:
        self._strips.show(
            draw_timelines(
                self._shown,
                self.scale,
                self._cells_of,
                self._processes.subject,
                self._strips.content_size.width or self.size.width - 4,
            )
        )

    def _cells_of(self, strip: StripView, width: int) -> list[StyledText]:
        return self.strip((strip.number, strip.serial), strip.runs, width)

    def pointed(self) -> Pointed | None:
        """The line at which the process under the cursor ran or waited most; else its pid."""
        number = self.table.cursor
        process = self._view.state.processes.get(number or 0) if self._view is not None else None
        row = next((row for row in self._processes.rows if row.number == number), None)
        if process is None or row is None:
            return None
        found = point_at(process, hottest(process, idle=row.condition == "idle"))
        return found or Pointed(text=str(row.pid))

    # -- keys and mouse ------------------------------------------------------------------------

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        self.post_message(SubjectWanted(event.key))

    @on(ProcessStrips.Picked)
    def _strip_picked(self, event: ProcessStrips.Picked) -> None:
        strip = self._shown.at(event.line)
        index = self.table.rows.index_of(strip.number) if strip is not None else None
        if strip is None or index is None:
            return
        self.table.move_to(index)
        self.table.focus()
        if event.twice:
            self.post_message(SubjectWanted(strip.number))


MEANINGS = (
    (MARK, "accent", "the one that all other panels show; backspace: the program again"),
    ("CPUs", "strong", "CPUs in use now, or in its whole life; CPU s since it began"),
    ("GIL held", "gil_held", "share of the last second in which its own GIL was held"),
    ("USS", "muted", "private memory, shared with no other process; - where it is not read"),
)  # fmt: skip
SPEC = PanelSpec(
    "processes",
    "Processes",
    ProcessesPanel,
    short="Procs",
    fast=True,
    help=(
        ProcessesPanel.own_keys("processes", "Processes"),
        Section("What is told of a process", MEANINGS),
    ),
)
