"""Search for the object's address in a weak reference."""

from __future__ import annotations

from _weakref import ref

from ..own_memory import WORD, Memory
from ..watched_objects import measured_offset
from .find_gil import NotFound

REF_WORDS = 8


class _Mortal:
    """Allows a weak reference."""


def find_references(memory: Memory) -> dict[str, int]:
    """``weak_offset``: of the object's address in a weak reference; ``dead``: its value once the
    object has died; ``offset``: how much higher sys.getrefcount is than ctypes."""
    found: set[tuple[int, int]] = set()
    for _ in range(2):
        mortal = _Mortal()
        weak = ref(mortal)
        address = id(mortal)
        words = memory.words(id(weak), REF_WORDS)
        if words.count(address) != 1:
            raise NotFound("a weak reference does not show its object once")
        offset = words.index(address) * WORD
        del mortal
        found.add((offset, memory.word(id(weak) + offset)))
    if len(found) != 1:
        raise NotFound("weak references differ")
    offset, dead = found.pop()
    return {"weak_offset": offset, "dead": dead, "offset": measured_offset()}
