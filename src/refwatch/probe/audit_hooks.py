"""Calls that raise no audit event in the target (sys.addaudithook, PEP 578).

A hook is the target's code, and may raise. The interpreter's pointer to its list of hooks is found
by experiment: it is null until the first hook is added (CPython's Python/sysmodule.c). It is set to
null for one C call, which holds the GIL, so no event of the target is lost.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]
from _operator import call
from itertools import repeat

from .capi import api, ctypes, interpreter_state
from .own_memory import WORD, Memory
from .raw_access import address_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], object]

STATE = 1 << 19  # bytes of the interpreter's state that are searched
BLOCK = 4096
LIST_WORDS = 4  # ob_refcnt, ob_type, ob_size, ob_item


class _Hooks:
    """Holder of the pointer, once it is found."""

    def __init__(self) -> None:
        self.word: ctypes.c_void_p | None = None


_hooks = _Hooks()


def prepare(memory: Memory) -> None:
    """Find the pointer, before the target's first line. If there are hooks already, or it is not
    found, calls are not hidden."""
    state = interpreter_state()
    before = memory.read(state, STATE)
    hook: Callable[..., None] = lambda *_: None  # noqa: E731 - freed below
    sys.addaudithook(hook)
    after = memory.read(state, STATE)
    places = [
        state + offset
        for offset in _changed(before, after)
        if _is_list_of(memory, memory.word(state + offset), address_of(hook))
    ]
    if len(places) == 1:
        _hooks.word = ctypes.c_void_p.from_address(places[0])
        hooks = ctypes.c_void_p(_hooks.word.value)
        _hooks.word.value = None
        api.Py_DecRef(hooks)


def _changed(before: bytes, after: bytes) -> list[int]:
    """Offsets of words that have changed from 0."""
    size = min(len(before), len(after)) // WORD * WORD
    empty = bytes(WORD)
    return [
        offset
        for block in range(0, size, BLOCK)
        if before[block : block + BLOCK] != after[block : block + BLOCK]
        for offset in range(block, min(block + BLOCK, size), WORD)
        if before[offset : offset + WORD] == empty != after[offset : offset + WORD]
    ]


def _is_list_of(memory: Memory, address: int, only: int) -> bool:
    words = memory.words(address, LIST_WORDS)
    if len(words) < LIST_WORDS or words[1:3] != (address_of(list), 1):
        return False
    return memory.word(words[3]) == only


def window() -> tuple[Step, Step]:
    """(remove the hooks, restore the hooks) as steps, each for one call. The second does nothing
    if called again, or without the first."""
    word = _hooks.word
    if word is None or not word.value:  # nobody would hear of it
        return bool, bool
    hooks: list[int | None] = []
    remove = (
        partial(hooks.extend, map(getattr, (word,), ("value",))),
        partial(setattr, word, "value", None),
    )
    restore = map(setattr, repeat(word), repeat("value"), hooks)
    return partial(any, map(call, remove)), partial(any, restore)


def keep(function: Step, found: list[object]) -> Step:
    """A step that appends the function's result to ``found``."""
    step: Step = partial(found.extend, map(call, (function,)))
    return step


def quietly(function: Step) -> object:
    """Call a C function, which must run no other code, with no audit event."""
    if _hooks.word is None or not _hooks.word.value:
        return function()
    found: list[object] = []
    remove, restore = window()
    try:
        any(map(call, (remove, keep(function, found), restore)))
    finally:
        restore()
    return found[0]
