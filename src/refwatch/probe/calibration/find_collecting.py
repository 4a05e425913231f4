"""Search for the int that says whether the cyclic garbage collector is running.

It is next to the pointers to gc.garbage and gc.callbacks, at the end of struct
_gc_runtime_state in CPython's Include/internal/pycore_gc.h (pycore_interp_structs.h since 3.14).
"""

from __future__ import annotations

import gc

from ..capi import interpreter_state
from ..own_memory import WORD, Memory
from .find_gil import NotFound
from .find_threads import INTERPRETER_WORDS

LOW_HALF = 0xFFFFFFFF  # collecting is an int
NEAR = 4  # words before the pointers


def before_lists(memory: Memory, near: int) -> tuple[int, tuple[int, ...]]:
    """(address, words) of so many words of the interpreter before its pointers to gc.garbage and
    gc.callbacks. Raises NotFound."""
    start = interpreter_state()
    words = memory.words(start, INTERPRETER_WORDS)
    pair = (id(gc.garbage), id(gc.callbacks))
    found = [index for index in range(near, len(words) - 1) if words[index : index + 2] == pair]
    if len(found) != 1:
        raise NotFound(f"{len(found)} places have the collector's lists")
    first = found[0] - near
    return start + first * WORD, words[first : found[0]]


def find_collecting(memory: Memory) -> int:
    """Its address: the int is 1 during a collection of the youngest objects, 0 before and after.
    Raises NotFound."""
    low, _ = before_lists(memory, NEAR)
    during: list[tuple[int, ...]] = []

    def look(phase: str, info: dict[str, int]) -> None:
        del phase, info
        during.append(memory.words(low, NEAR))

    before = memory.words(low, NEAR)
    gc.callbacks.append(look)
    try:
        gc.collect(0)
    finally:
        gc.callbacks.remove(look)
    after = memory.words(low, NEAR)
    places = [
        index
        for index in range(NEAR)
        if not (before[index] | after[index]) & LOW_HALF
        and len(during) == 2  # at the start and at the end
        and all(words[index] & LOW_HALF == 1 for words in during)
    ]
    if len(places) != 1:
        raise NotFound(f"{len(places)} words say that the collector runs")
    return low + places[0] * WORD
