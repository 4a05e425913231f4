"""Installer of the functions in hook.s in front of the interpreter's allocators.

Whoever holds the GIL may call ``PyMem_SetAllocator`` at any time, as tracemalloc does (CPython's
Doc/c-api/memory.rst). If somebody has installed other functions in front of ours, ours stay and
pass everything on.
"""

from __future__ import annotations

import time
from _collections import deque  # type: ignore[import-not-found]
from _functools import partial  # type: ignore[import-not-found]
from itertools import repeat

from ..audit_hooks import quietly
from ..capi import api, ctypes
from .buffer import (
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
    HookBuffer,
    NoHook,
)

DOMAIN_MEM, DOMAIN_OBJ = 1, 2  # PyMemAllocatorDomain
DOMAINS = ((DOMAIN_OBJ, OBJ, OUR_OBJ), (DOMAIN_MEM, MEM, OUR_MEM))
BLOCKS = 1000  # of a measurement: 50 microseconds, in which the system seldom interrupts
ROUNDS = 5
SAMPLED = 400  # blocks of a measurement
MALLOC, FREE, FUNCTIONS = 1, 4, 5  # indices in a PyMemAllocatorEx, and its size in words
SLOW_S = 2e-6  # for a block: another hook is installed (PYTHONTRACEMALLOC)
LEAST_S = 1e-10

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from typing import Any

    Frames = dict[str, Any]


class Hook:
    """The functions in one process. Made before the target's first line. Raises NoHook."""

    def __init__(self) -> None:
        self.pass_s = 0.0
        """Cost of a block that is not sampled, from allocation to free; 0 before it is measured."""
        self.follow_s = 0.0
        """The same if frees are followed."""
        self.look_s = 0.0
        """Cost of sampling a block."""
        self._buffer = HookBuffer()
        self._words = self._buffer.words
        self._frees: dict[int, int] = {}
        for number, (domain, _, ours) in enumerate(DOMAINS):
            entries = self._buffer.entries(number)
            self._frees[domain] = entries[-1]
            for place, entry in enumerate(entries, ours + MALLOC):
                self._words[place] = entry
        self._words[CURRENT] = _address_of_current()
        self._place: dict[int, object] = {
            word: ctypes.c_void_p(self._buffer.data + 8 * word)
            for word in (OBJ, MEM, OUR_OBJ, OUR_MEM, FOUND)
        }
        self._domains = {domain: ctypes.c_int(domain) for domain, _, _ in DOMAINS}
        self._set = api.PyMem_SetAllocator
        self._set.restype = None
        self._get = api.PyMem_GetAllocator
        self._get.restype = None

    def place(self) -> dict[str, object]:
        """Addresses for the daemon."""
        return self._buffer.place()

    @property
    def count(self) -> int:
        """Number of blocks sampled so far."""
        return int(self._words[COUNT])

    def open(self, frames: Frames, mean: int, *, follow: bool) -> None:
        """Start sampling one block in ``mean`` bytes. ``frames`` is calibration's result.
        ``follow``: note when they are freed, which costs as much again."""
        self._words[COUNTDOWN] = NEVER
        self._set_frames(frames)
        self._buffer.clear()
        self._install(follow)
        if not self.pass_s:
            self._measure()
            self._install(follow)
        self._buffer.begin(mean, time.monotonic_ns())

    def close(self) -> bool:
        """Stop sampling. False if our functions were no longer called: somebody has removed
        them."""
        words = self._words
        seen = self.is_called()
        words[COUNTDOWN] = NEVER
        for domain, original, ours in DOMAINS:
            self._get_functions(domain)
            if words[FOUND + MALLOC] == words[ours + MALLOC]:
                self._set_functions(domain, original)
        return seen

    def _set_frames(self, frames: Frames) -> None:
        words = self._words
        path: list[int] = frames["path"]
        words[PATH] = path[0]
        words[PATH + 1] = path[1] if len(path) > 1 else NONE
        words[CODE] = frames["code_offset"]
        words[INSTRUCTION] = frames["instruction_offset"]
        words[PREVIOUS] = frames["previous_offset"]

    def _install(self, follow: bool) -> None:
        """Install our functions, unless other functions are installed in front of them."""
        words = self._words
        called = self.is_called()
        for domain, original, ours in DOMAINS:
            self._get_functions(domain)
            in_place = words[FOUND + MALLOC] == words[ours + MALLOC]
            if called and not in_place:
                continue
            if not in_place:
                for place in range(FUNCTIONS):
                    words[original + place] = words[FOUND + place]
                words[ours] = words[FOUND]
            words[ours + FREE] = self._frees[domain] if follow else words[original + FREE]
            self._set_functions(domain, ours)

    def is_called(self) -> bool:
        """Whether our functions see a block that is allocated now."""
        words = self._words
        before, left = words[COUNT], words[COUNTDOWN]
        words[COUNTDOWN] = 0
        object()
        words[COUNTDOWN] = left
        return bool(words[COUNT] != before)

    def _get_functions(self, domain: int) -> None:
        quietly(partial(self._get, self._domains[domain], self._place[FOUND]))

    def _set_functions(self, domain: int, functions: int) -> None:
        quietly(partial(self._set, self._domains[domain], self._place[functions]))

    def _measure(self) -> None:
        """Measure the costs by blocks of our own, with our functions and without; keep the fastest
        of several rounds."""
        words = self._words
        blocks = BLOCKS if _time_of(SAMPLED) < SLOW_S * SAMPLED else BLOCKS // 20
        times: dict[str, list[float]] = {"follow": [], "pass": [], "look": [], "none": []}
        for _ in range(ROUNDS):
            self._install(follow=True)
            words[COUNTDOWN] = NEVER
            times["follow"].append(_time_of(blocks) / blocks)
            self._install(follow=False)
            times["pass"].append(_time_of(blocks) / blocks)
            self._buffer.begin(1, 0)
            times["look"].append(_time_of(SAMPLED) / SAMPLED)
            words[COUNTDOWN] = NEVER
            self.close()
            times["none"].append(_time_of(blocks) / blocks)
        none = min(times["none"])
        self.pass_s = max(LEAST_S, min(times["pass"]) - none)
        self.follow_s = max(self.pass_s, min(times["follow"]) - none)
        self.look_s = max(LEAST_S, min(times["look"]) - none)


def _time_of(blocks: int) -> float:
    """Seconds to allocate and free so many blocks, by C functions that hold the GIL."""
    began = time.perf_counter()
    deque(map(bytes, repeat(40, blocks)), 0)
    return time.perf_counter() - began


def _address_of_current() -> int:
    """Address of the C function that returns the calling thread's state. Raises NoHook."""
    for name in ("PyThreadState_GetUnchecked", "_PyThreadState_UncheckedGet"):
        function = getattr(api, name, None)
        if function is not None:
            return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    raise NoHook("the interpreter does not say which thread's state is current")
