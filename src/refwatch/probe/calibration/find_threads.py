"""Search for the list of thread states, and for the fields of one that identify the thread.

struct _ts and struct pythreads: CPython's Include/cpython/pystate.h and
Include/internal/pycore_interp.h (pycore_interp_structs.h since 3.14).
"""

from __future__ import annotations

from _thread import get_ident, get_native_id

from ..capi import interpreter_state, thread_state
from ..own_memory import WORD, Memory
from .find_gil import NotFound
from .helper import Helper

STATE_WORDS = 96
INTERPRETER_WORDS = 4096


def find_threads(memory: Memory, older: Helper, newer: Helper) -> dict[str, int]:
    """``main`` (the calling thread's state), ``head`` (address of the list's head in the
    interpreter; the count of threads ever made is one word below), and offsets in a thread state:
    ``newer_offset``, ``older_offset``, ``tid_offset``, ``ident_offset``, ``id_offset``."""
    main = thread_state()
    states = {
        address: memory.words(address, STATE_WORDS) for address in (main, older.state, newer.state)
    }
    tid = _offset(states, {main: get_native_id(), older.state: older.tid, newer.state: newer.tid})
    ident = _offset(states, {main: get_ident(), older.state: older.ident, newer.state: newer.ident})
    link = _offset(states, {older.state: newer.state, newer.state: 0})
    back = _offset(states, {newer.state: older.state})
    head = _head(memory, newer.state)
    made = memory.word(head - WORD)
    number = _offset(states, {older.state: made - 1, newer.state: made})
    found = {
        "main": main,
        "head": head,
        "newer_offset": link,
        "older_offset": back,
        "tid_offset": tid,
        "ident_offset": ident,
        "id_offset": number,
    }
    _verify(memory, found)
    return found


def _offset(states: dict[int, tuple[int, ...]], wanted: dict[int, int]) -> int:
    """The first offset at which every one of these thread states holds the wanted word."""
    count = min(len(words) for words in states.values())
    for index in range(count):
        if all(states[address][index] == value for address, value in wanted.items()):
            return index * WORD
    raise NotFound("a thread state has no such word")


def _head(memory: Memory, newest: int) -> int:
    start = interpreter_state()
    words = memory.words(start, INTERPRETER_WORDS)
    for index, word in enumerate(words):
        if index and word == newest and 2 < words[index - 1] < 1 << 32:
            return start + index * WORD
    raise NotFound("the head of the list of thread states is not in the interpreter")


def _verify(memory: Memory, found: dict[str, int]) -> None:
    """The second check: a new thread must appear at the head, with the next number, and a walk from
    the oldest state must reach it."""
    made = memory.word(found["head"] - WORD)
    extra = Helper()
    try:
        state = extra.state
        if memory.word(found["head"]) != state or memory.word(found["head"] - WORD) != made + 1:
            raise NotFound("a new thread is not at the head of the list")
        if memory.word(state + found["id_offset"]) != made + 1:
            raise NotFound("a new thread has not the next number")
        if memory.word(state + found["tid_offset"]) != extra.tid:
            raise NotFound("a new thread's state does not name it")
        address = found["main"]
        for _ in range(1000):
            if address in (0, state):
                break
            address = memory.word(address + found["newer_offset"])
        if address != state:
            raise NotFound("the list of thread states does not lead to a new thread")
    finally:
        extra.end()
