"""Screen of the whole heap: census, garbage collector, most-referenced objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panel import can_ask
from refwatch.tui.panels.objects.heap_view import (
    MOST_COLUMNS,
    HeapScreenView,
    draw_census,
    draw_gc,
    draw_heap_title,
    key_of,
    most_rows,
    view_heap,
)
from refwatch.tui.referrers.listed_object import ListedObject
from refwatch.tui.subject import Subject
from refwatch.tui.views.chains import fmt_named
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.lines import Lines, Picture
from refwatch.tui.widgets.live_table import LiveTable


class HeapScreen(LiveScreen[HeapScreenView]):
    """Shows a HeapScreenView."""

    DEFAULT_CSS = """
    HeapScreen #most-title {
        height: 1;
        padding: 0 1;
    }
    HeapScreen #census {
        height: 4;
    }
    HeapScreen #collector {
        height: 8;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "watch", "Watch", id="heap.watch",
                tooltip="Watch the object under the cursor"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__("heap-screen")
        self._heading = Lines("most-title")
        self._census = Picture(draw_census, "census", box="Heap count (census)")
        self._gc = Picture(draw_gc, "collector", box="Garbage collector, by generation")
        self._most = LiveTable(MOST_COLUMNS, "most-table", empty="No census yet.")

    def body(self) -> Iterable[Widget]:
        yield self._census
        yield self._gc
        yield self._heading
        yield self._most

    def on_mount(self) -> None:
        self._heading.show(((("Most-referenced objects at the census", "title"),),))
        self._most.focus()

    def read(self, subject: Subject) -> HeapScreenView | None:
        return view_heap(subject)

    def title_line(self, view: HeapScreenView, width: int) -> Line:  # noqa: ARG002
        return draw_heap_title(width)

    def lay_out(self, view: HeapScreenView) -> None:
        self._census.present(view)
        self._gc.present(view)
        self._most.show(MOST_COLUMNS, most_rows(view), "references", reverse=True)

    @property
    def _seen(self) -> ListedObject | None:
        """The object under the cursor."""
        for each in self.view.most if self.view is not None else ():
            if key_of(each) == self._most.cursor:
                return ListedObject(fmt_named(each.type, each.label), each.type, each.address)
        return None

    def pointed(self) -> Pointed | None:
        return self._seen.pointed() if self._seen is not None else None

    def _want(self, message: Message | None) -> None:
        if message is not None:
            self.post_message(message)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "watch" or can_ask(self)

    def action_watch(self) -> None:
        if self._seen is not None:
            self._want(self._seen.watch())

    @on(LiveTable.RowOpened)
    def _row_opened(self) -> None:
        if self._seen is not None:
            self._want(self._seen.inspect())
