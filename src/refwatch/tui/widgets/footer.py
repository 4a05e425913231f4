"""The keys that work here, on one line.

Textual's own Footer makes a widget for each key and keeps the old ones each time the keys are
looked at again (textual#6666). This one is a single widget that draws again only when what it shows
has changed.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen

from refwatch.tui.views.spans import Span, width_of
from refwatch.tui.widgets.lines import Lines


class SteadyFooter(Lines):
    """Shows the bindings in force that ask to be shown; a click on one is its key."""

    def __init__(self) -> None:
        super().__init__("footer")
        self._keys: tuple[tuple[str, str, str], ...] = ()  # (key, shown as, description)
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
        spans: list[Span] = [(" ", "")]
        self._places = []
        seen: set[str] = set()
        for key, shown, description in self._keys:
            if description in seen:
                continue
            seen.add(description)
            x = width_of(spans)
            size = len(shown) + len(description) + 3
            if x + size > self.content_size.width + 1:
                break
            spans += [(shown, "key"), (f" {description}  ", "muted")]
            self._places.append((x, x + size, key.split(",", 1)[0]))
        self.show((tuple(spans),))

    def on_click(self, event: events.Click) -> None:
        for start, end, key in self._places:
            if start <= event.x < end:
                self.app.simulate_key(key)
                return
