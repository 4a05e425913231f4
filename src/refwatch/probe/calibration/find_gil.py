"""Search for the GIL, by the futex on which a thread sleeps that waits for it.

A helper waits for the GIL while this thread holds it. The futex on which it sleeps is the GIL's
condition variable, and some words below are ``interval`` (set to a marker for the search),
``last_holder``, ``locked`` and ``switch_number``: struct _gil_runtime_state in CPython's
Include/internal/pycore_gil.h. Then each word is tested a second time.
"""

from __future__ import annotations

import os
import sys
import time

from ..capi import HeldReader, thread_state
from ..own_memory import WORD, Memory
from .helper import Helper, wait_until

FUTEX = {"x86_64": b"202", "aarch64": b"98", "riscv64": b"98"}
MARKERS = (0.234567, 0.345678)  # seconds: switch intervals that no program would choose
LOW_HALF = 0xFFFFFFFF  # locked is an int
SEARCH_WORDS = 24  # how far below the futex the GIL's first word can lie


class NotFound(Exception):
    """The search did not end at exactly one place, or the second check failed."""


def find_gil(memory: Memory, helper: Helper) -> dict[str, int]:
    """Addresses: ``gil`` (of ``interval``; last_holder, locked and switch_number follow, one word
    each) and ``futex``. Raises NotFound or Stuck."""
    interval = sys.getswitchinterval()
    try:
        futex = _wanted_futex(helper)
        held = HeldReader(memory.fd)
        gil = _search(held, futex)
        _verify(held, helper, gil)
    finally:
        # It is stored in whole microseconds, cut off: 0.007 set again would become 0.006999.
        sys.setswitchinterval(interval + 0.5e-6)
    return {"gil": gil, "futex": futex}


def _wanted_futex(helper: Helper) -> int:
    """The futex on which the helper sleeps while it waits for the GIL, which this thread holds."""
    number = FUTEX.get(os.uname().machine)
    if number is None:
        raise NotFound(f"system calls of {os.uname().machine} are not known")
    fd = os.open(f"/proc/self/task/{helper.tid}/syscall", os.O_RDONLY | os.O_CLOEXEC)
    try:
        reader = HeldReader(fd)
        wait_until(lambda: reader.read().startswith(number), "a helper's sleep on its lock")
        own_lock = _futex_of(reader.read(), number)
        sys.setswitchinterval(MARKERS[0])
        helper.begin(lambda: None)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            futex = _futex_of(reader.read(), number)
            if futex not in (0, own_lock) and futex == _futex_of(reader.read(), number):
                return futex
        raise NotFound("a thread that wanted the GIL was not seen asleep")
    finally:
        os.close(fd)


def _futex_of(line: bytes, number: bytes) -> int:
    words = line.split(b" ", 2)
    return int(words[1], 16) if words[0] == number else 0


def _search(held: HeldReader, futex: int) -> int:
    sys.setswitchinterval(MARKERS[1])
    me, marker = thread_state(), round(MARKERS[1] * 1e6)
    low = (futex & ~7) - SEARCH_WORDS * WORD
    words = held.words(low, SEARCH_WORDS)
    found = [
        index
        for index in range(len(words) - 3)
        if words[index : index + 2] == (marker, me) and words[index + 2] & LOW_HALF == 1
    ]
    if len(found) != 1:
        raise NotFound(f"{len(found)} places look like the GIL")
    return low + found[0] * WORD


def _verify(held: HeldReader, helper: Helper, gil: int) -> None:
    """The second check: each word must change exactly when it should."""
    sys.setswitchinterval(MARKERS[0])
    if held.words(gil, 1) != (round(MARKERS[0] * 1e6),):
        raise NotFound("the switch interval does not follow sys.setswitchinterval")
    wait_until(lambda: helper.done, "a helper's task")
    seen: list[tuple[int, ...]] = []
    before = held.words(gil, 4)
    for _ in range(3):
        helper.run(lambda: seen.append(held.words(gil, 4)))
    after = held.words(gil, 4)
    holders = [words[1] for words in seen]
    if holders != [helper.state] * 3 or (before[1], after[1]) != (thread_state(),) * 2:
        raise NotFound("the GIL's last holder is not the thread that runs")
    if any(words[2] & LOW_HALF != 1 for words in (before, *seen, after)):
        raise NotFound("the GIL reads as free while a thread runs")
    if not 6 <= after[3] - before[3] <= 10_000:
        raise NotFound(f"the GIL counted {after[3] - before[3]} switches where 6 or more were made")
