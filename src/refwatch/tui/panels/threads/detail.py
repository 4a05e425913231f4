"""Screen of one thread: states, stack with source, and hot lines by state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.panels.threads.detail_view import (
    DetailView,
    draw_facts,
    draw_hot,
    draw_stack,
    draw_states,
    draw_title,
    view_detail,
)
from refwatch.tui.panels.threads.tasks import TASKS_KEY, TasksScreen
from refwatch.tui.source import source_line
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.timeline import DEFAULT_ZOOM, StripCells, window
from refwatch.tui.widgets.cursor_lines import CursorLines
from refwatch.tui.widgets.lines import Picture


class ThreadScreen(LiveScreen[DetailView]):
    """Shows a DetailView."""

    DEFAULT_CSS = """
    ThreadScreen #thread-strip {
        height: 1;
        padding: 0 1;
    }
    ThreadScreen #thread-top {
        height: 7;
    }
    ThreadScreen.-tall #thread-top {
        height: 11;
    }
    ThreadScreen #states, ThreadScreen #facts {
        height: 100%;
        width: 1fr;
    }
    ThreadScreen #hot, ThreadScreen #stack {
        scrollbar-gutter: stable;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        TASKS_KEY,
        Binding("left", "back", "Back", show=False, id="detail.left"),
    ]

    def __init__(self, process: int, serial: int) -> None:
        super().__init__("thread")
        self.process = process
        self.serial = serial
        self._strip: Picture[DetailView] = Picture(self._draw_strip, "thread-strip")
        self._cells = StripCells()
        self._facts = Picture(draw_facts, "facts", box="Thread")
        self._states = Picture(draw_states, "states", box="States")
        self._stack = CursorLines("stack", box="Stack, innermost first")
        self._hot = CursorLines("hot", box="Where its time goes")

    def body(self) -> Iterable[Widget]:
        yield self._strip
        with Horizontal(id="thread-top"):
            yield self._states
            yield self._facts
        with Vertical(id="thread-lines"):
            yield self._hot
            yield self._stack

    def on_mount(self) -> None:
        self._hot.focus()

    def read(self, subject: Subject) -> DetailView | None:
        return view_detail(subject, self.serial, source_line)

    def title_line(self, view: DetailView, width: int) -> Line:
        return draw_title(view, width)

    def lay_out(self, view: DetailView) -> None:
        self._strip.present(view)
        self._states.present(view)
        self._facts.present(view)
        self._stack.show(draw_stack(view, self._stack.scrollable_content_region.width))
        self._hot.show(draw_hot(view, self._hot.scrollable_content_region.width))

    def action_tasks(self) -> None:
        if self.process is not None:
            self.app.push_screen(TasksScreen(self.process, self.serial))

    def pointed(self) -> Pointed | None:
        """Its innermost line, where no other is under the cursor."""
        stack = self.view.stack if self.view is not None else ()
        return stack[0].pointed if stack else None

    def _draw_strip(self, view: DetailView, width: int, height: int) -> tuple[Line, ...]:
        shown = window(view.end_s, DEFAULT_ZOOM, width)
        lines = (tuple(self._cells.styled(view.strip, shown, self.app.no_color)),)
        return lines[:height]
