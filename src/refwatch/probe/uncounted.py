"""Keeps the probe's thread out of ``_thread._count()``: who starts threads and waits until there
are as many as before (CPython's own tests do) does not know of it.

The count is a word of the interpreter's, near the list of thread states (struct pythreads,
CPython's Include/internal/pycore_interp.h); calibration finds it by experiment.
"""

from __future__ import annotations

from _operator import add

from .capi import ctypes


class ThreadCount:
    """The count at this address."""

    def __init__(self, address: int) -> None:
        self._word = ctypes.c_long.from_address(address)

    def change(self, by: int) -> None:
        """Add to it, by C functions only: in between no other thread gets the GIL."""
        word = (self._word,)
        old = map(getattr, word, ("value",))
        any(map(setattr, word, ("value",), map(add, old, (by,))))
