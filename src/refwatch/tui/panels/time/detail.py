"""Screen of one function or line: its source with figures, its callers and callees."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal
from textual.widget import Widget

from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panels.time.detail_view import PlaceView, draw_source, draw_title, view_place
from refwatch.tui.panels.time.lines import draw_kin
from refwatch.tui.panels.time.view import Place, TimeOptions
from refwatch.tui.source import source_lines
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.scroll_lines import ScrollLines


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

    def __init__(self, options: TimeOptions, place: Place) -> None:
        super().__init__("place")
        self._options = options
        self._place = place
        self._source = ScrollLines("place-source", box="Source, with the seconds of each line")
        self._callers = ScrollLines("place-callers", box="Called by")
        self._callees = ScrollLines("place-callees", box="Calls")
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
        self._source.show(draw_source(view, self._source.scrollable_content_region.width))
        for lines, calls in ((self._callers, False), (self._callees, True)):
            width = lines.scrollable_content_region.width
            kin = () if view.site is None else draw_kin(
                view.time, view.site, view.cwd, width, calls=calls
            )  # fmt: skip
            lines.show(kin)
        if not self._scrolled and view.source:
            self._scrolled = True
            self.call_after_refresh(self._show_hottest, view)

    def _show_hottest(self, view: PlaceView) -> None:
        """Bring the line with most seconds, or the chosen one, into view at first."""
        wanted = self._place.line
        rows = view.source
        index = max(
            range(len(rows)), key=lambda i: (rows[i].number == wanted, rows[i].own, rows[i].total)
        )
        top = max(0, index + 2 - self._source.scrollable_content_region.height // 2)
        self._source.scroll_to(y=top, animate=False)
