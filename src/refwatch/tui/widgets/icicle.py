"""Icicle, a flame graph with the root at the top, with keys and mouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from refwatch.text.formats import fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.views.icicle import IcicleNames, IcicleView, draw_frames, lay_icicle
from refwatch.tui.views.icicle_search import NO_SEARCH, Search, draw_search, search
from refwatch.tui.views.styled_text import Line, cut, two_ends
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import WHOLE, Node
from refwatch.tui.widgets.lines import Brush, Lines, paint

ICICLE_KEYS: list[BindingType] = [
    Binding("up,k", "up", "Caller", show=False, id="icicle.up",
            tooltip="Flame graph: to the caller"),
    Binding("down,j", "down", "Callee", show=False, id="icicle.down",
            tooltip="Flame graph: to the callee with most"),
    Binding("left,h", "beside(-1)", "Left", show=False, id="icicle.left",
            tooltip="Flame graph: to the frame at the left"),
    Binding("right,l", "beside(1)", "Right", show=False, id="icicle.right",
            tooltip="Flame graph: to the frame at the right"),
    Binding("enter", "zoom", "Zoom in", key_display="enter", id="icicle.zoom",
            tooltip="Flame graph: give the frame the whole width; or click it"),
    Binding("escape,backspace", "out", "Zoom out", key_display="esc", id="icicle.out",
            tooltip="Flame graph: one frame out; at the top end the search, then back to a table"),
    Binding("slash", "search", "Search", key_display="/", id="icicle.search",
            tooltip="Flame graph: search; what is found stands out"),
    Binding("n", "match(1)", "Next match", show=False, id="icicle.next",
            tooltip="Flame graph: to the next frame that / has found"),
    Binding("N", "match(-1)", "Match before", show=False, id="icicle.previous",
            tooltip="Flame graph: to the frame before that / has found"),
]  # fmt: skip


SHORT = 12
"""Cells of a search's text beside the row of panels."""


