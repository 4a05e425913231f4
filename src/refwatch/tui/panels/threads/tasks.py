"""Screen of the tasks of event loops: a tree of who waits for whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import RedrawWanted, SendWanted
from refwatch.tui.panel import can_ask
from refwatch.tui.panels.threads.tasks_view import (
    TasksView,
    draw_edge,
    draw_empty,
    draw_place,
    draw_tasks,
    draw_title,
    view_tasks,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.tree import Path
from refwatch.tui.widgets.lines import Lines
from refwatch.tui.widgets.tree_lines import TreeLines
from refwatch.wire.commands import ListTasks

TASKS_KEY = Binding(
    "a", "tasks", "Tasks", id="threads.tasks",
    tooltip="The tasks of the event loop, and what each waits for",
)  # fmt: skip


class TasksScreen(LiveScreen[TasksView]):
    """Shows a TasksView; asks for it when it opens. It moves on while the app is paused: it changes
    only when asked."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "Look again", id="tasks.look",
                tooltip="List the tasks as they are now"),
        Binding("a", "back", "Back", show=False, id="tasks.back"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    TasksScreen #tasks-edge {
        height: 1;
        padding: 0 1;
    }
    TasksScreen #tasks-place {
        height: 2;
        padding: 0 1;
    }
    """
    moves_on = True

    def __init__(self, process: int, serial: int | None) -> None:
        super().__init__("tasks")
        self.process = process
        self.serial = serial
        self._work = f"tasks-{uuid.uuid4().hex[:12]}"  # other viewers give names too
        self._shut: set[Path] = set()
        self._edge = Lines("tasks-edge")
        self._place = Lines("tasks-place")
        self.tree_lines = TreeLines("tasks-tree", box="Tasks: below each those that it waits for")

    def body(self) -> Iterable[Widget]:
        yield self._edge
        yield self.tree_lines
        yield self._place

    def on_mount(self) -> None:
        self.tree_lines.focus()
        if can_ask(self):
            self.call_after_refresh(self.action_look)

    def read(self, subject: Subject) -> TasksView:
        return view_tasks(subject, self.serial, self._work, frozenset(self._shut))

    def title_line(self, view: TasksView, width: int) -> Line:
        return draw_title(view, width)

    def lay_out(self, view: TasksView) -> None:
        self._edge.show((draw_edge(view, max(8, self.size.width - 2)),))
        rows = draw_tasks(view, self.tree_lines.scrollable_content_region.width)
        self.tree_lines.show(rows, draw_empty(view))
        self._show_place()
        self.refresh_bindings()

    @on(TreeLines.Moved)
    def _show_place(self) -> None:
        tasks = self.view.tasks if self.view is not None else ()
        chosen = next((task for task in tasks if task.path == self.tree_lines.cursor), None)
        self._place.show(draw_place(chosen, max(8, self.size.width - 2)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return can_ask(self) if action == "look" else True

    @on(TreeLines.Opened)
    def _row_opened(self, event: TreeLines.Opened) -> None:
        self._shut.discard(event.key)
        self.post_message(RedrawWanted())

    @on(TreeLines.Closed)
    def _row_closed(self, event: TreeLines.Closed) -> None:
        self._shut.add(event.key)
        self.post_message(RedrawWanted())

    def action_look(self) -> None:
        """List the tasks in a new copy; rows are numbered anew then."""
        self._shut.clear()
        self.post_message(SendWanted(ListTasks(work=self._work)))
