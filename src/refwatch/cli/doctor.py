"""``refwatch doctor``: one line per reading, with the reason where one is missing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from refwatch.cli.errors import FAILED, give_up

if TYPE_CHECKING:
    from refwatch.cli.target import Wanted
    from refwatch.daemon.doctor import Reading


def doctor(wanted: Wanted) -> int:
    """Print what works; the status is 0 when everything does."""
    from refwatch import __version__
    from refwatch.daemon.doctor import Reading, examine
    from refwatch.daemon.session_dir import SessionError, runtime_directory

    executable = wanted.usual()
    try:
        readings = examine(executable)
        sessions = Reading("sessions", works=True, detail=f"in {runtime_directory()}")
    except SessionError as error:
        give_up(str(error))
    system = os.uname()
    sys.stdout.write(
        f"refwatch {__version__} on {system.sysname} {system.release} {system.machine}, "
        f"{executable}\n"
    )
    for reading in [*readings, sessions, _terminal()]:
        mark = "yes" if reading.works else "no "
        sys.stdout.write(f"  {mark}  {reading.name:22} {reading.detail}\n")
    return 0 if all(reading.works for reading in readings) else FAILED


def _terminal() -> Reading:
    from refwatch.daemon.doctor import Reading

    missing = [name for fd, name in enumerate(("stdin", "stdout", "stderr")) if not os.isatty(fd)]
    if not missing:
        return Reading("terminal UI", works=True, detail="stdin, stdout and stderr are a terminal")
    return Reading("terminal UI", works=False, detail=f"no terminal on {', '.join(missing)}")
