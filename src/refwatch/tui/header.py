"""The two lines at the top: what is watched and how it stands."""

from __future__ import annotations

from refwatch.tui.views.header import HeaderView, draw_header
from refwatch.tui.widgets.lines import Picture


class Header(Picture[HeaderView]):
    """Shows a HeaderView."""

    def __init__(self) -> None:
        super().__init__(draw_header, "header")
