"""Objects panel: what keeps growing, and below it every class and type with its count."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from refwatch.session.process import ProcessState
from refwatch.tui.help import key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.objects.actions import ObjectActions
from refwatch.tui.panels.objects.definition import point_at_class
from refwatch.tui.panels.objects.detail import OBJECT_KEYS, ObjectDetail, ObjectScreen
from refwatch.tui.panels.objects.detail_view import ObjectView, view_object
from refwatch.tui.panels.objects.heap import HeapScreen
from refwatch.tui.panels.objects.suspects import draw_edge, draw_work_line, running
from refwatch.tui.panels.objects.table import (
    FIRST,
    SPANS_S,
    USUAL_SPAN,
    Scale,
    arrange,
    columns_for,
    draw_scale,
    fmt_empty,
    make_row,
    scale_for,
    span_for,
    spark,
)
from refwatch.tui.panels.objects.together import TogetherReader
from refwatch.tui.panels.objects.view import NOTHING, ObjectRow, ObjectsReader, ObjectsView
from refwatch.tui.panels.objects.widgets import ObjectsTable, SuspectList
from refwatch.tui.referrers.listed_object import ListedObject
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.views.baselines import clamp
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import StyledText
from refwatch.tui.views.table import Row, Rows
from refwatch.tui.widgets.lines import Lines
from refwatch.tui.widgets.live_table import LiveTable

HEAP_TOOLTIP = "The whole heap: counts, garbage collector, most-referenced objects"
TAIL_CELLS = 10
"""Least width of the sparklines; below it columns give way."""
BESIDE_FROM = 110
"""Width from which one class fits beside the table."""
SUSPECTS = ((30, 5), (16, 3), (0, 1))
"""(least height, most suspects)"""
KEEP_SPARKS = 400
"""Sparklines kept: some screens of them."""

Drawn = tuple[ObjectRow, Scale, str]
"""What a sparkline is drawn from: row, scale, style."""


class ObjectsPanel(TablePanel[ObjectsView]):
    """Shows an ObjectsView."""

    DEFAULT_CSS = """
    ObjectsPanel #objects-body, ObjectsPanel #objects-lists {
        height: 1fr;
    }
    ObjectsPanel #objects-lists {
        width: 1fr;
    }
    ObjectsPanel ObjectDetail {
        width: 46%;
        height: 100%;
        border-left: vkey $panel;
        display: none;
    }
    ObjectsPanel #objects-work {
        display: none;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *OBJECT_KEYS,
        *TABLE_KEYS,
        Binding("h", "app.open('heap-screen')", "Heap", tooltip=HEAP_TOOLTIP),
        Binding("plus,equals_sign", "zoom(-1)", "Zoom in", key_display="+", show=False,
                id="objects.zoom_in", tooltip="Less time in the sparklines"),
        Binding("minus", "zoom(1)", "Zoom out", key_display="-", show=False,
                id="objects.zoom_out", tooltip="More time in the sparklines"),
    ]  # fmt: skip

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("objects", FIRST, "module or name", NOTHING, live=live)
        self.zoom = USUAL_SPAN
        self._reader = ObjectsReader()
        self._together = TogetherReader()
        self._found: dict[int, ObjectRow] = {}
        self._suspected: frozenset[int] = frozenset()
        self._sparks: dict[int, tuple[Drawn, list[StyledText]]] = {}
        self._scale = scale_for(0.0, self.zoom, 0)
        self._process: ProcessState | None = None
        """What was read last."""
        self._may = ("", False)
        """The cancellable work when last drawn, and whether the program had ended."""
        self._class_actions = ObjectActions(self)
        self._alone: ObjectScreen | None = None
        self._opened: int | None = None
        """Key of the row shown beside the table."""
        self._from_suspects = False
        self.suspects = SuspectList("suspects")
        self.detail = ObjectDetail(self.act)
        self._work = Lines("objects-work", classes="bar")
        self._edge = Lines("objects-edge", classes="bar")

    table: ObjectsTable

    def make_table(self) -> ObjectsTable:
        return ObjectsTable(
            columns_for(0),
            "objects-table",
            tail=self._tail,
            tail_width=TAIL_CELLS,
            tail_title=lambda width: draw_scale(self._scale, width),
        )

    def compose(self) -> ComposeResult:
        with Horizontal(id="objects-body"):
            with Vertical(id="objects-lists"):
                yield self.suspects
                yield self.table
            yield self.detail
        yield self._work
        yield self._edge

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> ObjectsView:
        self._process = subject.process
        reader = self._together if subject.together else self._reader
        view = reader.read(subject)
        return replace(view, over=True) if self.gone else view

    def start_over(self) -> None:
        super().start_over()
        self._sparks.clear()
        self._class_actions = ObjectActions(self)
        self.suspects.cursor = 0
        self._close_detail()
        if self._alone is not None and self._alone.is_current:
            self._alone.dismiss()
        self._alone = None

    def _draw(self) -> None:
        view = self._view
        self.suspects.present(view, self._most_suspects(), may_ask=self.may("look"))
        if self.suspects.has_focus and not self.suspects.can_focus:
            self.table.focus()
        self._draw_rows()
        line = draw_work_line(view, self._work.content_size.width or self.size.width - 2)
        self._work.display = bool(line)
        self._work.show((line,))
        self._edge.show((draw_edge(view, self.baseline, self.size.width - 2),))
        self._draw_detail()
        if (may := (self._cancelled(), view.over or view.together)) != self._may:
            self._may = may
            self.refresh_bindings()

    def _most_suspects(self) -> int:
        """As many as leave room for the table."""
        return next(most for rows, most in SUSPECTS if self.size.height >= rows)

    def _draw_rows(self) -> None:
        view, order = self._view, self.order
        ranked = arrange(view, order, self.baseline)
        self._found = {row.key: row for row in ranked}
        self._suspected = frozenset(each.key for each in view.suspects)
        if len(self._sparks) > KEEP_SPARKS:
            self._sparks.clear()
        columns = columns_for(self.table.size.width)
        rows = Rows(list(self._found), self._make_row)
        self.table.show(columns, rows, order.sort, order.reverse)
        self.table.say(fmt_empty(view, order))
        self._scale = scale_for(view.end_s, self.zoom, self.table.tail_cells, self._since)
        self.table.refresh_tails()

    def _make_row(self, key: int) -> Row:
        widths = {place.column.key: place.width for place in self.table.placed}
        return make_row(self._found[key], self._view, self.baseline, self._suspected, widths)

    def _tail(self, key: int, width: int) -> list[StyledText]:
        row = self._found.get(key)
        if row is None or width <= 0:
            return []
        scale = replace(self._scale, cells=width)
        drawn = (row, scale, "warning" if key in self._suspected else "trend")
        kept = self._sparks.get(key)
        if kept is None or kept[0] != drawn:
            kept = self._sparks[key] = (drawn, spark(*drawn))
        return kept[1]

    @property
    def _since(self) -> float:
        """Time of the chosen mark."""
        baselines = self._view.baselines
        return baselines[clamp(self.baseline, baselines)].at

    def _draw_detail(self) -> None:
        if self._alone is not None:
            self._alone.detail.present(self._read_object(self._alone.key))
        if self.detail.display and self._opened is not None:
            self.detail.present(self._read_object(self._opened))

    def _read_object(self, key: int) -> ObjectView | None:
        return view_object(self._view, key, self.baseline, self._class_actions.requests())

    def totals(self) -> str:
        shown = len(self.table.rows)
        return f"{shown:,} of {self.total:,}" if shown != self.total else f"{shown:,} types"

    @property
    def total(self) -> int:
        return len(self._view.rows)

    def on_resize(self) -> None:
        if self.size.width < BESIDE_FROM and self.detail.display:
            self._close_detail()

    # -- order ---------------------------------------------------------------------------------

    def action_zoom(self, by: int) -> None:
        """Zoom from the span on the screen, not from one longer than the session."""
        seen = span_for(self._view.end_s - self._since, self.zoom)
        self.zoom = min(max(seen + by, 0), len(SPANS_S) - 1)
        self.redraw()

    async def action_clear_filter(self) -> None:
        """Clear the filter; if there is none, close the detail."""
        if self.detail.display and not self.order.filter:
            self._close_detail()
        else:
            await super().action_clear_filter()

    # -- from the list to the table, and one class ----------------------------------------------

    @property
    def chosen(self) -> ObjectRow | None:
        """The row or suspect that keys act on."""
        if self._alone is not None:
            key: int | None = self._alone.key
        elif self.detail.has_focus_within:
            key = self._opened
        else:
            key = self.suspects.key if self.suspects.has_focus else self.table.cursor
        return self._view.row(key) if key is not None else None

    @property
    def _seen(self) -> ListedObject | None:
        """The object in a chain that keys act on, if any."""
        return (self.detail if self._alone is None else self._alone.detail).seen

    def pointed(self) -> Pointed | None:
        """Where the class under the cursor stands in the source, or what keeps it alive."""
        row = self.chosen
        return point_at_class(self._process, self._view, row) if row is not None else None

    @on(ObjectsTable.LeftAbove)
    def _left_above(self) -> None:
        if self.suspects.can_focus:
            self.suspects.move_to(len(self.suspects.keys) - 1)
            self.suspects.focus()

    @on(SuspectList.LeftBelow)
    def _left_below(self) -> None:
        self.table.focus()
        self.table.move_to(0)

    @on(LiveTable.CursorMoved)
    @on(SuspectList.Moved)
    def _cursor_moved(self) -> None:
        """The detail follows the cursor."""
        row = self.chosen
        if self.detail.display and row is not None and not self.detail.has_focus_within:
            self._opened = row.key
            self._draw_detail()

    @on(LiveTable.RowOpened)
    @on(SuspectList.Opened)
    def _row_opened(self) -> None:
        row = self.chosen
        if row is None:
            return
        self._from_suspects = self.suspects.has_focus
        if self.size.width >= BESIDE_FROM:
            self._opened = row.key
            self.detail.display = True
            self.detail.take_focus()
        else:
            self._alone = ObjectScreen(row.key, self.act, self.may, self.pointed)
            self.app.push_screen(self._alone, self._screen_closed)
        if row.full_name not in self._view.chains:
            self.act("look")
        self.call_after_refresh(self.redraw)

    def _screen_closed(self, _: None) -> None:
        self._alone = None

    @on(ObjectDetail.BackWanted)
    def _close_detail(self) -> None:
        had_focus = self.detail.has_focus_within
        self.detail.display = False
        self._opened = None
        if had_focus:
            suspects = self._from_suspects and self.suspects.can_focus
            (self.suspects if suspects else self.table).focus()
        self.call_after_refresh(self.redraw)

    # -- what can be done about a class ----------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "object" or self.may(str(parameters[0]))

    def may(self, what: str) -> bool:
        """Whether an action can run now: one process is asked. A recording may have inspections."""
        if self._view.together:
            return False
        if what == "inspect":
            return True
        if not self.live or self._view.over:
            return False
        return what != "cancel" or bool(self._cancelled())

    def _cancelled(self) -> str:
        """Name of the work to cancel: of the chosen class, else the newest."""
        row = self.chosen
        mine = self._class_actions.running(row.full_name, self._view) if row is not None else ""
        return mine or running(self._view)

    def action_object(self, what: str) -> None:
        self.act(what)

    def act(self, what: str) -> None:
        """Run an action of OBJECT_KEYS, or ``look``."""
        row = self.chosen
        if row is None or not self.may(what):
            return
        name = row.full_name
        if what == "look":
            self._class_actions.find_chains(name, self._view.end_s)
        elif what == "graph":
            self._class_actions.write_graph(name)
        elif what == "watch":
            self._class_actions.watch(name, self._seen)
        elif what == "inspect":
            self._class_actions.inspect(name, self._view, self._seen)
        elif what == "cancel":
            self._class_actions.cancel(self._cancelled())
        self._draw()


SPEC = PanelSpec(
    "objects",
    "Objects",
    ObjectsPanel,
    short="Objs",
    compares=True,
    together=True,
    help=(
        ObjectsPanel.own_keys("objects", "Objects"),
        key_section("object", "One class", [*ObjectDetail.BINDINGS, *ObjectScreen.BINDINGS]),
        key_section("heap-screen", "The heap", [*LiveScreen.BINDINGS, *HeapScreen.BINDINGS]),
    ),
    keys=(
        Binding(
            "h", "open('heap-screen')", "Heap", show=False, id="app.heap", tooltip=HEAP_TOOLTIP
        ),
    ),
    screens={"heap-screen": HeapScreen},
)
