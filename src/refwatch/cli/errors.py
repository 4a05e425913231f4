"""Everything that refwatch itself says on stderr before it gives up: one line, and a status."""

from __future__ import annotations

import sys
from typing import NoReturn

USAGE = 2
FAILED = 1


def say(text: str) -> None:
    """One line on stderr, whatever characters its parts have; a closed stderr is no matter."""
    line = "refwatch: " + "".join(c if c.isprintable() else "?" for c in text)
    try:
        sys.stderr.write(line.encode("utf-8", "replace").decode() + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, UnicodeError):
        pass


def give_up(text: str, status: int = FAILED) -> NoReturn:
    """Say why, and exit with ``status``."""
    say(text)
    raise SystemExit(status)
