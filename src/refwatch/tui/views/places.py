"""Places in source files: whose they are (own code, standard library, packages), and their short
names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    cut,
    cut_dotted,
    cut_start,
    width_of,
)
from refwatch.tui.views.table import LEAST_PIECE

Origin = Literal["own", "stdlib", "site"]
"""The program's own code, the standard library, or an installed package."""

_SITE = re.compile(r"/(?:site|dist)-packages/")
_STDLIB = re.compile(r"/lib(?:64)?/python3(?:\.\d+t?)?/|/python3\d+\.zip/")
_NO_FILE = ("<frozen ", "<unknown>", "<garbage collector>", "<frames left out>")
"""Modules inside the interpreter, allocations where no Python code runs, and what stands in for
lines of a stack."""


@lru_cache(maxsize=8192)
def origin_of(file: str) -> Origin:
    """Tell a file's origin by its path alone: the file may be on another machine."""
    if _SITE.search(file):
        return "site"
    if file.startswith(_NO_FILE) or _STDLIB.search(file):
        return "stdlib"
    return "own"


def short_path(file: str, cwd: str) -> str:
    """The path relative to the target's folder or to where packages are."""
    if cwd and file.startswith(f"{cwd.rstrip('/')}/"):
        return file[len(cwd.rstrip("/")) + 1 :]
    for pattern in (_SITE, _STDLIB):
        found = None
        for found in pattern.finditer(file):  # noqa: B007 - the last one counts
            pass
        if found is not None:
            return file[found.end() :]
    return file


def short_function(function: str) -> str:
    """A qualified name without the steps that say nothing."""
    return printable(function).replace(".<locals>", "")


_STYLES: dict[Origin, str] = {"own": "strong", "stdlib": "foreground", "site": "foreground"}


def fmt_place(file: str, line: int, function: str, cwd: str) -> Line:
    """``app/load.py:21 parse``; the folder matters least. Line 0 and no function are left out. What
    has no file has its name in place of one."""
    path = printable(short_path(file, cwd))
    start = path.rfind("." if path.startswith("<frozen ") else "/") + 1
    folder, name = path[:start], path[start:]
    styled: list[StyledText] = [(folder, "muted")] if folder else []
    styled.append((f"{name}:{line}" if line else name, _STYLES[origin_of(file)]))
    if function and function != file:
        styled.append((f" {short_function(function)}", "foreground"))
    return tuple(styled)


def shortened(line: Line, width: int) -> Line:
    """A name cut to so many cells: first the folder, then the start of the function."""
    over = width_of(line) - width
    if over <= 0 or not line:
        return line
    (text, style), *rest = line
    if style == "muted" and rest:
        room = width_of(((text, ""),)) - over
        if room >= 3:
            return ((cut_start(text, room), style), *rest)
        line = (("…", "muted"), *rest)
    *head, (text, style) = line
    room = width - width_of(head) - 1
    if text.startswith(" ") and room >= LEAST_PIECE:
        last = text.rpartition(".")[2]
        kept = cut_dotted(text[1:], room) if len(last) < room else cut(last.strip(), room)
        return (*head, (f" {kept}", style))
    return line
