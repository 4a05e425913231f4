"""Standard streams that the caller has closed."""

from __future__ import annotations

import os
import sys


def fill_closed() -> None:
    """Put nothing in the place of each, or the next file that is opened gets its number, and what
    is meant for the stream goes there. It is closed by exec: the target sees the stream closed."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this
            if getattr(sys, name) is None:
                setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))
