"""Widgets that show styled lines; the base of nearly all drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from refwatch.tui.theme import Palette, palette_of
from refwatch.tui.views.styled_text import Line

V = TypeVar("V")


def paint(line: Line, palette: Palette, base: Style, width: int) -> Strip:
    """The line as a strip of exactly ``width`` cells on the background of ``base``."""
    segments = [
        Segment(text, base + palette[style] if style else base) for text, style in line if text
    ]
    return Strip(segments).adjust_cell_length(width, base)


def label_border(widget: Widget, title: str | None = None, subtitle: str | None = None) -> None:
    """Set a widget's border texts, as plain text, if they differ."""
    if title is not None and widget.border_title != (text := Content(title)).markup:
        widget.border_title = text
    if subtitle is not None and widget.border_subtitle != (text := Content(subtitle)).markup:
        widget.border_subtitle = text


def put_in_box(widget: Widget, title: str | None) -> None:
    """Give a widget a border with this title; none for None."""
    if title is not None:
        widget.add_class("box")
        widget.border_title = title


class Brush:
    """Palette of the theme and background of a widget, cached while both last."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._variables: dict[str, str] | None = None
        self._palette = Palette({})
        self._base = Style()

    def dry(self) -> None:
        """Forget: the widget's style has changed."""
        self._variables = None

    def dip(self) -> tuple[Palette, Style, bool]:
        """(palette, background, whether either is new)"""
        variables = self._widget.app.theme_variables
        if variables is self._variables:
            return self._palette, self._base, False
        self._variables = variables
        self._palette = palette_of(variables)
        self._base = self._widget.rich_style
        return self._palette, self._base, True


class Lines(Widget):
    """Shows the lines it was last given, cut to its width; redraws only those that changed. With
    the class ``title`` or ``bar`` it is one line with its own background."""

    DEFAULT_CSS = """
    Lines.title {
        height: 1;
        background: $surface;
    }
    Lines.bar {
        height: 1;
        padding: 0 1;
        background: $surface;
    }
    """
    ALLOW_SELECT = False

    def __init__(
        self, name: str | None = None, *, classes: str | None = None, box: str | None = None
    ) -> None:
        super().__init__(id=name, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._brush = Brush(self)
        put_in_box(self, box)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    def show(self, lines: tuple[Line, ...]) -> None:
        """Replace what is shown."""
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.refresh()
            return
        changed = [
            Region(0, y, self.content_size.width, 1)  # of the content: Textual adds the border
            for y, (old, new) in enumerate(zip(before, lines, strict=True))
            if old != new
        ]
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        palette, base, _ = self._brush.dip()
        width = self.content_size.width
        if y >= len(self._lines):
            return Strip.blank(width, base)
        return paint(self._lines[y], palette, base, width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._brush.dry()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self._lines)


class Picture(Lines, Generic[V]):
    """Shows a view by a pure function of (view, width, height); redraws on resize."""

    def __init__(
        self,
        draw: Callable[[V, int, int], tuple[Line, ...]],
        name: str | None = None,
        *,
        box: str | None = None,
    ) -> None:
        super().__init__(name, box=box)
        self._draw = draw
        self._view: V | None = None

    def present(self, view: V) -> None:
        """Show this view from now on."""
        self._view = view
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.content_size
        if self._view is not None and width > 0 and height > 0:
            self.show(self._draw(self._view, width, height))