class Icicle(Widget, can_focus=True):
    """Shows an IcicleView; leaves zooming to its parent."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = ICICLE_KEYS

    class Moved(Message):
        """Another frame is under the cursor or the mouse."""

    @dataclass
    class Zoomed(Message):
        """Give this frame the whole width."""

        path: Path

    @dataclass
    class Sought(Message):
        """Bring this frame into view, and put the cursor on it."""

        path: Path

    class Cleared(Message):
        """End the search."""

    class Left(Message):
        """Go back to the table."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self.view = IcicleView((), ())
        self.cursor: Path = ()
        """Path of the chosen frame."""
        self.hovered: Path | None = None
        """Path of the frame under the mouse."""
        self.found = NO_SEARCH
        self._top = 0
        """First visible row."""
        self._brush = Brush(self)

    @property
    def _lines(self) -> int:
        """Lines per row: two if all rows fit so."""
        return 2 if 2 * len(self.view.rows) <= self.size.height else 1

    def show(self, view: IcicleView) -> None:
        """Replace the view; the cursor stays on its frame, or goes to the nearest one above."""
        if view != self.view:
            self.view, self.hovered = view, None
            self.refresh()
        self.move_to(view.nearest(self.cursor))

    @property
    def described(self) -> Path:
        """The frame under the mouse, or else under the cursor."""
        return self.cursor if self.hovered is None else self.hovered

    def show_found(self, found: Search) -> None:
        """Let these frames stand out."""
        if found != self.found:
            self.found = found
            self.refresh()

    def move_to(self, path: Path) -> None:
        """Put the cursor on this frame and bring it into view."""
        row, height = len(path), max(1, self.size.height // self._lines)
        top = min(self._top, max(0, len(self.view.rows) - height))
        top = max(min(top, row), row - height + 1)
        if (path, top) != (self.cursor, self._top):
            moved = path != self.cursor
            self.cursor, self._top = path, top
            self.refresh()
            if moved:
                self.post_message(self.Moved())

    # -- drawing -------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._brush.dry()

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        width = self.content_size.width
        row, line = divmod(y, self._lines)
        row += self._top
        frames = self.view.rows[row] if row < len(self.view.rows) else ()
        drawn = draw_frames(frames, self.cursor, width, second=line > 0, matching=self.found.sites)
        return paint(drawn, palette, base, width)

    # -- keys and mouse ------------------------------------------------------------------------

    def action_up(self) -> None:
        self.move_to(self.cursor[:-1])

    def action_down(self) -> None:
        self.move_to(self.view.below(self.cursor))

    def action_beside(self, by: int) -> None:
        self.move_to(self.view.beside(self.cursor, by))

    def action_zoom(self) -> None:
        self.post_message(self.Zoomed(self.cursor))

    def action_out(self) -> None:
        if self.view.zoom:
            self.post_message(self.Zoomed(self.view.zoom[:-1]))
        elif self.found.wanted:
            self.post_message(self.Cleared())
        else:
            self.post_message(self.Left())

    async def action_search(self) -> None:
        """Ask what to search for: the filter of the panel around it. Not by a message: the keys
        that follow are for the box."""
        around = next((each for each in self.ancestors if hasattr(each, "action_filter")), None)
        if around is not None:
            await self.app.run_action("filter", around)

    def action_match(self, by: int) -> None:
        path = self.found.beside(self.cursor, by)
        if path is not None:
            self.post_message(self.Sought(path))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "match" or bool(self.found.wanted)

    def _under(self, event: events.MouseEvent) -> Path | None:
        place = event.get_content_offset(self)
        if place is None:
            return None
        return self.view.under(place.y // self._lines + self._top, place.x)

    def on_click(self, event: events.Click) -> None:
        path = self._under(event)
        if path is not None:
            self.move_to(path)
            self.action_zoom()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self._hover(self._under(event))

    def on_leave(self) -> None:
        self._hover(None)

    def _hover(self, path: Path | None) -> None:
        if path != self.hovered:
            self.hovered = path
            self.post_message(self.Moved())


class IciclePart(Vertical):
    """The icicle of some stacks and a line about the chosen frame."""

    DEFAULT_CSS = """
    IciclePart {
        height: 1fr;
    }
    IciclePart Icicle {
        height: 1fr;
        margin: 0 1;
    }
    IciclePart .icicle-chosen {
        height: 2;
        padding: 0 1;
    }
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=f"{name}-view")
        self.icicle = Icicle(name)
        self._chosen = Lines(f"{name}-chosen", classes="icicle-chosen")
        self._names: IcicleNames | None = None
        self._zoom: Path = ()
        self._stacks = Node(WHOLE)
        self._searched: tuple[Node, str] = (self._stacks, "")
        self._laid: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.icicle
        yield self._chosen

    def start_over(self) -> None:
        """Forget the frames that were chosen: others follow."""
        self._zoom, self._laid = (), ()
        self.icicle.cursor, self.icicle.hovered = (), None

    def present(self, names: IcicleNames, stacks: Node, wanted: str = "") -> None:
        """Show these stacks; it is laid out again when they are others. Frames with the wanted text
        stand out."""
        self._names, self._stacks = names, stacks
        if self._searched != (stacks, wanted):
            self._searched = stacks, wanted
            self.icicle.show_found(search(stacks, wanted, names.searched))
        self._lay_out()

    def hint(self) -> Line:
        """What the search has found, in short."""
        found = self.icicle.found
        text = f"“{cut(printable(found.wanted), SHORT)}” {fmt_percent(found.share)}"
        return ((text, "muted"),) if found.wanted else ()

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        width = self.icicle.content_size.width
        laid = (self._stacks, self._zoom, width)
        if self._names is None or not width:
            return
        if laid != self._laid:
            self._laid = laid
            self.icicle.show(lay_icicle(self._names, self._stacks, self._zoom, width))
        self._say()

    @on(Icicle.Moved)
    def _say(self) -> None:
        """Describe the frame under the cursor."""
        if self._names is not None:
            width = self._chosen.content_size.width
            first, second = self._names.describe(self._stacks, self.icicle.described, width)
            if self.icicle.found.wanted:
                keys: Line = (("  n N", "key"),) if self.icicle.found.paths else ()
                second = two_ends(second, (*draw_search(self.icicle.found), *keys), width)
            self._chosen.show((first, second))

    @on(Icicle.Sought)
    def _sought(self, event: Icicle.Sought) -> None:
        """Zoom out, or where the frame is too narrow then, into it."""
        for zoom in (self._zoom, (), event.path):
            self._zoom = zoom
            self._lay_out()
            if self.icicle.view.find(event.path) is not None:
                break
        self.icicle.move_to(event.path)

    @on(Icicle.Zoomed)
    def _zoomed(self, event: Icicle.Zoomed) -> None:
        self._zoom = event.path
        self._lay_out()
