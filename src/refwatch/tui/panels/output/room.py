"""How large the target's terminal is: as the Output panel, whichever panel is seen."""

from __future__ import annotations

CHROME = (4, 3)
"""(rows, columns) of the screen that are not the Output panel's."""


def room(rows: int, columns: int) -> tuple[int, int]:
    """(rows, columns) of the target's terminal on a screen of that size."""
    return max(rows - CHROME[0], 2), max(columns - CHROME[1], 10)
