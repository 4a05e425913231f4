"""The allocator of objects as it was before the target's first line: to be imported then.

Python tells of its small-object allocator (pymalloc) only where nobody stands in front of it, as
tracemalloc does and burst mode.
"""

from __future__ import annotations

from ..capi import api, ctypes

DOMAIN_OBJECTS = 2  # PYMEM_DOMAIN_OBJ


class _Allocator(ctypes.Structure):
    """PyMemAllocatorEx"""

    _fields_ = [  # noqa: RUF012
        (name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")
    ]


class Mallinfo2(ctypes.Structure):
    """mallinfo(3): bytes from brk and such, blocks.., bytes of mmap, .., in use, free, ..

    It is here because the making of such a class calls functions of ctypes (3.14)."""

    _fields_ = [  # noqa: RUF012
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    ]  # fmt: skip


_first = _Allocator()
api.PyMem_GetAllocator(DOMAIN_OBJECTS, ctypes.byref(_first))


def set_back() -> None:
    """Nobody stands in front of it any more, who did not at that time. For a copy."""
    api.PyMem_SetAllocator(DOMAIN_OBJECTS, ctypes.byref(_first))
