"""Search for the word in which the interpreter counts running threads."""

from __future__ import annotations

import _thread

from ..own_memory import WORD, Memory
from .find_gil import NotFound
from .helper import Helper

NEAR = 16  # words


def find_thread_count(memory: Memory, head: int) -> int:
    """Its address. ``head`` is that of the list of thread states, just before it."""
    before = _places(memory, head)
    extra = Helper()
    try:
        during = _places(memory, head)
    finally:
        extra.end()
    found = before & during & _places(memory, head)
    if len(found) != 1:
        raise NotFound(f"{len(found)} words count threads")
    return found.pop()


def _places(memory: Memory, head: int) -> set[int]:
    count = _thread._count()  # noqa: SLF001 - there is no other function
    words = memory.words(head + WORD, NEAR)
    return {head + WORD * (index + 1) for index, word in enumerate(words) if word == count}
