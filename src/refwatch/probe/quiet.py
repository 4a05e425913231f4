"""Calls of which the target's audit hooks do not hear (sys.addaudithook; PEP 578).

The interpreter's word for its list of hooks is found by experiment: it is empty until there is a
first one (CPython's Python/sysmodule.c). A hook is the target's own code, and what refwatch does is
none of its business; it might even raise. Nobody else's events are lost: while the word is empty
only one C function runs, which keeps the GIL.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]
from _operator import call
from itertools import repeat

from .capi import api, ctypes, interpreter_state
from .peek import WORD, Memory
from .plain import address_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Step = Callable[[], object]

STATE = 1 << 19  # bytes of the interpreter's state that are looked through
BLOCK = 4096
LIST_WORDS = 4  # ob_refcnt, ob_type, ob_size, ob_item


class _Hooks:
    """The word, once it is known; to be made before the target's first line."""

    def __init__(self) -> None:
        self.word: ctypes.c_void_p | None = None


_hooks = _Hooks()


def prepare(memory: Memory) -> None:
    """Find the word. Where there are hooks already, or it is not found, nothing is kept quiet."""
    state = interpreter_state()
    before = memory.read(state, STATE)
    hook: Callable[..., None] = lambda *_: None  # noqa: E731 - it has to be gone again
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
    """Offsets of words that were 0 and no longer are."""
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
    """(what takes the hooks away, what brings them back) as steps, each for one call. The second
    does nothing when it is called again, or when the first was not."""
    word = _hooks.word
    if word is None:
        return bool, bool
    hooks: list[int | None] = []
    take = (
        partial(hooks.extend, map(getattr, (word,), ("value",))),
        partial(setattr, word, "value", None),
    )
    bring = map(setattr, repeat(word), repeat("value"), hooks)
    return partial(any, map(call, take)), partial(any, bring)


def keep(function: Step, found: list[object]) -> Step:
    """A step in which ``found`` gets what ``function`` returns."""
    step: Step = partial(found.extend, map(call, (function,)))
    return step


def quietly(function: Step) -> object:
    """What this function returns, which must be one of C's and run no other code."""
    found: list[object] = []
    take, bring = window()
    try:
        any(map(call, (take, keep(function, found), bring)))
    finally:
        bring()
    return found[0]


def caller_of(depth: int) -> FrameType | None:
    """The frame so many calls above the one that calls this."""
    frame: FrameType | None = quietly(sys._getframe)  # type: ignore[assignment]  # noqa: SLF001
    for _ in range(depth + 2):  # quietly() and this function are the first two
        frame = frame.f_back if frame is not None else None
    return frame
