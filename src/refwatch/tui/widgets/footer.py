"""The keys that work here, on one line.

Textual's own Footer makes a widget for each key and keeps the old ones each time the keys are
looked at again (textual#6666). This one is a single widget that draws again only when what it shows
has changed.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen

from refwatch.tui.views.styled_text import StyledText, width_of
from refwatch.tui.widgets.lines import Lines

Key = tuple[str, str, str]
"""(key, shown as, description)"""
GIVE_WAY = (
    "Copy", "Snapshot", "Edit", "Since", "Sort", "Referrers", "Slower", "Faster", "Heap", "Pause",
    "Mark",
)  # fmt: skip
"""These go first, in this order, where there is not room for all; then any but those that stay."""
STAY = ("Program", "Keys", "Leave")
"""The way back to the program, help and leaving."""


def fitting(keys: tuple[Key, ...], width: int) -> list[Key]:
    """Those that have room, each description once."""
    once = list({key[2]: key for key in reversed(keys)}.values())[::-1]

    def needed(keys: list[Key]) -> int:
        return sum(len(shown) + len(description) + 3 for _, shown, description in keys) - 1

    while once and needed(once) > width:
        least = next((key for name in GIVE_WAY for key in once if key[2] == name), None)
        others = [key for key in once if key[2] not in STAY]
        once.remove(least or (others[-1] if others else once[0]))
    return once


class SteadyFooter(Lines):
    """Shows the bindings in force that ask to be shown; a click on one is its key."""

    def __init__(self) -> None:
        super().__init__("footer")
        self._keys: tuple[Key, ...] = ()
        self._places: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)
        self._bindings_updated(self.screen)

    def on_resize(self) -> None:
        self._draw()

    def _bindings_updated(self, screen: Screen[Any]) -> None:
        if not self.is_attached or not screen.is_active:
            return
        keys = tuple(
            (found.binding.key, self.app.get_key_display(found.binding), found.binding.description)
            for found in screen.active_bindings.values()
            if found.binding.show and found.enabled
        )
        if keys != self._keys:
            self._keys = keys
            self._draw()

    def _draw(self) -> None:
        styled: list[StyledText] = [(" ", "")]
        self._places = []
        for key, shown, description in fitting(self._keys, self.content_size.width):
            x = width_of(styled)
            styled += [(shown, "key"), (f" {description}  ", "muted")]
            self._places.append((x, width_of(styled), key.split(",", 1)[0]))
        self.show((tuple(styled),))

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)
                return
