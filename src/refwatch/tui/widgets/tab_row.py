"""Row of panels: number and title of each, the active one marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual import events
from textual.message import Message

from refwatch.tui.views.styled_text import Line, StyledText, cut, width_of
from refwatch.tui.widgets.lines import Lines

MOST_UNTITLED = 2
"""Tabs that may have only their number."""


class TabRow(Lines):
    """``tabs``: (panel, key, title, short title). Titles are shortened from the last if the hint
    needs room, and the last ones left out if it still does."""

    @dataclass
    class Picked(Message):
        """A tab was clicked."""

        panel: str

    def __init__(self, tabs: tuple[tuple[str, str, str, str], ...], name: str) -> None:
        super().__init__(name)
        self._tabs = tabs
        self._active = ""
        self._hint: Line = ()
        self._places: list[tuple[int, int, str]] = []
        """(first cell, the one after the last, panel)"""

    def mark(self, panel: str) -> None:
        """Mark this panel as active."""
        self._active = panel
        self._draw()

    def hint(self, line: Line) -> None:
        """Set the text at the right end."""
        self._hint = line
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        hint = "".join(text for text, _ in self._hint)
        width = self.content_size.width
        for after, gap, full, titled in self._ways():
            styled = self._tabs_with(after, gap, full, titled)
            if width_of(styled) + len(hint) + 2 <= width:
                break
        room = width - width_of(styled) - 1
        text = cut(hint, max(0, room - 1))
        style = self._hint[0][1] if self._hint else ""
        blank = " " * max(0, room - len(text))
        self.show(((*styled, (blank, ""), (text, style)),))

    def _ways(self) -> Iterator[tuple[str, str, int, int]]:
        """(after a title, between tabs, number of full titles, of titles), roomiest first."""
        every = len(self._tabs)
        yield " ", " ", every, every
        yield " ", "", every, every
        for full in range(every, -1, -1):
            yield "", "", full, every
        for titled in range(every - 1, every - 1 - MOST_UNTITLED, -1):
            yield "", "", 0, titled

    def _tabs_with(self, after: str, gap: str, full: int, titled: int) -> list[StyledText]:
        styled: list[StyledText] = [(" ", "")]
        self._places = []
        for index, (panel, key, title, short) in enumerate(self._tabs):
            x = width_of(styled)
            if panel == self._active:
                styled.append((f" {key} {title} ", "chosen"))
            else:
                shown = title if index < full else short
                styled.append((f" {key}", "key"))
                if index < titled:
                    styled.append((f" {shown}{after}", "muted"))
            self._places.append((x, width_of(styled), panel))
            styled.append((gap, ""))
        return styled

    def on_click(self, event: events.Click) -> None:
        for start, end, panel in self._places:
            if start <= event.x < end:
                self.post_message(self.Picked(panel))
                return
