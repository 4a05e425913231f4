"""Shared memory of hook.s, which the daemon reads from outside.

One page of code, then 64-bit words, a table of slots, a table of quantiles, and records.
"""

from __future__ import annotations

import os

from ..capi import ctypes, libc
from .machine import X86_64

PAGE = 4096
WORDS = 64
SLOTS_AT = 512  # this offset and the following: bytes behind the page of code
SLOTS_SIZE = 2 * 4096
QUANTILES_AT = SLOTS_AT + SLOTS_SIZE
QUANTILES = 4096
RECORDS_AT = 0x8000 - PAGE
RECORDS = 4096
HEAD = 32
RECORD = HEAD + 16 * 25
EXTRA = 256
SIZE = PAGE + RECORDS_AT + RECORDS * RECORD

# places of the words
COUNTDOWN, COUNT, MEAN, RANDOM, CURRENT, PATH, _, CODE, INSTRUCTION, PREVIOUS = range(10)
OBJ, MEM = 16, 24  # original functions of each domain: ctx, malloc, calloc, realloc, free
OUR_OBJ, OUR_MEM, FOUND = 32, 40, 48  # the same: ours, and the ones now set
ENTRIES = (0x00, 0x30, 0x60, 0xB0)  # of malloc, calloc, realloc, free for domain obj
NEXT_DOMAIN = 256  # offset to the entries for domain mem

READ, WRITE, EXECUTE = 1, 2, 4  # mmap(2)
PRIVATE_ANONYMOUS = 0x22
NONE = (1 << 64) - 1
NEVER = 1 << 62  # a countdown that never ends
TINY = 1e-7


class NoHook(Exception):
    """Blocks cannot be sampled, for the reason in the text."""


class HookBuffer:
    """The memory, made before the target's first line. It stays to the end of the process, since a
    thread may be running its code. Raises NoHook."""

    def __init__(self) -> None:
        machine = os.uname().machine
        if machine != "x86_64":
            raise NoHook(f"blocks can be looked at on x86-64 only, and this is {machine}")
        base = libc.mmap(None, SIZE, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0)
        if base in (None, NONE):
            raise NoHook(f"mmap: {os.strerror(ctypes.get_errno())}")
        self.base: int = base
        self.data: int = base + PAGE
        """Address of the words."""
        ctypes.memmove(base, X86_64, len(X86_64))
        if libc.mprotect(base, PAGE, READ | EXECUTE) != 0:
            raise NoHook(f"no memory may be executable here: {os.strerror(ctypes.get_errno())}")
        self.words = (ctypes.c_uint64 * WORDS).from_address(self.data)
        slots = (ctypes.c_ubyte * SLOTS_SIZE).from_address(self.data + SLOTS_AT)
        self._slots = memoryview(slots).cast("B")
        self._quantiles = (ctypes.c_uint32 * QUANTILES).from_address(self.data + QUANTILES_AT)
        self.words[COUNTDOWN] = NEVER

    def begin(self, mean: int, chance: int) -> None:
        """Count down from random numbers with this mean, over and over."""
        if not self._quantiles[QUANTILES - 1]:  # takes a millisecond, so not in other modes
            for number in range(QUANTILES):
                self._quantiles[number] = int(65536 * _exponential((number + 0.5) / QUANTILES))
        self.words[MEAN], self.words[RANDOM] = mean, chance & 0xFFFF_FFFF
        self.words[COUNTDOWN] = self._quantiles[(chance >> 6) % QUANTILES] * mean >> 16

    def clear(self) -> None:
        """Stop following blocks."""
        self._slots[:] = bytes(SLOTS_SIZE)

    def place(self) -> dict[str, object]:
        """Addresses for the daemon, see BlocksPlace."""
        return {
            "count": self.data + 8 * COUNT,
            "records": self.data + RECORDS_AT,
            "room": RECORDS,
            "size": RECORD,
            "head": HEAD,
            "extra": EXTRA,
        }

    def entries(self, domain: int) -> tuple[int, ...]:
        """Addresses of our malloc, calloc, realloc and free; domain 0 is obj, 1 is mem."""
        return tuple(self.base + NEXT_DOMAIN * domain + entry for entry in ENTRIES)


def _exponential(share: float) -> float:
    """Quantile of the exponential distribution with mean 1, ``-log(1 - share)``, without loading
    the math module."""
    return (1.0 - float((1.0 - share) ** TINY)) / TINY
