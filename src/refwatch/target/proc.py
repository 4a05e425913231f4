"""Whether /proc is that of this process's own pid namespace (pid_namespaces(7))."""

from __future__ import annotations

import os

FOREIGN_PROC = (
    "/proc shows another pid namespace's processes (unshare --pid without --mount-proc, or a "
    "container that has its host's)"
)


def proc_is_ours() -> bool:
    """Whether the processes in /proc go by the numbers that this one knows them by. Where there is
    no /proc it is nobody else's either."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return True
