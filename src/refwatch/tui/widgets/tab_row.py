"""The row of panels: number and title of each, the one that is shown marked."""

from __future__ import annotations

from textual import events
from textual.message import Message

from refwatch.tui.views.spans import Line, Span, cut, width_of
from refwatch.tui.widgets.lines import Lines


class TabRow(Lines):
    """``tabs`` is (panel, key, title) in order."""

    class Picked(Message):
        """A tab was clicked."""

        def __init__(self, panel: str) -> None:
            super().__init__()
            self.panel = panel

    def __init__(self, tabs: tuple[tuple[str, str, str], ...], name: str) -> None:
        super().__init__(name)
        self._tabs = tabs
        self._active = ""
        self._hint: Line = ()
        self._gap = " "
        """Between tabs; it gives way to the hint."""

    def mark(self, panel: str) -> None:
        """Show this one as active."""
        self._active = panel
        self._draw()

    def hint(self, line: Line) -> None:
        """What stands at the right end."""
        self._hint = line
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        hint = "".join(text for text, _ in self._hint)
        width = self.content_size.width
        roomy = 1 + sum(_cells(tab) + 1 for tab in self._tabs) + len(hint) + 1
        self._gap = " " if roomy <= width else ""
        spans: list[Span] = [(" ", "")]
        for panel, key, title in self._tabs:
            if panel == self._active:
                spans.append((f" {key} {title} ", "chosen"))
            else:
                spans += [(f" {key}", "key"), (f" {title} ", "muted")]
            spans.append((self._gap, ""))
        room = width - width_of(spans) - 1
        text = cut(hint, max(0, room))
        style = self._hint[0][1] if self._hint else ""
        blank = " " * max(0, room - len(text))
        self.show(((*spans, (blank, ""), (text, style)),))

    def on_click(self, event: events.Click) -> None:
        x = 1
        for tab in self._tabs:
            size = _cells(tab)
            if x <= event.x < x + size:
                self.post_message(self.Picked(tab[0]))
                return
            x += size + len(self._gap)


def _cells(tab: tuple[str, str, str]) -> int:
    """Cells of a tab: key and title, a space before, between and after them."""
    return len(tab[1]) + len(tab[2]) + 3
