"""Colours: two themes of our own, and the styles by which the views name what they draw.

A state always has a glyph, a word and a colour, so the colour is never alone. The colours were
chosen to be told apart on both grounds and to stay distinct for red-green blindness in lightness.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color, ColorParseError
from rich.errors import StyleSyntaxError
from rich.style import Style
from textual.theme import Theme

from refwatch.readings.threads.states import ThreadState
from refwatch.tui.views.frame_colours import FRAME_COLOURS

_COLOURS = {
    "state-gil_held": ("#4fd18b", "#1f9d57"),
    "state-gil_wait": ("#ff6b4a", "#e0441f"),
    "state-native": ("#4e9cff", "#1f6fe0"),
    "state-cpu_wait": ("#d77ee8", "#a32fbf"),
    "state-io_wait": ("#35c2d1", "#0b8fa0"),
    "state-lock_wait": ("#f0c040", "#b97f00"),
    "state-sleep": ("#556072", "#9aa5b5"),
    "state-child_wait": ("#a594f9", "#6b4fe0"),
    "state-other": ("#a08c7d", "#8a7565"),
    "fill-gil_held": ("#4fd18b", "#1f9d57"),
    "fill-gil_wait": ("#a63c26", "#f59a82"),
    "fill-native": ("#4e9cff", "#1f6fe0"),
    "fill-cpu_wait": ("#8d4f9b", "#dba3e8"),
    "fill-io_wait": ("#1c6f7a", "#86cdd6"),
    "fill-lock_wait": ("#927327", "#e9c765"),
    "fill-sleep": ("#2d3542", "#dce2ea"),
    "fill-child_wait": ("#5f5496", "#c0b4f6"),
    "fill-other": ("#5e5248", "#d3c8be"),
    "part-python_used": ("#4e9cff", "#1f6fe0"),
    "part-python_free": ("#2b5288", "#9cc3f5"),
    "part-c_used": ("#f0a040", "#d97a00"),
    "part-c_free": ("#8a5f2a", "#f3cb94"),
    "part-files": ("#3fa79a", "#2a9d8f"),
    "part-other": ("#6c7889", "#98a3b3"),
    **FRAME_COLOURS,
    "muted": ("#8592a6", "#5c6878"),
    "trend": ("#38658f", "#8fb8e0"),
}
"""Name -> (dark, light).

state-, fill-: thread states and their areas; what runs is bright, what waits is dim, so that the
eye finds who has the GIL. part-: parts of memory; each heap has a hue, its free memory less of it.
frame-: frames of a flame graph.
"""
_BASE = {
    "primary": ("#5fb3f9", "#1766b8"),
    "secondary": ("#4fd18b", "#1f9d57"),
    "accent": ("#f0c040", "#a86b00"),
    "warning": ("#f0a040", "#b96a00"),
    "error": ("#ff5f5f", "#c62828"),
    "success": ("#4fd18b", "#1f9d57"),
    "foreground": ("#d5dde8", "#1d2530"),
    "background": ("#10151c", "#fbfcfd"),
    "surface": ("#161c26", "#f1f4f8"),
    "panel": ("#2a3443", "#d5dde7"),
}
_WIDGETS = {
    "block-cursor-background": ("#24405c", "#cfe4fb"),
    "block-cursor-foreground": ("#ffffff", "#0d1620"),
    "scrollbar": ("#3a475b", "#b4c0cf"),
    "scrollbar-hover": _BASE["primary"],
    "scrollbar-active": _BASE["primary"],
    "scrollbar-background": _BASE["surface"],
    "scrollbar-background-hover": _BASE["surface"],
    "scrollbar-background-active": _BASE["surface"],
    "footer-key-foreground": _BASE["accent"],
}


def _theme(name: str, place: int) -> Theme:
    variables = {key: colours[place] for key, colours in {**_COLOURS, **_WIDGETS}.items()}
    theme = Theme(name, _BASE["primary"][place], dark=place == 0, variables=variables)
    for key, colours in _BASE.items():
        setattr(theme, key, colours[place])
    return theme


DARK = _theme("refwatch-dark", 0)
LIGHT = _theme("refwatch-light", 1)


def defaults(dark: bool) -> dict[str, str]:
    """Our own variables, for Textual's own themes."""
    return {name: colours[0 if dark else 1] for name, colours in _COLOURS.items()}


class Palette:
    """The styles of one theme, by the names that views use.

    None of them has a ground of its own, except ``paused``, ``chosen`` and ``cursor``. A name
    ``front/back`` is the one's style on the other's colour, for a cell that shows two pieces.
    """

    def __init__(self, styles: dict[str, Style]) -> None:
        self._styles = styles

    def __getitem__(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            if name.startswith("ansi:"):
                return _ansi(name)
            front, _, back = name.partition("/")
            style = self._styles.get(front, _NO_STYLE)
            if back:
                ground = self._styles.get(back, _NO_STYLE)
                style += Style(bgcolor=ground.color)
            self._styles[name] = style
        return style


def palette_of(variables: dict[str, str]) -> Palette:
    """The palette of a theme's variables."""
    keys = (*_COLOURS, *_PLAIN)
    return _palette(tuple((key, variables[key]) for key in keys))


_NO_STYLE = Style()
_BOLD = {
    "strong": "foreground", "key": "accent", "title": "primary", "bad": "error", "good": "success",
    "warn": "warning",
}  # fmt: skip
_PLAIN = (
    "foreground", "primary", "secondary", "accent", "warning", "error", "success",
    "block-cursor-background", "background",
)  # fmt: skip


@lru_cache(maxsize=8)
def _palette(variables: tuple[tuple[str, str], ...]) -> Palette:
    values = {name: _style(text) for name, text in variables}
    styles = {name.removeprefix("state-"): style for name, style in values.items()}
    bold = Style(bold=True)
    styles |= {name: values[of] + bold for name, of in _BOLD.items()}
    styles["paused"] = (
        Style(color=values["background"].color, bgcolor=values["accent"].color) + bold
    )
    styles["chosen"] = (
        Style(color=values["background"].color, bgcolor=values["primary"].color) + bold
    )
    styles["cursor"] = Style(bgcolor=values["block-cursor-background"].color)
    for state in ThreadState:
        styles[f"{state}-bold"] = values[f"state-{state}"] + bold
    for part in _COLOURS:
        if part.startswith("part-"):
            styles[f"{part}-bold"] = values[part] + bold
    styles["primary-bold"] = styles["title"]
    return Palette(styles)


def _style(text: str) -> Style:
    if text.startswith("ansi_"):  # Textual's themes of the terminal's own sixteen colours
        text = text.removeprefix("ansi_")
    if text in {"default", "transparent", ""}:
        return _NO_STYLE
    text = text.split()[0]  # "#aabbcc 50%": a share of opacity is no matter of ours
    try:
        return Style(color=Color.parse(text[:7] if text.startswith("#") else text))
    except ColorParseError:
        return _NO_STYLE


@lru_cache(maxsize=4096)
def _ansi(name: str) -> Style:
    """A style that the target has set by escape sequences. Bounded: it may use 24-bit colours."""
    try:
        return Style.parse(name.removeprefix("ansi:"))
    except StyleSyntaxError:
        return _NO_STYLE
