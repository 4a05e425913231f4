"""Text of source lines. The files belong to the target and may be anything: missing, huge, a pipe,
binary."""

from __future__ import annotations

import os
import stat
import tokenize
from collections.abc import Callable
from functools import lru_cache

Source = Callable[[str, int], str]
"""(file, line number) -> its text"""
MOST_BYTES = 1 << 20
MOST_CHARACTERS = 400


def source_line(file: str, number: int) -> str:
    """The text of a line, without the space around it; empty where it cannot be read."""
    lines = _read(file)
    return lines[number - 1][:MOST_CHARACTERS].strip() if 0 < number <= len(lines) else ""


def source_lines(file: str, first: int, last: int) -> tuple[str, ...]:
    """The texts of the lines from ``first`` to ``last``, as far as there are any; none where the
    file cannot be read."""
    lines = _read(file)[max(0, first - 1) : max(0, last)]
    return tuple(line[:MOST_CHARACTERS].expandtabs(4).rstrip() for line in lines)


def _read(file: str) -> tuple[str, ...]:
    if not os.path.isabs(file):
        return ()
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return ()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
        return ()
    return _lines(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=16)
def _lines(file: str, changed_ns: int, size: int) -> tuple[str, ...]:  # noqa: ARG001
    """Kept for as long as the file is what it was: both numbers are only part of the key."""
    try:
        with tokenize.open(file) as stream:
            return tuple(stream.read(MOST_BYTES).splitlines())
    except (OSError, SyntaxError, UnicodeDecodeError):  # SyntaxError: an unknown coding cookie
        return ()
