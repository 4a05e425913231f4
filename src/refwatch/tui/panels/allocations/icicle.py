"""The icicle of tracebacks in the Allocations panel, and what there is to say of one frame."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from refwatch.tui.panels.allocations.icicle_view import draw_chosen, lay_icicle
from refwatch.tui.panels.allocations.stacks import WHOLE, Node, stacks_of
from refwatch.tui.panels.allocations.table import Looked
from refwatch.tui.panels.allocations.view import Between
from refwatch.tui.views.tree import Path
from refwatch.tui.widgets.icicle import Icicle
from refwatch.tui.widgets.lines import Lines


class IciclePart(Vertical):
    """Shows the tracebacks of some figures. What it is drawn from is worked out only when they have
    changed."""

    DEFAULT_CSS = """
    IciclePart {
        height: 1fr;
    }
    IciclePart Icicle {
        height: 1fr;
        margin: 0 1;
    }
    IciclePart #icicle-chosen {
        height: 2;
        padding: 0 1;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="icicle-view")
        self.icicle = Icicle("icicle")
        self._chosen = Lines("icicle-chosen")
        self._figures: Between | None = None
        self._zoom: Path = ()
        self._stacks = Node(WHOLE)
        self._added: tuple[object, ...] = ()
        self._laid: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.icicle
        yield self._chosen

    def present(self, figures: Between, looked: Looked) -> None:
        """Show the tracebacks of these figures."""
        self._figures = figures
        added = (figures.view.version, looked)
        if added != self._added:
            self._added, self._stacks = added, stacks_of(figures, looked)
        self._lay_out()

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        width = self.icicle.content_size.width
        laid = (self._added, self._zoom, width)
        if self._figures is None or not width:
            return
        if laid != self._laid:
            self._laid = laid
            self.icicle.show(lay_icicle(self._figures.view, self._stacks, self._zoom, width))
        self._say()

    @on(Icicle.Moved)
    def _say(self) -> None:
        """All about the frame under the cursor."""
        if self._figures is not None:
            width = self._chosen.content_size.width
            path = self.icicle.cursor
            self._chosen.show(draw_chosen(self._figures.view, self._stacks, path, width))

    @on(Icicle.Zoomed)
    def _zoomed(self, event: Icicle.Zoomed) -> None:
        self._zoom = event.path
        self._lay_out()
