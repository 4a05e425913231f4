"""How a Python process was started, by its command line."""

from __future__ import annotations


def start_method(argv: list[str]) -> str:
    """How an interpreter that started anew was started, by its command line."""
    words = " ".join(argv)
    if "multiprocessing.spawn" in words and "--multiprocessing-fork" in argv:
        return "spawn"
    return "subprocess"


def is_forkserver(argv: list[str]) -> bool:
    """A process that only forks others, for multiprocessing."""
    return any("multiprocessing.forkserver" in word for word in argv)
