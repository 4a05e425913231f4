"""Search for what says for the end of which thread a thread waits.

Since 3.13 it waits for an event in the thread's handle, which has its ident too
(struct ThreadHandle in CPython's Modules/_threadmodule.c). Before, it waits for a lock that the
ending thread releases: its state refers to it by a weak reference (``on_delete_data`` in
Include/cpython/pystate.h).
"""

from __future__ import annotations

import _thread
from _weakref import ref

from ..own_memory import WORD, Memory
from .find_gil import NotFound
from .helper import Helper, wait_until

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Futex = Callable[[int], int]
    Start = Callable[[Callable[[], object]], Any]

STATE_WORDS = 96
REF_WORDS = 8
NEAR = range(-64, 65, WORD)  # bytes from a futex to the address of what is waited for
SENTINEL = "_set_sentinel"  # of _thread, where it is the lock of a thread state that is wanted
HANDLE = range(-128, 1)  # bytes from the event in a handle to its ident


def find_joins(memory: Memory, helpers: list[Helper], futex: Futex) -> dict[str, object]:
    """``join_distance`` (from the futex to the address of the event) and ``joined_offset`` (from
    there to the thread's ident); or ``end_lock_offset`` (in a thread state, of the weak reference
    to its lock) and ``end_lock_object_offset`` (in a weak reference). Empty where they are not
    found: then it is not told for whose end a thread waits."""
    try:
        start = getattr(_thread, "start_joinable_thread", None)
        if start is not None:
            return _by_handle(memory, helpers[0], futex, start)
        return _by_lock(memory, helpers)
    except NotFound:
        return {}


def _by_handle(memory: Memory, helper: Helper, futex: Futex, start: Start) -> dict[str, object]:
    found = _ways(memory, helper, futex, start) & _ways(memory, helper, futex, start)
    if len({distance for distance, _ in found}) != 1:
        raise NotFound(f"{len(found)} ways lead to the thread that is joined")
    distance, offset = min(found)  # pthread_self, too, is there, and the same
    return {"join_distance": distance, "joined_offset": offset}


def _ways(memory: Memory, helper: Helper, futex: Futex, start: Start) -> set[tuple[int, int]]:
    """(join_distance, joined_offset) that lead from where a thread waits to the ident of that for
    whose end it waits."""
    gate = _thread.allocate_lock()
    gate.acquire()
    handle = start(gate.acquire)
    found: set[tuple[int, int]] = set()

    def look() -> bool:
        address = futex(helper.tid)
        around = memory.words(address + NEAR.start, len(NEAR)) if address else ()
        wanted = handle.ident.to_bytes(WORD, "little")
        for distance, word in zip(NEAR, around, strict=False):
            data = memory.read(word + HANDLE.start, len(HANDLE) + WORD - 1)
            places = (i for i in range(len(HANDLE)) if data[i : i + WORD] == wanted)
            found.update((distance, HANDLE.start + i) for i in places)
        return bool(found)

    helper.begin(handle.join)
    try:
        wait_until(look, "a thread's wait for another's end")
    finally:
        gate.release()
        wait_until(lambda: helper.done, "a join")
    return found


def _by_lock(memory: Memory, helpers: list[Helper]) -> dict[str, object]:
    found: list[set[tuple[int, int]]] = []
    for helper in helpers:
        locks: list[object] = []
        helper.run(lambda keep=locks: keep.append(getattr(_thread, SENTINEL)()))  # type: ignore[misc]
        wanted = id(locks[0])
        found.append(
            {
                (index * WORD, slot * WORD)
                for index, word in enumerate(memory.words(helper.state, STATE_WORDS))
                for slot, held in enumerate(_words_of_reference(memory, word))
                if held == wanted
            }
        )
    same = found[0] & found[1]
    if len(same) != 1:
        raise NotFound(f"{len(same)} words of a thread state lead to its lock")
    ((state, reference),) = same
    return {"end_lock_offset": state, "end_lock_object_offset": reference}


def _words_of_reference(memory: Memory, address: int) -> tuple[int, ...]:
    """Words of a weak reference; none of anything else."""
    words = memory.words(address, REF_WORDS) if address else ()
    return words if id(ref) in words[:4] else ()
