"""Check that /proc belongs to this process's own pid namespace (pid_namespaces(7))."""

from __future__ import annotations

import os

FOREIGN_PROC = (
    "/proc shows another pid namespace's processes (unshare --pid without --mount-proc, or a "
    "container that has its host's)"
)


def proc_is_own_namespace() -> bool:
    """Whether /proc numbers processes as this one does. True where there is no /proc."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return True
