"""Everything that refwatch itself says on stderr before it gives up: one line, and a status."""

from __future__ import annotations

import contextlib
import os
import sys

from refwatch.text.sanitize import printable

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = 2
FAILED = 1


def say(text: str) -> None:
    """One line on stderr, whatever characters its parts have; a closed stderr is no matter."""
    say_plain("refwatch: " + printable(text))


def say_plain(line: str) -> None:
    """The same for a line that is ready. Past Python's own buffer: what stayed there because nobody
    takes it would be an error at the end, and change the status."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with contextlib.suppress(OSError):
        os.write(2, (line + "\n").encode(encoding, "backslashreplace"))


def give_up(text: str, status: int = FAILED) -> NoReturn:
    """Say why, and exit with ``status``."""
    say(text)
    raise SystemExit(status)
