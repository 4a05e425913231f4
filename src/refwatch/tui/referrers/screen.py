"""Who refers to one object, on a screen of its own: a tree to open step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from refwatch.session.events import WorkProgressed
from refwatch.tui.answers import watch_found
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import RedrawWanted, SendWanted
from refwatch.tui.panel import can_ask
from refwatch.tui.referrers.tree import (
    InspectionView,
    Opened,
    draw_account,
    draw_holders,
    draw_title,
    view_inspection,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed, object_at
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.tree import Path
from refwatch.tui.widgets.lines import Picture
from refwatch.tui.widgets.tree_lines import TreeLines
from refwatch.wire.commands import CancelWork, OpenNode, WatchNode


class ReferrersScreen(LiveScreen[InspectionView]):
    """Shows an InspectionView. It moves on while the app is paused: it changes only when asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "watch", "Watch", id="referrers.watch",
                tooltip="Watch the object under the cursor"),
        Binding("x", "cancel", "Cancel", id="referrers.cancel",
                tooltip="Cancel the running search; what was found stays"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ReferrersScreen #account {
        height: 2;
        padding: 0 1;
    }
    """
    fast = True
    moves_on = True

    def __init__(self, inspection: str, title: str) -> None:
        super().__init__("referrers")
        self.inspection = inspection
        self._object = title
        self._paths: set[Path] = set()
        self._asked: set[int] = set()
        self._failure: WorkProgressed | None = None
        """The last that was seen."""
        self._account: Picture[InspectionView] = Picture(draw_account, "account")
        self.tree_lines = TreeLines("tree", box="Held by")

    def body(self) -> Iterable[Widget]:
        yield self._account
        yield self.tree_lines

    def on_mount(self) -> None:
        self.tree_lines.border_subtitle = "→ opens  ← closes"
        self.tree_lines.focus()

    @property
    def searching(self) -> bool:
        """Something is being looked for in the copy."""
        view = self.view
        if view is None or view.ended is not None or (view.work and view.work.failure):
            return False
        return not view.found or (view.work is not None and not view.work.done)

    # -- what is shown -------------------------------------------------------------------------

    def read(self, subject: Subject) -> InspectionView:
        process = subject.process
        work = process.work.get(self.inspection) if process is not None else None
        if work is not None and work.failure is not None and work is not self._failure:
            self._failure = work
            self._asked.clear()  # none of them will be answered
        opened = Opened(frozenset(self._paths), frozenset(self._asked))
        return view_inspection(subject, self.inspection, self._object, opened)

    def title_line(self, view: InspectionView, width: int) -> Line:
        return draw_title(view, width)

    def lay_out(self, view: InspectionView) -> None:
        self._account.present(view)
        rows = draw_holders(view, self.tree_lines.scrollable_content_region.width)
        waits = not view.found and view.ended is None
        self.tree_lines.show(rows, empty=(("no answer yet" if waits else "", "muted"),))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "watch":
            return can_ask(self)
        return self.searching if action == "cancel" else True

    def pointed(self) -> Pointed | None:
        """The object under the cursor."""
        row = self.tree_lines.chosen
        for holder in self.view.holders if self.view is not None and row is not None else ():
            if row is not None and holder.path == row.key and holder.what:
                type_ = holder.what.partition(" ")[0]
                return object_at(holder.what, type_, holder.address)
        return None

    # -- keys ----------------------------------------------------------------------------------

    @on(TreeLines.Opened)
    def _row_opened(self, event: TreeLines.Opened) -> None:
        node = event.key[-1]
        self._paths.add(event.key)
        if self.view is not None and node not in self.view.answered:
            self._asked.add(node)
            self.post_message(SendWanted(OpenNode(inspection=self.inspection, node=node)))
        self.post_message(RedrawWanted())

    @on(TreeLines.Closed)
    def _row_closed(self, event: TreeLines.Closed) -> None:
        self._paths.discard(event.key)
        self.post_message(RedrawWanted())

    def refused(self, node: int) -> None:
        """Nobody can be asked about this node: close it again."""
        self._asked.discard(node)
        self._paths = {path for path in self._paths if path[-1] != node}
        self.post_message(RedrawWanted())

    def action_watch(self) -> None:
        row = self.tree_lines.chosen
        if self.view is None or row is None:
            return
        holder = next(holder for holder in self.view.holders if holder.path == row.key)
        if holder.what:
            command = WatchNode(inspection=self.inspection, node=row.key[-1])
            self.post_message(SendWanted(command, f"Looking for {holder.what} …", watch_found))

    def action_cancel(self) -> None:
        self.post_message(SendWanted(CancelWork(work=self.inspection)))
