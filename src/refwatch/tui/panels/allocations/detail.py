"""Screen of one line, file or traceback: its source and its callers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from refwatch.readings.allocations.state import Key
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import RedrawWanted
from refwatch.tui.panels.allocations.detail_view import (
    AllocationView,
    draw_allocation_facts,
    draw_allocation_title,
    draw_callers,
    draw_callers_shortly,
    draw_source,
    draw_source_around,
    place_of_line,
    view_allocation,
)
from refwatch.tui.panels.allocations.stacks import callers_of
from refwatch.tui.panels.allocations.table import TableOptions
from refwatch.tui.panels.allocations.view import AllocationsReader
from refwatch.tui.source import source_lines
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import heaviest
from refwatch.tui.widgets.cursor_lines import CursorLines
from refwatch.tui.widgets.lines import Lines, Picture, label_border
from refwatch.tui.widgets.tree_lines import TreeLines

CALLERS = "Callers"


class AllocationPreview(Horizontal):
    """Part of an AllocationView below the table."""

    DEFAULT_CSS = """
    AllocationPreview {
        height: 12;
    }
    AllocationPreview .box {
        width: 1fr;
        height: 100%;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="allocations-preview")
        self._source = Picture(draw_source_around, box="")
        self._callers = Picture(draw_callers_shortly, box=CALLERS)

    def compose(self) -> ComposeResult:
        yield self._source
        yield self._callers

    def present(self, view: AllocationView) -> None:
        """Show this from now on."""
        label_border(self._source, f"{view.source.file}:{view.source.line}")
        self._source.present(view)
        self._callers.present(view)


class AllocationScreen(LiveScreen[AllocationView]):
    """Shows an AllocationView of one group, grouped and filtered as in the table. The source is
    that of the row under the cursor."""

    DEFAULT_CSS = """
    AllocationScreen #allocation-facts {
        height: 1;
        padding: 0 1;
    }
    AllocationScreen #allocation-source {
        height: 3fr;
    }
    AllocationScreen #allocation-callers {
        height: 2fr;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "switch", "Source or callers", show=False, id="allocation.switch",
                tooltip="Switch between callers and source"),
    ]  # fmt: skip

    def __init__(self, options: TableOptions, key: Key) -> None:
        super().__init__("allocation")
        self.options, self.key = options, key
        self._reader = AllocationsReader()
        self._opened: frozenset[Path] | None = None
        self._when: object = None
        self._at: tuple[str, int] = ("", -1)
        """File and line that the source was last scrolled to."""
        self._facts = Lines("allocation-facts")
        self._source = CursorLines("allocation-source", box="")
        self._callers = TreeLines("allocation-callers", box=CALLERS)

    def body(self) -> Iterable[Widget]:
        yield self._facts
        yield self._source
        yield self._callers

    def on_mount(self) -> None:
        self._callers.focus()

    def read(self, subject: Subject) -> AllocationView | None:
        view = self._reader.read(subject)
        when = (view.version, self._opened, self._callers.cursor)
        if when == self._when and self.view is not None:
            return None
        self._when = when
        figures = view.between(self.options.since, self.options.until)
        if self._opened is None:
            self._opened = frozenset(heaviest(callers_of(figures, self.options, self.key)))
        chosen = self._callers.cursor or ()
        return view_allocation(figures, self.options, self.key, self._opened, chosen, source_lines)

    def title_line(self, view: AllocationView, width: int) -> Line:
        return draw_allocation_title(view, width)

    def lay_out(self, view: AllocationView) -> None:
        width = self.size.width
        facts = draw_allocation_facts(view, width - 2)
        self._facts.styles.height = len(facts)
        self._facts.show(facts)
        source = view.source
        label_border(self._source, f"{source.file}:{source.line}")
        region = self._source.scrollable_content_region
        self._source.show(draw_source(source, view.unit, region.width))
        if self._at != (source.file, source.line) and region.height:
            self._at = (source.file, source.line)
            self._source.move_to(place_of_line(source))
            top = max(0, place_of_line(source) - region.height // 2)
            self.call_after_refresh(self._source.scroll_to, y=top, animate=False, force=True)
        label_border(self._callers, subtitle=view.alone or "→ callers  ← closes")
        rows = draw_callers(view, self._callers.scrollable_content_region.width)
        self._callers.show(rows, empty=(("its tracebacks are no longer kept", "muted"),))

    def pointed(self) -> Pointed | None:
        """The row whose source is shown, where no line of that is under the cursor."""
        return self._callers.pointed()

    @on(TreeLines.Moved)
    def _moved(self) -> None:
        self.post_message(RedrawWanted())

    @on(TreeLines.Opened)
    def _row_opened(self, event: TreeLines.Opened) -> None:
        self._opened = (self._opened or frozenset()) | {event.key}
        self.post_message(RedrawWanted())

    @on(TreeLines.Closed)
    def _row_closed(self, event: TreeLines.Closed) -> None:
        self._opened = (self._opened or frozenset()) - {event.key}
        self.post_message(RedrawWanted())

    def action_switch(self) -> None:
        (self._callers if self._source.has_focus else self._source).focus()
