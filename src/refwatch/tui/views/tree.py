"""Rows of a tree that is opened step by step, and the lines that join them."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.tui.views.styled_text import Line

Path = tuple[int, ...]
"""A row's name: the numbers of the nodes from the top down to it."""

OPENS, OPEN = "▸", "▾"


@dataclass(frozen=True)
class TreeRow:
    """One row as it is drawn. ``opens``: something can be below it; ``open``: it is. ``rests``: the
    cursor may stand on it."""

    key: Path
    line: Line
    opens: bool = False
    open: bool = False
    rests: bool = True


def hung(above: str, *, last: bool) -> tuple[str, str]:
    """(what stands before a row, what stands before those below it), given the latter of the row
    above it."""
    return (above + "└ ", above + "  ") if last else (above + "├ ", above + "│ ")


def narrowed(guide: str, most: int) -> str:
    """The end of a guide that would leave no room: where it hangs is all that is lost."""
    return guide if len(guide) <= most else "⋯ " + guide[-max(2, most - 2) :]
