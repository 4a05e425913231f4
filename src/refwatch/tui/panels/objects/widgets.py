"""Lists of the Objects panel between which the cursor moves: suspects, table, holders."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from refwatch.tui.panels.objects.chain_tree import ChainRow
from refwatch.tui.panels.objects.detail_view import HolderLine
from refwatch.tui.panels.objects.suspects import LINES, draw_calm, draw_suspects
from refwatch.tui.panels.objects.view import NOTHING, ObjectsView
from refwatch.tui.views.tree import Path, TreeRow
from refwatch.tui.widgets.lines import Lines, paint
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.tui.widgets.tree_lines import TreeLines

YIELDED: list[BindingType] = [Binding("g,h", "yield_key", show=False)]
"""``g`` and ``h`` move in other tables and trees; here they are the panel's keys."""


class ObjectsTable(LiveTable):
    """The table; moving up from its first row leads to the suspects."""

    BINDINGS: ClassVar[list[BindingType]] = YIELDED

    class LeftAbove(Message):
        """The cursor was moved up from the first row."""

    def say(self, text: str) -> None:
        """Text where there are no rows."""
        if text != self._empty:
            self._empty = text
            self.refresh()

    def action_move(self, by: int) -> None:
        if by == -1 and not self.cursor_index:
            self.post_message(self.LeftAbove())
        else:
            super().action_move(by)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "yield_key"


class HolderTree(TreeLines):
    """Tree of chains, all open; the cursor moves from object to object."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "turn", "Open", show=False),
        *YIELDED,
    ]

    class Picked(Message):
        """Show more of the object under the cursor."""

    def __init__(self, name: str, *, box: str | None = None) -> None:
        super().__init__(name, box=box)
        self._held: dict[Path, ChainRow] = {}

    @property
    def held(self) -> ChainRow | None:
        """The object under the cursor."""
        return None if self.cursor is None else self._held.get(self.cursor)

    def present(self, lines: tuple[HolderLine, ...]) -> None:
        """Show these lines. An object keeps its row's key when other lines come and go."""
        rows: list[TreeRow] = []
        self._held = {}
        for index, each in enumerate(lines):
            key = (1, len(self._held)) if each.row is not None else (0, index)
            rows.append(TreeRow(key, each.line, rests=each.row is not None))
            if each.row is not None:
                self._held[key] = each.row
        self.show(tuple(rows))
        if self.held is None and self._held:
            self.move_to(0)

    def action_turn(self) -> None:
        self.post_message(self.Picked())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "yield_key"


class SuspectList(Lines, can_focus=True):
    """Growing classes in a box; one calm line if there are none."""

    DEFAULT_CSS = """
    SuspectList {
        height: 1;
        padding: 0 1;
    }
    SuspectList.-found {
        border: round $warning;
        border-title-color: $warning;
        border-title-style: bold;
        border-subtitle-color: $foreground 70%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Suspect before", show=False),
        Binding("down,j", "move(1)", "Next suspect", show=False),
        Binding("enter", "open", "Open", key_display="enter"),
    ]

    class Moved(Message):
        """Another suspect is under the cursor."""

    class Opened(Message):
        """Open the suspect under the cursor."""

    class LeftBelow(Message):
        """The cursor was moved down from the last suspect."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.can_focus = False
        self.keys: tuple[int, ...] = ()
        self.cursor = 0
        """Index of the suspect under the cursor."""
        self._view = NOTHING
        self._limit = 0
        self._may_ask = False

    @property
    def key(self) -> int | None:
        """Key of the row under the cursor."""
        return self.keys[self.cursor] if self.cursor < len(self.keys) else None

    def present(self, view: ObjectsView, limit: int, *, may_ask: bool) -> None:
        """Show at most ``limit`` suspects; the cursor stays on its suspect. ``may_ask``: a search
        can be started."""
        before = self.key
        self._view, self._limit, self._may_ask = view, limit, may_ask
        self.keys = tuple(each.key for each in view.suspects[:limit])
        if before in self.keys:
            self.cursor = self.keys.index(before)
        self.cursor = min(self.cursor, max(0, len(self.keys) - 1))
        self.can_focus = bool(self.keys)
        self.set_class(bool(self.keys), "-found")
        height = LINES * len(self.keys) + 2 if self.keys else 1
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width = self.content_size.width
        if width <= 0:
            return
        if not self.keys:
            self.show((draw_calm(self._view, width),))
            return
        count = self._view.suspected
        title = f"Suspects: {count} {'keeps' if count == 1 else 'keep'} growing"
        hidden = count - len(self.keys)
        subtitle = f"{hidden} more below" if hidden else ""
        if (self.border_title, self.border_subtitle) != (title, subtitle):
            self.border_title, self.border_subtitle = title, subtitle
        self.show(draw_suspects(self._view, width, self._limit, may_ask=self._may_ask))

    def render_line(self, y: int) -> Strip:
        if not self.has_focus or not self.keys or y // LINES != self.cursor:
            return super().render_line(y)
        palette, base, _ = self._brush.dip()
        line = self.lines[y] if y < len(self.lines) else ()
        return paint(line, palette, base + palette["cursor"], self.content_size.width)

    # -- keys and mouse ------------------------------------------------------------------------

    def move_to(self, place: int) -> None:
        """Put the cursor on this suspect."""
        place = min(max(place, 0), max(0, len(self.keys) - 1))
        if place != self.cursor:
            self.cursor = place
            self.post_message(self.Moved())
        self.refresh()

    def action_move(self, by: int) -> None:
        if self.cursor + by >= len(self.keys):
            self.post_message(self.LeftBelow())
        else:
            self.move_to(self.cursor + by)

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def on_focus(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y // LINES >= len(self.keys):
            return
        again = offset.y // LINES == self.cursor and event.chain > 1
        self.move_to(offset.y // LINES)
        if again:
            self.action_open()
