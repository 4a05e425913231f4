"""How a Python process was started: by its command line, and as the event that tells of it."""

from __future__ import annotations

from refwatch import __version__
from refwatch.session.events import TargetStarted
from refwatch.target.proc import command_line, executable_of, working_directory


def start_method(argv: list[str]) -> str:
    """How an interpreter that started anew was started, by its command line."""
    words = " ".join(argv)
    if "multiprocessing.spawn" in words and "--multiprocessing-fork" in argv:
        return "spawn"
    return "subprocess"


def is_forkserver(argv: list[str]) -> bool:
    """A process that only forks others, for multiprocessing."""
    return any("multiprocessing.forkserver" in word for word in argv)


def child_started(
    number: int, pid: int, parent: int | None, method: str, now_ns: int
) -> TargetStarted:
    """The start of the child with this number in the session, told at ``now_ns``."""
    return TargetStarted(
        at=now_ns / 1e9,
        process=number,
        pid=pid,
        argv=command_line(pid),
        executable=executable_of(pid),
        cwd=working_directory(pid),
        started_at="",
        refwatch=__version__,
        ppid=parent,
        start_method=method,
    )
