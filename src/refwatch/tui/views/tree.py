"""Rows of a tree, and the guides that join them."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.tui.views.styled_text import Line

Path = tuple[int, ...]
"""Key of a row: node numbers from the top down."""

OPENS, OPEN = "▸", "▾"


@dataclass(frozen=True)
class TreeRow:
    """A drawn row. ``opens``: it has children; ``open``: they are shown; ``rests``: the cursor may
    stand on it."""

    key: Path
    line: Line
    opens: bool = False
    open: bool = False
    rests: bool = True


def guides(above: str, *, last: bool) -> tuple[str, str]:
    """(guide of a row, guide of its children), given the parent's guide for children."""
    return (above + "└ ", above + "  ") if last else (above + "├ ", above + "│ ")


def shorten_guide(guide: str, most: int) -> str:
    """The end of a guide that is too long."""
    return guide if len(guide) <= most else "⋯ " + guide[-max(2, most - 2) :]
