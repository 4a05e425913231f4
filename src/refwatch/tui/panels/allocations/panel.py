"""Allocations panel: where the memory is, and which lines allocate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from refwatch.readings.allocations.state import By, Key
from refwatch.session.events import AllocationsSwitched, Event
from refwatch.session.state import State
from refwatch.text.sanitize import printable
from refwatch.tui.answers import Answer
from refwatch.tui.help import key_section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import SendWanted
from refwatch.tui.panel import PanelSpec, can_ask
from refwatch.tui.panels.allocations.detail import AllocationPreview, AllocationScreen
from refwatch.tui.panels.allocations.detail_view import view_allocation
from refwatch.tui.panels.allocations.icicle import TracebackNames
from refwatch.tui.panels.allocations.lines import (
    COSTS,
    WORDS,
    draw_empty,
    draw_how,
    draw_range,
    fmt_totals,
)
from refwatch.tui.panels.allocations.memory_gauge import GaugeView, draw_memory_gauge, rows_for
from refwatch.tui.panels.allocations.stacks import stacks_of
from refwatch.tui.panels.allocations.table import (
    FIRST,
    HIDINGS,
    Arranged,
    Drawn,
    TableOptions,
    arrange,
    columns_for,
    make_row,
    point_at,
    point_at_group,
)
from refwatch.tui.panels.allocations.view import (
    NEXT,
    AllocationsReader,
    AllocationsView,
    Between,
)
from refwatch.tui.source import source_line, source_lines
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import KEYS_WITHOUT_ENDS, OF_ROWS, TablePanel
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.table import Column, Order, Row, Rows, sortable
from refwatch.tui.views.weighted_tree import WHOLE, Node
from refwatch.tui.widgets.icicle import ICICLE_KEYS, Icicle, IciclePart
from refwatch.tui.widgets.lines import Lines, Picture
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.wire.commands import CountTraces, Mode, SwitchAllocations

TALL = 30
"""Height from which the gauge shows its parts over time."""
FRAMES: Mapping[int, int] = {1: 8, 8: 25}
"""The next depth of tracebacks; after the deepest comes 1 again."""


class Reason(Picture[AllocationsView], can_focus=True):
    """Says why there is nothing to see; focusable, so that the panel's keys work."""


