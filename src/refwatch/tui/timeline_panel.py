"""Base class of the table panels with timelines of threads on one time axis."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from refwatch.text.formats import fmt_duration
from refwatch.tui.table_panel import TABLE_KEYS, TablePanel
from refwatch.tui.views.chart import draw_time_scale
from refwatch.tui.views.styled_text import Line, StyledText
from refwatch.tui.views.table import Order
from refwatch.tui.views.timeline import (
    DEFAULT_ZOOM,
    KEEP_S,
    ZOOMS_S,
    Runs,
    StripCells,
    Window,
    window,
)

V = TypeVar("V")
SPARE = 100
"""Strips kept beyond those that are shown."""


class TimelinePanel(TablePanel[V]):
    """Shows a V as a table and its threads' timelines: zoomed, in letters, earlier while paused."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(-1)", "Zoom", key_display="+ -", id="timelines.zoom_in",
                tooltip="Less time in a cell of the timelines"),
        Binding("minus", "zoom(1)", "Zoom out", show=False, key_display="-",
                id="timelines.zoom_out", tooltip="More time in a cell of the timelines"),
        Binding("left", "scroll_time(-1)", "Back in time", show=False, id="timelines.earlier",
                tooltip="Earlier timelines, while paused"),
        Binding("right", "scroll_time(1)", "Forward in time", show=False, id="timelines.later",
                tooltip="Later timelines, while paused"),
        *TABLE_KEYS,
        Binding("v", "letters", "Letters", show=False, id="timelines.letters",
                tooltip="Timelines in letters instead of colours"),
    ]  # fmt: skip

    def __init__(self, name: str, order: Order, filters: str, view: V, *, live: bool) -> None:
        super().__init__(name, order, filters, view, live=live)
        self.zoom = DEFAULT_ZOOM
        self.letters = False
        self.back_s = 0.0
        """Seconds between the newest sample and the timelines' end; above 0 only while paused."""
        self._window = window(0.0, self.zoom, 0)
        self._cells: dict[Hashable, StripCells] = {}

    def on_mount(self) -> None:
        self.letters = self.app.no_color

    @property
    def end_s(self) -> float:
        """Time of the newest sample, seconds."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """No sample will follow."""
        return False

    @property
    def strip_width(self) -> int:
        """Cells of a timeline."""
        raise NotImplementedError

    def draw_strips(self) -> None:
        """Draw the timelines."""
        raise NotImplementedError

    def start_over(self) -> None:
        super().start_over()
        self._cells.clear()

    def show(self, view: V, *, numbers: bool) -> None:
        if not self.paused:
            self.back_s = 0.0
        super().show(view, numbers=numbers)
        if not numbers and self.move_strips():
            self.draw_strips()

    def move_strips(self) -> bool:
        """Move the timelines on to the newest sample; return whether they have moved."""
        before = self._window
        self._window = window(self.end_s - self.back_s, self.zoom, self.strip_width)
        return self._window != before

    def strip(self, key: Hashable, source: Runs, width: int) -> list[StyledText]:
        """The timeline of one thread; ``key`` names it from frame to frame."""
        cells = self._cells.get(key)
        if cells is None:
            cells = self._cells[key] = StripCells()
        shown = self._window
        if shown.count != width:
            shown = Window(shown.cell_s, shown.last, width)
        return cells.styled(source, shown, self.letters)

    def keep_strips(self, keys: Collection[Hashable]) -> None:
        """Forget the strips of all other threads, where there are many."""
        if len(self._cells) > len(keys) + SPARE:
            wanted = frozenset(keys)
            self._cells = {key: cells for key, cells in self._cells.items() if key in wanted}

    def scale(self, width: int) -> Line:
        """Heading of the timelines: their time scale."""
        if self.back_s:
            right = f"{fmt_duration(self.back_s)} before the pause"
            return draw_time_scale("", right, width)
        shown = self._window
        seconds, middle = shown.count * shown.cell_s, f" {shown.cell_s * 1000:g} ms a cell "
        if self.ended:
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
        longest = max(0.0, min(KEEP_S, self.end_s) - self._window.count * self._window.cell_s)
        self.back_s = min(max(self.back_s - by * step, 0.0), longest)
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return self.paused if action == "scroll_time" else True
