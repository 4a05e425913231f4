"""Help screen: every key, read from the bindings themselves, and what signs and colours mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from refwatch.tui.views.styled_text import Line, pad, wrap
from refwatch.tui.widgets.scroll_lines import ScrollLines

HEAD_WIDTH = 20
_NAMES = {
    "slash": "/", "question_mark": "?", "full_stop": ".", "comma": ",", "plus": "+", "minus": "-",
    "equals_sign": "=", "greater_than_sign": ">", "less_than_sign": "<", "pageup": "PgUp",
    "pagedown": "PgDn", "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→",
    "shift+left": "shift+←", "shift+right": "shift+→", "left_square_bracket": "[",
    "right_square_bracket": "]", "left_curly_bracket": "{", "right_curly_bracket": "}",
    "ctrl+right_square_bracket": "ctrl+]",
}  # fmt: skip


class Section(NamedTuple):
    """Part of the help: the keys of one place, or a legend."""

    title: str
    rows: tuple[tuple[str, str, str], ...]
    """(keys or sign, its style, what it means); a row without a sign is text."""
    place: str = ""
    """Id of the panel or screen that the keys belong to; empty for a legend."""


def key_section(place: str, title: str, bindings: Iterable[BindingType]) -> Section:
    """The keys of one place; bindings with the same text share a row."""
    rows: dict[str, list[str]] = {}
    for binding in bindings:
        if isinstance(binding, Binding) and binding.description:
            what = binding.tooltip or binding.description
            keys = (_NAMES.get(key, key) for key in binding.key.split(","))
            rows.setdefault(what, []).extend(keys)
    return Section(
        title, tuple((" ".join(keys), "key", what) for what, keys in rows.items()), place
    )


def in_order(sections: Iterable[Section], place: str) -> list[Section]:
    """The section of what is seen first, legends last."""
    return sorted(sections, key=lambda each: (each.place != place, not each.place))


def draw_help(sections: Iterable[Section], width: int) -> list[Line]:
    """Draw the sections one below the other."""
    lines: list[Line] = []
    for section in sections:
        lines += [(), ((section.title, "title"),)]
        for sign, style, text in section.rows:
            lines += _row(sign, style, text, width)
    return lines[1:]


def _row(sign: str, style: str, text: str, width: int) -> list[Line]:
    """A sign and its meaning, on as many lines as needed."""
    indent = HEAD_WIDTH if sign else 2
    pieces = wrap(text, max(8, width - indent), 9)
    heads = [pad(f"  {sign}", indent), *[" " * indent] * len(pieces)]
    return [
        ((head, style), (piece, "foreground")) for head, piece in zip(heads, pieces, strict=False)
    ]


class HelpScreen(ModalScreen[None]):
    """The help in a box over what is seen."""

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