class AllocationsPanel(TablePanel[AllocationsView]):
    """Shows an AllocationsView."""

    DEFAULT_CSS = """
    AllocationsPanel #memory-gauge {
        height: 3;
        padding: 0 1;
    }
    AllocationsPanel #allocations-empty {
        height: 1fr;
        padding: 1 2;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "mode", "Mode", id="allocations.mode",
                tooltip="How allocations are seen: sampled (burst), exact, off"),
        Binding("v", "level", "Level", id="allocations.level",
                tooltip="By line, by file, by traceback"),
        Binding("i", "icicle", "Flames", id="allocations.icicle",
                tooltip="Tracebacks as a flame graph, and back to the table"),
        Binding("x", "hide", "Hide", id="allocations.hide",
                tooltip="Hide the standard library, site-packages too, nothing"),
        Binding("B", "until", "Until", show=False, id="allocations.until",
                tooltip="Compare up to a later mark instead of now; b picks the start"),
        Binding("n", "count", "Count", show=False, id="allocations.count",
                tooltip="Exact mode: count the blocks now"),
        Binding("f", "frames", "Frames", show=False, id="allocations.frames",
                tooltip="Exact mode: 1, 8 or 25 frames per traceback; starts over"),
        *KEYS_WITHOUT_ENDS,
    ]  # fmt: skip

    def __init__(self, *, live: bool = True) -> None:
        self._reader = AllocationsReader()
        nothing = self._reader.read(Subject(State()))
        super().__init__("allocations", FIRST, "path or function", nothing, live=live)
        self.options = TableOptions()
        self._has_view = False
        """A view has been shown: ``_view`` is not the initial empty one."""
        self._figures: Between = self._view.between(0, None)
        self._arranged = Arranged((), 0, 0, 0.0, 0.0, 0.0)
        self._when: tuple[object, ...] = ()
        self._keys: dict[int, Key] = {}
        self._numbers: dict[Key, int] = {}
        self._asked: tuple[Mode, float | None] | None = None
        """The mode requested, and when the current one began."""
        self._gauge: Picture[GaugeView] = Picture(draw_memory_gauge, "memory-gauge")
        self._gauged: GaugeView | None = None
        self._how = Lines("allocations-how", classes="bar")
        self._empty = Reason(draw_empty, "allocations-empty")
        self._edge = Lines("allocations-edge", classes="bar")
        self._preview = AllocationPreview()
        self._previewed: tuple[object, ...] = ()
        self.tracebacks = IciclePart("icicle")
        self._stacks = Node(WHOLE)
        self._stacked: tuple[object, ...] = ()
        """What they were added up from."""
        self._as_icicle = False
        self._focused: Widget = self.table

    def make_table(self) -> LiveTable:
        columns = columns_for("burst", By.LINE, 0)
        return LiveTable(columns, "allocations-table", empty="Nothing of that kind.")

    def compose(self) -> ComposeResult:
        yield self._gauge
        yield self._how
        yield self._empty
        yield self.table
        yield self.tracebacks
        yield self._preview
        yield self._edge

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> AllocationsView:
        return self._reader.read(subject)

    def start_over(self) -> None:
        super().start_over()
        self.options = replace(self.options, until=None)
        self._when, self._previewed, self._gauged, self._asked = (), (), None, None
        self._stacked = ()
        self._numbers.clear()
        self.tracebacks.start_over()

    def show(self, view: AllocationsView, *, numbers: bool) -> None:
        self._has_view |= numbers
        super().show(view, numbers=numbers)

    def set_baseline(self, index: int) -> None:
        if index != self.options.since:
            self.options = replace(self.options, since=index, until=None)
            self._draw()

    def _draw(self) -> None:
        view, width = self._view, self.size.width - 2
        self.options = replace(self.options, filter=self.order.filter)
        if self.options.until is not None and self.options.until not in view.ends:
            self.options = replace(
                self.options, until=None
            )  # figures of another kind are shown now
        self._figures = view.between(self.options.since, self.options.until)
        self._draw_gauge(width)
        self._empty.display = bool(view.reason)
        self.table.display = not view.reason and not self._as_icicle
        self.tracebacks.display = not view.reason and self._as_icicle
        if view.reason:
            self._empty.present(view)
        if self.content is not self._focused:
            self._focused = self.content
            self.follow_content()  # at once: what was hidden has no use for the next key
            self.call_after_refresh(self.follow_content)
        self._draw_rows()
        self._draw_preview()
        if self.tracebacks.display:
            self._draw_tracebacks()
        self._how.show((draw_how(self._figures, width),))
        self._edge.show((draw_range(self._figures, self.options, self._arranged, width),))

    def _draw_tracebacks(self) -> None:
        options = replace(self.options, filter="")  # what it finds stands out
        when = (self._view.version, options)
        if when != self._stacked:
            self._stacked, self._stacks = when, stacks_of(self._figures, options)
        self.tracebacks.present(TracebackNames(self._view), self._stacks, self.order.filter)

    def _draw_gauge(self, width: int) -> None:
        since = self._figures.since
        gauge = GaugeView(self._view.memory, since.at, since.name)
        rows = rows_for(gauge, width, tall=self.size.height >= TALL)
        if self._gauge.styles.height is None or self._gauge.styles.height.value != rows:
            self._gauge.styles.height = rows
        if gauge != self._gauged:
            self._gauged = gauge
            self._gauge.present(gauge)

    def _draw_rows(self) -> None:
        view = self._view
        columns = columns_for(view.shown, self.options.by, self.table.size.width)
        order = self._order(columns)
        when = (view.version, self.options, order)
        if when != self._when:
            self._when = when
            self._arranged = arrange(self._figures, self.options, order)
            self._number()
        keys = [self._numbers[key] for key in self._arranged.keys]
        self.table.show(columns, Rows(keys, self._make_row), order.sort, order.reverse)

    @on(LiveTable.CursorMoved)
    def _draw_preview(self) -> None:
        """Show source and callers of the row under the cursor, if there is room."""
        key = self._keys.get(-1 if self.table.cursor is None else self.table.cursor)
        self._preview.display = key is not None and self.size.height >= TALL and self.table.display
        if key is None or not self._preview.display:
            return
        when = (self._view.version, self.options, key)
        if when == self._previewed:
            return
        self._previewed = when
        self._preview.present(
            view_allocation(self._figures, self.options, key, None, (), source_lines)
        )

    @on(Icicle.Left)
    def action_icicle(self) -> None:
        self._as_icicle = not self._as_icicle
        self._draw()
        self.call_after_refresh(self.redraw)

    @property
    def content(self) -> Widget:
        """The widget that the panel shows now."""
        if self._view.reason and self._has_view:
            return self._empty
        return self.tracebacks.icicle if self._as_icicle else self.table

    def focus_content(self) -> None:
        self.content.focus()

    @on(LiveTable.RowOpened)
    def _row_opened(self, event: LiveTable.RowOpened) -> None:
        key = self._keys.get(event.key)
        if key is not None:
            self.app.push_screen(AllocationScreen(self.options, key))

    def _order(self, columns: tuple[Column, ...]) -> Order:
        """The user's order, or the default where this mode lacks the column."""
        if self.order.sort in sortable(columns):
            return self.order
        return replace(FIRST, filter=self.order.filter)

    def _number(self) -> None:
        """Number the groups for the table; groups keep their numbers."""
        wanted = self._arranged.keys
        if len(self._numbers) > 4 * max(len(wanted), 1000):
            self._numbers.clear()
        for key in wanted:
            self._numbers.setdefault(key, len(self._numbers))
        self._keys = {self._numbers[key]: key for key in wanted}

    def _make_row(self, number: int) -> Row:
        name = next((place.width for place in self.table.placed if place.index == 0), 20)
        drawn = Drawn(self._figures, self.options, self._arranged, name, source_line)
        return make_row(number, self._keys[number], drawn)

    def totals(self) -> str:
        return fmt_totals(self.options, len(self.table.rows), self._arranged)

    @property
    def total(self) -> int:
        return self._arranged.groups

    def hint(self) -> Line:
        return (self.tracebacks.display and self.tracebacks.hint()) or super().hint()

    @on(Icicle.Cleared)
    async def _search_ended(self) -> None:
        await self.action_clear_filter()

    def pointed(self) -> Pointed | None:
        """The line or file under the cursor."""
        if self._as_icicle:
            path = self.tracebacks.icicle.cursor
            return point_at(self._view, path[-1]) if path else None
        key = self._keys.get(-1 if self.table.cursor is None else self.table.cursor)
        return None if key is None else point_at_group(self._view, self.options.by, key)

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if self.tracebacks.display and action in OF_ROWS:
            return False
        return action not in {"mode", "count", "frames"} or can_ask(self)

    def action_mode(self) -> None:
        """Switch to the mode after the requested one, even before the answer comes."""
        mode = self._view.mode
        if self._asked is not None and self._asked[1] == self._view.switched_s:
            mode = self._asked[0]
        wanted = NEXT[mode]
        self._asked = (wanted, self._view.switched_s)
        self.post_message(
            SendWanted(SwitchAllocations(mode=wanted), f"Switching to {WORDS[wanted]} …", _switched)
        )

    def action_count(self) -> None:
        if self._view.mode == "exact":
            self.post_message(SendWanted(CountTraces(), "Counting the blocks …"))
        else:
            self.notify("Only exact mode has blocks to count: t switches to it.")

    def action_frames(self) -> None:
        if self._view.mode == "exact":
            frames = FRAMES.get(self._view.frames, 1)
            command = SwitchAllocations(mode="exact", frames=frames)
            self.post_message(
                SendWanted(command, f"Tracing {frames} frames from now on …", _switched)
            )
        else:
            self.notify("Only exact mode has tracebacks of a chosen depth: t switches to it.")

    def action_level(self) -> None:
        levels = list(By)
        by = levels[(levels.index(self.options.by) + 1) % len(levels)]
        self.options = replace(self.options, by=by)
        self._numbers.clear()
        self.redraw()

    def action_hide(self) -> None:
        hidden = HIDINGS[(HIDINGS.index(self.options.hidden) + 1) % len(HIDINGS)]
        self.options = replace(self.options, hidden=hidden)
        self.redraw()

    def action_until(self) -> None:
        """Compare up to the next mark; after the newest, up to now."""
        after = self.options.until
        if after is None:
            after = min(self.options.since, len(self._view.marks) - 1)
        later = [place for place in self._view.ends if place > after]
        if not later and self.options.until is None:
            self.notify("There is no later mark: m sets one, b picks an earlier one.")
            return
        self.options = replace(self.options, until=later[0] if later else None)
        self.redraw()


def _switched(event: Event) -> Answer | None:
    if not isinstance(event, AllocationsSwitched):
        return None
    texts = (text.rstrip(". ") for text in (COSTS[event.mode], printable(event.note)))
    said = " ".join(f"{text[0].upper()}{text[1:]}." for text in texts if text)
    return Answer(f"Allocations: {WORDS[event.mode]}", said)


SPEC = PanelSpec(
    "allocations",
    "Allocations",
    AllocationsPanel,
    short="Alloc",
    compares=True,
    help=(
        AllocationsPanel.own_keys("allocations", "Allocations", *ICICLE_KEYS),
        key_section(
            "allocation",
            "One line, file or traceback",
            [*LiveScreen.BINDINGS, *AllocationScreen.BINDINGS],
        ),
    ),
)
