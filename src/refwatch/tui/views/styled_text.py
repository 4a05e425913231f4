"""Styled text and lines of it, and fitting them into cells.

Styles are names, so views need neither Textual nor a theme. Text from the target goes through
:func:`safe`: it is never markup, but control characters would reach the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.cells import cell_len, set_cell_size

StyledText = tuple[str, str]
"""(text, style name in refwatch.tui.theme)"""
Line = tuple[StyledText, ...]


def width_of(line: Iterable[StyledText]) -> int:
    """Width of a line in cells."""
    return sum(cell_len(text) for text, _ in line)


def cut(text: str, width: int) -> str:
    """The text in at most ``width`` cells, ``…`` at its end if it was cut."""
    if cell_len(text) <= width:
        return text
    return "" if width < 1 else set_cell_size(text, width - 1) + "…"


def cut_start(text: str, width: int) -> str:
    """The text in at most ``width`` cells, ``…`` at its start if it was cut."""
    if cell_len(text) <= width:
        return text
    tail = text[-width:]
    while tail and cell_len(tail) >= width:
        tail = tail[1:]
    return f"…{tail}"[:width]


def cut_middle(text: str, width: int) -> str:
    """The text in at most ``width`` cells, ``…`` in its middle if it was cut: the end of a path
    says most."""
    if cell_len(text) <= width:
        return text
    if width < 5:
        return cut(text, width)
    tail_width = (width - 1) * 2 // 3
    head = set_cell_size(text, width - 1 - tail_width)
    tail = text[-tail_width:]
    while cell_len(tail) > tail_width:
        tail = tail[1:]
    return f"{head}…{tail}"


def cut_dotted(text: str, width: int) -> str:
    """A dotted name in at most ``width`` cells; its first parts give way."""
    if cell_len(text) <= width:
        return text
    parts = text.split(".")
    for first in range(1, len(parts)):
        kept = "…" + ".".join(parts[first:])
        if cell_len(kept) <= width:
            return kept
    return cut_middle(parts[-1], width)


def whole_parts(text: str, width: int) -> str:
    """As many comma-separated parts as fit."""
    parts = text.split(", ")
    while len(parts) > 1 and cell_len(", ".join(parts)) > width:
        parts.pop()
    return ", ".join(parts)


def pad(text: str, width: int, right: bool = False) -> str:
    """The text in exactly ``width`` cells, cut or padded."""
    text = cut(text, width)
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def fit(line: Line, width: int) -> Line:
    """The line in at most ``width`` cells."""
    if width_of(line) <= width:
        return line
    kept: list[StyledText] = []
    room = width
    for text, style in line:
        size = cell_len(text)
        if size >= room:
            kept.append((cut(text if size > room else text + "…", room), style))
            break
        kept.append((text, style))
        room -= size
    return tuple(kept)


def joined(cells: Iterable[StyledText]) -> list[StyledText]:
    """Merge neighbours of one style."""
    styled: list[StyledText] = []
    for text, style in cells:
        if styled and styled[-1][1] == style:
            styled[-1] = (styled[-1][0] + text, style)
        else:
            styled.append((text, style))
    return styled


def separated(parts: Iterable[Line], gap: StyledText = ("  ", "")) -> Line:
    """The parts on one line, with gaps."""
    styled: list[StyledText] = []
    for part in parts:
        styled += [gap, *part] if styled else part
    return tuple(styled)


def fmt_signed(value: float, fmt: Callable[[float], str]) -> str:
    """The value with its sign."""
    return f"{'-' if value < 0 else '+'}{fmt(abs(value))}"


def fmt_plural(count: int, singular: str, several: str = "") -> str:
    """``1 chain``, ``2,000 chains``."""
    return f"{count:,} {singular if count == 1 else several or singular + 's'}"


def wrap(text: str, width: int, limit: int) -> list[str]:
    """Break text at spaces into at most ``limit`` lines of ``width`` cells."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < limit:
        line = rest.pop(0)
        last = len(lines) == limit - 1
        while rest and (last or cell_len(line) + 1 + cell_len(rest[0]) <= width):
            line += " " + rest.pop(0)
        lines.append(cut(line, width))
    return lines


def two_ends(left: Line, right: Line, width: int) -> Line:
    """Both at the ends of one line; the left one gives way."""
    right = fit(right, width)
    room = width - width_of(right)
    left = fit(left, max(0, room - 1))
    return (*left, (" " * (room - width_of(left)), ""), *right)
