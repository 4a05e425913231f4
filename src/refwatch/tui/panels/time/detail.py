"""Screen of one function or line: its source with figures, its callers and callees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import RedrawWanted
from refwatch.tui.panels.time.detail_view import PlaceView, draw_source, draw_title, view_place
from refwatch.tui.panels.time.hottest import point_at
from refwatch.tui.panels.time.lines import draw_kin
from refwatch.tui.panels.time.view import Place, TimeOptions, callees_of, callers_of
from refwatch.tui.source import source_lines
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.cursor_lines import CursorLines, HeadedLines


class PlaceScreen(LiveScreen[PlaceView]):
    """Shows a PlaceView."""

    DEFAULT_CSS = """
    PlaceScreen #place-source {
        height: 2fr;
        scrollbar-gutter: stable;
    }
    PlaceScreen #place-kin {
        height: 1fr;
    }
    PlaceScreen #place-kin .box {
        width: 1fr;
        height: 100%;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next list", id="place.next",
                tooltip="From the source to the callers, to the callees and back"),
        Binding("enter", "open", "Open", key_display="enter", id="place.open",
                tooltip="Open the caller or callee under the cursor"),
    ]  # fmt: skip

    def __init__(self, options: TimeOptions, place: Place) -> None:
        super().__init__("place")
        self._options = options
        self._place = place
        self._before: list[Place] = []
        """Those that were shown before it."""
        self._source = HeadedLines("place-source", box="Source, with the seconds of each line")
        self._callers = CursorLines("place-callers", box="Called by")
        self._callees = CursorLines("place-callees", box="Calls")
        self._scrolled = False

    def body(self) -> Iterable[Widget]:
        yield self._source
        yield Horizontal(self._callers, self._callees, id="place-kin")

    def on_mount(self) -> None:
        self._source.focus()

    def read(self, subject: Subject) -> PlaceView:
        return view_place(subject, self._options, self._place, source_lines)

    def title_line(self, view: PlaceView, width: int) -> Line:
        return draw_title(view, width)

    def lay_out(self, view: PlaceView) -> None:
        heading, *source = draw_source(view, self._source.scrollable_content_region.width)
        self._source.show_headed(heading, tuple(source))
        for lines, calls in ((self._callers, False), (self._callees, True)):
            width = lines.scrollable_content_region.width
            kin = () if view.site is None else draw_kin(
                view.time, view.site, view.cwd, width, calls=calls, hottest=view.hottest
            )  # fmt: skip
            lines.show(kin)
        if not self._scrolled and view.source:
            self._scrolled = True
            self.call_after_refresh(self._show_hottest, view)

    def action_open(self) -> None:
        """Show the caller or callee under the cursor instead; back leads here again."""
        view, focused = self.view, self.focused
        lists = {self._callers: callers_of, self._callees: callees_of}
        if view is None or view.site is None or focused not in lists:
            return
        assert isinstance(focused, CursorLines)
        kin = lists[focused](view.time.stacks, view.site)
        index = focused.cursor_index
        if index is not None and index < len(kin) and kin[index].site >= 0:
            self._before.append(self._place)
            self._turn_to(view.time.places[kin[index].site])

    def action_back(self) -> None:
        if self._before:
            self._turn_to(self._before.pop())
        else:
            self.dismiss()

    def _turn_to(self, place: Place) -> None:
        self._place, self._scrolled = place, False
        self._source.focus()
        self.post_message(RedrawWanted())

    def pointed(self) -> Pointed | None:
        """The place itself, where no line of it is known."""
        view = self.view
        return None if view is None else point_at(view.place, view.hottest, view.cwd)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "open" or self.focused in (self._callers, self._callees)

    def _show_hottest(self, view: PlaceView) -> None:
        """Bring the line with most seconds, or the chosen one, into view at first."""
        wanted = self._place.line
        rows = view.source
        index = max(
            range(len(rows)), key=lambda i: (rows[i].number == wanted, rows[i].own, rows[i].total)
        )
        head = len(self._source.lines) - len(rows)
        self._source.move_to(head + index)
        top = max(0, head + index + 1 - self._source.scrollable_content_region.height // 2)
        self._source.scroll_to(y=top, animate=False)
