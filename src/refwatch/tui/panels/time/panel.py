"""Time panel: where the threads' time goes, as a table and as a flame graph."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from refwatch.tui.help import key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.time.detail import PlaceScreen
from refwatch.tui.panels.time.hottest import find_hottest, point_at
from refwatch.tui.panels.time.lines import StackNames, draw_how, draw_kin
from refwatch.tui.panels.time.table import (
    FIRST,
    Drawn,
    arrange,
    columns_for,
    fmt_totals,
    make_row,
)
from refwatch.tui.panels.time.view import (
    TIME_KINDS,
    By,
    Span,
    TimeOptions,
    TimeRow,
    TimeView,
    view_time,
)
from refwatch.tui.source import source_line
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import KEYS_WITHOUT_ENDS, OF_ROWS, TablePanel
from refwatch.tui.views.baselines import BaselineView, baselines_of, clamp
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.table import Row, Rows
from refwatch.tui.widgets.icicle import ICICLE_KEYS, Icicle, IciclePart
from refwatch.tui.widgets.lines import Lines
from refwatch.tui.widgets.live_table import LiveTable

TALL = 22
"""Height from which callers and callees are shown below the table."""
MOST_KINDS = 20
"""Kinds of threads that can be chosen."""


class TimePanel(TablePanel[Subject | None]):
    """Shows a TimeView, which is made when numbers are drawn."""

    DEFAULT_CSS = """
    TimePanel #time-kin {
        height: 8;
    }
    TimePanel #time-kin .box {
        width: 1fr;
        height: 100%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "what", "What", id="time.what",
                tooltip="Time on a CPU, holding or waiting for the GIL, in I/O, for locks, all"),
        Binding("t", "threads", "Threads", id="time.threads",
                tooltip="All threads, or those of one kind"),
        Binding("d", "span", "During", id="time.span",
                tooltip="Since the mark that b picks, the last minute, the last 10 s"),
        Binding("v", "level", "Level", id="time.level", tooltip="By function, by line"),
        Binding("i", "icicle", "Flames", id="time.icicle",
                tooltip="Stacks as a flame graph, and back to the table"),
        *KEYS_WITHOUT_ENDS,
    ]  # fmt: skip

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("time", FIRST, "function or file", None, live=live)
        self.options = TimeOptions()
        self.time = TimeView(self.options)
        self._rows: dict[int, TimeRow] = {}
        self._greatest = 0.0
        """Most seconds that one of them has itself."""
        self._read: tuple[object, ...] = ()
        """What the view was made of."""
        self._how = Lines("time-how", classes="bar")
        self._callers = Lines("time-callers", box="Called by")
        self._callees = Lines("time-callees", box="Calls")
        self._kin = Horizontal(self._callers, self._callees, id="time-kin")
        self.stacks = IciclePart("stacks")
        self._as_icicle = False

    def make_table(self) -> LiveTable:
        return LiveTable(columns_for(By.FUNCTION, 0), "time-table", empty="Nothing of that kind.")

    def compose(self) -> ComposeResult:
        yield self._how
        yield self.table
        yield self.stacks
        yield self._kin

    def totals(self) -> str:
        return fmt_totals(self.time, tuple(self._rows.values()))

    @property
    def total(self) -> int:
        return len(self.time.rows)

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> Subject:
        return subject

    def start_over(self) -> None:
        super().start_over()
        self.options = replace(self.options, kind=None)
        self._read = ()
        self.stacks.start_over()

    def _draw(self) -> None:
        if self._view is None:
            return
        since = self._since(self._view)
        self.options = replace(self.options, since=since.at)
        read = (self._view.state.version, self._view.number, self._view.together, self.options)
        if read != self._read:
            self._read, self.time = read, view_time(self._view, self.options)
        self.table.display = not self._as_icicle
        self.stacks.display = self._as_icicle
        self._how.show((draw_how(self.time, since.name, self.size.width - 2),))
        if self._as_icicle:
            self._kin.display = False
            names = StackNames(self.time, self._cwd)
            self.stacks.present(names, self.time.stacks, self.order.filter)
        else:
            self._draw_rows()
            self._draw_kin()

    def _since(self, subject: Subject) -> BaselineView:
        """The mark that the user chose."""
        known = baselines_of(subject)
        return known[clamp(self.baseline, known)] if known else BaselineView("start", 0.0)

    @property
    def _cwd(self) -> str:
        process = self._view.process if self._view is not None else None
        return process.started.cwd if process is not None else ""

    def _draw_rows(self) -> None:
        columns = columns_for(self.options.by, self.table.size.width, holds=self.time.holds)
        rows = arrange(self.time, self.order)
        self._rows = {row.site: row for row in rows}
        self._greatest = max((row.own for row in rows), default=0.0)
        self.table.say_if_empty(self.time.reason or "No such time.")
        shown = Rows([row.site for row in rows], self._make_row)
        self.table.show(columns, shown, self.order.sort, self.order.reverse)

    def _make_row(self, site: int) -> Row:
        name = next((place.width for place in self.table.placed if place.index == 0), 20)
        drawn = Drawn(self.time, self._cwd, name, source_line, self._greatest)
        return make_row(self._rows[site], drawn)

    @on(LiveTable.CursorMoved)
    def _draw_kin(self) -> None:
        """Callers and callees of the row under the cursor, where there is room for them."""
        site, shown = self.table.cursor, self._kin.display
        self._kin.display = self.size.height >= TALL and site in self._rows and not self._as_icicle
        if site is None or not self._kin.display:
            return
        if not shown:
            self.call_after_refresh(self._draw_kin)  # it has no width yet
        for lines, calls in ((self._callers, False), (self._callees, True)):
            width = lines.content_size.width
            lines.show(draw_kin(self.time, site, self._cwd, width, calls=calls))

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        if event.key in self._rows:
            self.app.push_screen(PlaceScreen(self.options, self.time.places[event.key]))

    @property
    def content(self) -> Widget:
        """The widget that the panel shows now."""
        return self.stacks.icicle if self._as_icicle else self.table

    def focus_content(self) -> None:
        self.content.focus()

    def hint(self) -> Line:
        return (self._as_icicle and self.stacks.hint()) or super().hint()

    @on(Icicle.Cleared)
    async def _search_ended(self) -> None:
        await self.action_clear_filter()

    def pointed(self) -> Pointed | None:
        """The line under the cursor; of a function its hottest one."""
        path = self.stacks.icicle.cursor
        site = (path[-1] if path else None) if self._as_icicle else self.table.cursor
        if self._view is None or site is None or not 0 <= site < len(self.time.places):
            return None
        return point_at(self.time.places[site], find_hottest(self._view, self.options), self._cwd)

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return not (self._as_icicle and action in OF_ROWS)

    def action_what(self) -> None:
        self._choose(replace(self.options, what=(self.options.what + 1) % len(TIME_KINDS)))

    def action_threads(self) -> None:
        kinds = (None, *self.time.kinds[:MOST_KINDS])
        now = kinds.index(self.options.kind) if self.options.kind in kinds else 0
        self._choose(replace(self.options, kind=kinds[(now + 1) % len(kinds)]))

    def action_span(self) -> None:
        spans = list(Span)
        span = spans[(spans.index(self.options.span) + 1) % len(spans)]
        self._choose(replace(self.options, span=span))

    def action_level(self) -> None:
        by = By.LINE if self.options.by is By.FUNCTION else By.FUNCTION
        self.table.start_over()
        self.stacks.start_over()
        self._choose(replace(self.options, by=by))

    def _choose(self, options: TimeOptions) -> None:
        self.options = options
        self.redraw()

    @on(Icicle.Left)
    def action_icicle(self) -> None:
        self._as_icicle = not self._as_icicle
        self._draw()
        self.follow_content()  # at once: what was hidden has no use for the next key
        self.call_after_refresh(self._turn)

    def _turn(self) -> None:
        """The other content is there now."""
        self.redraw()
        self.follow_content()


SPEC = PanelSpec(
    "time",
    "Time",
    TimePanel,
    together=True,
    compares=True,
    help=(
        TimePanel.own_keys("time", "Time", *ICICLE_KEYS),
        key_section("place", "One function or line", [*LiveScreen.BINDINGS, *PlaceScreen.BINDINGS]),
    ),
)
