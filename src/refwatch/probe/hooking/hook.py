"""Puts the functions of hook.s in front of the interpreter's allocators, and takes them away.

``PyMem_SetAllocator`` may be called at any time by who holds the GIL, as tracemalloc does
(CPython's Doc/c-api/memory.rst). When our functions cannot be taken away because somebody has put
his own in front of them, they stay and let everything pass.
"""

from __future__ import annotations

import time
from _collections import deque  # type: ignore[import-not-found]
from _functools import partial  # type: ignore[import-not-found]
from itertools import repeat

from ..capi import api, ctypes
from ..quiet import quietly
from .board import (
    CODE,
    COUNT,
    COUNTDOWN,
    CURRENT,
    FOUND,
    INSTRUCTION,
    MEM,
    NEVER,
    NONE,
    OBJ,
    OUR_MEM,
    OUR_OBJ,
    PATH,
    PREVIOUS,
    Board,
    NoHook,
)

DOMAIN_MEM, DOMAIN_OBJ = 1, 2  # PyMemAllocatorDomain
DOMAINS = ((DOMAIN_OBJ, OBJ, OUR_OBJ), (DOMAIN_MEM, MEM, OUR_MEM))
BLOCKS = 1000  # of a measurement: 50 microseconds, in which the system seldom interrupts
ROUNDS = 5
LOOKED_AT = 400
MALLOC, FREE, FUNCTIONS = 1, 4, 5  # places in a PyMemAllocatorEx, and how many words that has
SLOW_S = 2e-6  # for a block: somebody else stands in front of the allocators (PYTHONTRACEMALLOC)
LEAST_S = 1e-10

Frames = dict[str, object]


class Hook:
    """The functions of one process. To be made before the target's first line. Raises NoHook."""

    def __init__(self) -> None:
        self.pass_s = 0.0
        """What it costs to allocate and free a block that is not looked at; 0 if not measured."""
        self.follow_s = 0.0
        """The same where frees are followed."""
        self.look_s = 0.0
        """What looking at one costs."""
        self._board = Board()
        self._words = self._board.words
        self._frees: dict[int, int] = {}
        for number, (domain, _, ours) in enumerate(DOMAINS):
            entries = self._board.entries(number)
            self._frees[domain] = entries[-1]
            for place, entry in enumerate(entries, ours + MALLOC):
                self._words[place] = entry
        self._words[CURRENT] = _address_of_current()
        self._place: dict[int, object] = {
            word: ctypes.c_void_p(self._board.data + 8 * word)
            for word in (OBJ, MEM, OUR_OBJ, OUR_MEM, FOUND)
        }
        self._domains = {domain: ctypes.c_int(domain) for domain, _, _ in DOMAINS}
        self._set = api.PyMem_SetAllocator
        self._set.restype = None
        self._get = api.PyMem_GetAllocator
        self._get.restype = None

    def place(self) -> dict[str, object]:
        """Where the daemon reads of them."""
        return self._board.place()

    @property
    def count(self) -> int:
        """Blocks looked at so far."""
        return int(self._words[COUNT])

    def open(self, frames: Frames, mean: int, *, follow: bool) -> None:
        """Look at blocks from now on, one in so many bytes. ``frames`` is what calibration has
        found of them. ``follow``: mark those that are freed, which costs as much again."""
        self._words[COUNTDOWN] = NEVER
        self._say_where(frames)
        self._board.clear()
        self._put_in_front(follow)
        if not self.pass_s:
            self._measure()
            self._put_in_front(follow)
        self._board.begin(mean, time.monotonic_ns())

    def close(self) -> bool:
        """Look at none; False if nothing had been in front of the allocators meanwhile: somebody
        has set them back."""
        words = self._words
        seen = self.is_called()
        words[COUNTDOWN] = NEVER
        for domain, original, ours in DOMAINS:
            self._find(domain)
            if words[FOUND + MALLOC] == words[ours + MALLOC]:
                self._put(domain, original)
        return seen

    def _say_where(self, frames: Frames) -> None:
        words = self._words
        path: list[int] = frames["path"]  # type: ignore[assignment]
        words[PATH] = path[0]
        words[PATH + 1] = path[1] if len(path) > 1 else NONE
        words[CODE] = int(str(frames["code_offset"]))
        words[INSTRUCTION] = int(str(frames["instruction_offset"]))
        words[PREVIOUS] = int(str(frames["previous_offset"]))

    def _put_in_front(self, follow: bool) -> None:
        """Where somebody has put his own in front of ours, they stay as they are."""
        words = self._words
        called = self.is_called()
        for domain, original, ours in DOMAINS:
            self._find(domain)
            in_place = words[FOUND + MALLOC] == words[ours + MALLOC]
            if called and not in_place:
                continue
            if not in_place:
                for place in range(FUNCTIONS):
                    words[original + place] = words[FOUND + place]
                words[ours] = words[FOUND]
            words[ours + FREE] = self._frees[domain] if follow else words[original + FREE]
            self._put(domain, ours)

    def is_called(self) -> bool:
        """Whether a block that is allocated now comes by."""
        words = self._words
        before, left = words[COUNT], words[COUNTDOWN]
        words[COUNTDOWN] = 0
        object()
        words[COUNTDOWN] = left
        return bool(words[COUNT] != before)

    def _find(self, domain: int) -> None:
        quietly(partial(self._get, self._domains[domain], self._place[FOUND]))

    def _put(self, domain: int, functions: int) -> None:
        quietly(partial(self._set, self._domains[domain], self._place[functions]))

    def _measure(self) -> None:
        """By blocks of our own, with our functions and without; the fastest of some."""
        words = self._words
        blocks = BLOCKS if _time_of(LOOKED_AT) < SLOW_S * LOOKED_AT else BLOCKS // 20
        times: dict[str, list[float]] = {"follow": [], "pass": [], "look": [], "none": []}
        for _ in range(ROUNDS):
            self._put_in_front(follow=True)
            words[COUNTDOWN] = NEVER
            times["follow"].append(_time_of(blocks) / blocks)
            self._put_in_front(follow=False)
            times["pass"].append(_time_of(blocks) / blocks)
            self._board.begin(1, 0)
            times["look"].append(_time_of(LOOKED_AT) / LOOKED_AT)
            words[COUNTDOWN] = NEVER
            self.close()
            times["none"].append(_time_of(blocks) / blocks)
        none = min(times["none"])
        self.pass_s = max(LEAST_S, min(times["pass"]) - none)
        self.follow_s = max(self.pass_s, min(times["follow"]) - none)
        self.look_s = max(LEAST_S, min(times["look"]) - none)


def _time_of(blocks: int) -> float:
    """Seconds to allocate and free so many, by C functions only, which keep the GIL."""
    began = time.perf_counter()
    deque(map(bytes, repeat(40, blocks)), 0)
    return time.perf_counter() - began


def _address_of_current() -> int:
    """Of the function that returns the calling thread's state. Raises NoHook."""
    for name in ("PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"):
        function = getattr(api, name, None)
        if function is not None:
            return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    raise NoHook("the interpreter does not say which thread's state is current")
