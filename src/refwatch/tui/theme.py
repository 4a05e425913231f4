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

_DARK_STATES = {
    "state-gil_held": "#4fd18b",
    "state-gil_wait": "#ff6b4a",
    "state-native": "#4e9cff",
    "state-cpu_wait": "#d77ee8",
    "state-io_wait": "#35c2d1",
    "state-lock_wait": "#f0c040",
    "state-sleep": "#556072",
    "state-child_wait": "#a594f9",
    "state-other": "#a08c7d",
}
_LIGHT_STATES = {
    "state-gil_held": "#1f9d57",
    "state-gil_wait": "#e0441f",
    "state-native": "#1f6fe0",
    "state-cpu_wait": "#a32fbf",
    "state-io_wait": "#0b8fa0",
    "state-lock_wait": "#b97f00",
    "state-sleep": "#9aa5b5",
    "state-child_wait": "#6b4fe0",
    "state-other": "#8a7565",
}

_DARK_FILLS = {
    "fill-gil_held": "#4fd18b",
    "fill-gil_wait": "#a63c26",
    "fill-native": "#4e9cff",
    "fill-cpu_wait": "#8d4f9b",
    "fill-io_wait": "#1c6f7a",
    "fill-lock_wait": "#927327",
    "fill-sleep": "#2d3542",
    "fill-child_wait": "#5f5496",
    "fill-other": "#5e5248",
}
_LIGHT_FILLS = {
    "fill-gil_held": "#1f9d57",
    "fill-gil_wait": "#f59a82",
    "fill-native": "#1f6fe0",
    "fill-cpu_wait": "#dba3e8",
    "fill-io_wait": "#86cdd6",
    "fill-lock_wait": "#e9c765",
    "fill-sleep": "#dce2ea",
    "fill-child_wait": "#c0b4f6",
    "fill-other": "#d3c8be",
}
"""Areas: what runs is bright, what waits is dim, so that the eye finds who has the GIL."""

_DARK_PARTS = {
    "part-python_used": "#4e9cff",
    "part-python_free": "#2b5288",
    "part-c_used": "#f0a040",
    "part-c_free": "#8a5f2a",
    "part-files": "#3fa79a",
    "part-other": "#6c7889",
    "frame-own": "#2f6db3",
    "frame-own-odd": "#27598f",
    "frame-library": "#3d4a5e",
    "frame-library-odd": "#333e4f",
    "frame-hot": "#9a5f14",
    "frame-hot-odd": "#85520f",
}
_LIGHT_PARTS = {
    "part-python_used": "#1f6fe0",
    "part-python_free": "#9cc3f5",
    "part-c_used": "#d97a00",
    "part-c_free": "#f3cb94",
    "part-files": "#2a9d8f",
    "part-other": "#98a3b3",
    "frame-own": "#a9cdf5",
    "frame-own-odd": "#c3dcf8",
    "frame-library": "#d3dae3",
    "frame-library-odd": "#e1e6ed",
    "frame-hot": "#f0c07a",
    "frame-hot-odd": "#f5d09a",
}
"""Where memory is: a heap has a hue, and what is free in it less of it; frames of a traceback:
the program's own have a hue."""

DARK = Theme(
    name="refwatch-dark",
    primary="#5fb3f9",
    secondary="#4fd18b",
    accent="#f0c040",
    warning="#f0a040",
    error="#ff5f5f",
    success="#4fd18b",
    foreground="#d5dde8",
    background="#10151c",
    surface="#161c26",
    panel="#2a3443",
    dark=True,
    variables={
        **_DARK_STATES,
        **_DARK_FILLS,
        **_DARK_PARTS,
        "muted": "#8592a6",
        "trend": "#38658f",
        "block-cursor-background": "#24405c",
        "block-cursor-foreground": "#ffffff",
        "scrollbar": "#3a475b",
        "scrollbar-hover": "#5fb3f9",
        "scrollbar-active": "#5fb3f9",
        "scrollbar-background": "#161c26",
        "scrollbar-background-hover": "#161c26",
        "scrollbar-background-active": "#161c26",
        "footer-key-foreground": "#f0c040",
    },
)
LIGHT = Theme(
    name="refwatch-light",
    primary="#1766b8",
    secondary="#1f9d57",
    accent="#a86b00",
    warning="#b96a00",
    error="#c62828",
    success="#1f9d57",
    foreground="#1d2530",
    background="#fbfcfd",
    surface="#f1f4f8",
    panel="#d5dde7",
    dark=False,
    variables={
        **_LIGHT_STATES,
        **_LIGHT_FILLS,
        **_LIGHT_PARTS,
        "muted": "#5c6878",
        "trend": "#8fb8e0",
        "block-cursor-background": "#cfe4fb",
        "block-cursor-foreground": "#0d1620",
        "scrollbar": "#b4c0cf",
        "scrollbar-hover": "#1766b8",
        "scrollbar-active": "#1766b8",
        "scrollbar-background": "#f1f4f8",
        "scrollbar-background-hover": "#f1f4f8",
        "scrollbar-background-active": "#f1f4f8",
        "footer-key-foreground": "#a86b00",
    },
)


def defaults(dark: bool) -> dict[str, str]:
    """Our own variables for the themes that Textual brings along."""
    theme = DARK if dark else LIGHT
    names = (*_DARK_STATES, *_DARK_FILLS, *_DARK_PARTS, "muted", "trend")
    return {name: theme.variables[name] for name in names}


class Palette:
    """The styles of one theme, by the names that views use.

    None of them has a ground of its own, except ``paused``, ``chosen`` and ``cursor``. A name
    ``front/back`` is the one's colour on the other's, for a cell that shows two pieces.
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
                style = Style(color=style.color, bgcolor=ground.color)
            self._styles[name] = style
        return style


def palette_of(variables: dict[str, str]) -> Palette:
    """The palette of a theme's variables."""
    keys = (*_DARK_STATES, *_DARK_FILLS, *_DARK_PARTS, *_PLAIN)
    return _palette(tuple((key, variables[key]) for key in keys))


_NO_STYLE = Style()
_PLAIN = (
    "muted", "trend", "foreground", "primary", "secondary", "accent", "warning", "error", "success",
    "block-cursor-background", "background",
)  # fmt: skip


@lru_cache(maxsize=8)
def _palette(variables: tuple[tuple[str, str], ...]) -> Palette:
    values = {name: _style(text) for name, text in variables}
    styles = {name.removeprefix("state-"): style for name, style in values.items()}
    bold = Style(bold=True)
    styles["strong"] = values["foreground"] + bold
    styles["key"] = values["accent"] + bold
    styles["title"] = values["primary"] + bold
    styles["bad"] = values["error"] + bold
    styles["good"] = values["success"] + bold
    styles["warn"] = values["warning"] + bold
    styles["paused"] = (
        Style(color=values["background"].color, bgcolor=values["accent"].color) + bold
    )
    styles["chosen"] = (
        Style(color=values["background"].color, bgcolor=values["primary"].color) + bold
    )
    styles["cursor"] = Style(bgcolor=values["block-cursor-background"].color)
    for state in ThreadState:
        styles[f"{state}-bold"] = values[f"state-{state}"] + bold
    for part in _DARK_PARTS:
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
