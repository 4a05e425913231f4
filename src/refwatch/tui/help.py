"""``?``: every key, read from the bindings themselves, and what the colours mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widget import Widget

from refwatch.tui.table_panel import TABLE_KEYS
from refwatch.tui.views.chains import ROOT
from refwatch.tui.views.spans import Line, pad, wrap
from refwatch.tui.views.states import EXPLAINED, GLYPHS, WORDS
from refwatch.tui.widgets.scroll_lines import ScrollLines

KEY_WIDTH = 20
Section = tuple[str, tuple[tuple[str, str], ...]]
"""(title, ((keys, what they do), ...))"""


def section(title: str, bindings: Iterable[BindingType]) -> Section:
    """The keys of one place; bindings of one id, or with the same text, share a line."""
    rows: dict[str, list[str]] = {}
    for binding in bindings:
        if isinstance(binding, Binding) and binding.description:
            what = binding.tooltip or binding.description
            rows.setdefault(what, []).extend(_keys(binding))
    return title, tuple((" ".join(keys), what) for what, keys in rows.items())


def own(panel: type[Widget]) -> list[BindingType]:
    """The keys of a panel but for those that it has in common with others."""
    return [binding for binding in panel.BINDINGS if binding not in TABLE_KEYS]


_NAMES = {
    "slash": "/", "question_mark": "?", "full_stop": ".", "comma": ",", "plus": "+", "minus": "-",
    "equals_sign": "=", "greater_than_sign": ">", "less_than_sign": "<", "pageup": "PgUp",
    "pagedown": "PgDn", "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "shift+left": "shift+←", "shift+right": "shift+→", "left_square_bracket": "[",
    "right_square_bracket": "]", "left_curly_bracket": "{", "right_curly_bracket": "}",
}  # fmt: skip


def _keys(binding: Binding) -> list[str]:
    return [_NAMES.get(key, key) for key in binding.key.split(",")]


REFERENCES = (
    ("Refs", "strong", "the true count: refwatch's own reference is taken off"),
    ("▲ ▼", "key", "it has changed in the last two seconds"),
    ("raw ctypes", "muted", "as read of the object's memory, nothing taken off"),
    ("raw getrefcount", "muted", "as sys.getrefcount says, its own argument and all"),
    ("held", "accent", "no weak reference is possible: refwatch holds a strong one"),
    ("immortal", "muted", "never freed; what is read of it is no count"),
    (f"{ROOT} module", "accent", "a module, a frame or a thread: what keeps the rest alive"),
    ("↺ shown above", "warning", "a cycle: this object stands on the way already"),
)
"""(word or sign, its style, what it means)"""


TIMELINES = (
    "A full cell is one state, ▌ two, one after the other; a bar ▃ two taking turns faster than a "
    "cell: the height of its colour is its share. + zooms in."
)


def draw_help(sections: Iterable[Section], width: int) -> list[Line]:
    """Keys by place, then the words and signs."""
    lines: list[Line] = []
    for title, rows in sections:
        lines.append(((title, "title"),))
        for keys, what in rows:
            lines += _entry(keys, "key", what, width)
        lines.append(())
    lines.append((("States of a thread, exactly one at each sample", "title"),))
    for state, text in EXPLAINED.items():
        lines += _entry(f"{GLYPHS[state]} {WORDS[state]}", str(state), text, width)
    lines += [(), (("References", "title"),)]
    for word, style, text in REFERENCES:
        lines += _entry(word, style, text, width)
    lines += [(), (("Timelines", "title"),)]
    lines += [((f"  {text}", "foreground"),) for text in wrap(TIMELINES, max(8, width - 2), 9)]
    return lines


def _entry(word: str, style: str, text: str, width: int) -> list[Line]:
    """A word, and beside it what it means, on as many lines as that takes."""
    heads = [pad(f"  {word}", KEY_WIDTH)]
    pieces = wrap(text, max(8, width - KEY_WIDTH), 4)
    heads += [" " * KEY_WIDTH] * (len(pieces) - 1)
    return [
        ((head, style), (piece, "foreground")) for head, piece in zip(heads, pieces, strict=True)
    ]


class HelpScreen(ModalScreen[None]):
    """The keys, in a box over what is seen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "close", "Close", id="help.close"),
    ]

    def __init__(self, sections: list[Section]) -> None:
        super().__init__(id="help")
        self._sections = sections
        self._lines = ScrollLines("help-lines")

    def compose(self) -> ComposeResult:
        yield self._lines

    def on_mount(self) -> None:
        self._lines.border_title = "Keys"
        self._lines.border_subtitle = "esc closes"
        self._lines.focus()
        self.call_after_refresh(self._lay_out)

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        width = self._lines.scrollable_content_region.width
        self._lines.show(draw_help(self._sections, width))

    def action_close(self) -> None:
        self.dismiss()
