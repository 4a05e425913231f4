"""Original object allocator, read on import: before the target's first line.

Python prints statistics of pymalloc only if nothing, such as tracemalloc or burst mode, is hooked
in front of it.
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
    """mallinfo(3): arena, blocks, bytes of mmap, in use, free.

    Defined here because defining such a class late calls functions of ctypes (3.14)."""

    _fields_ = [  # noqa: RUF012
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
            "fordblks", "keepcost",
        )
    ]  # fmt: skip


_original = _Allocator()
api.PyMem_GetAllocator(DOMAIN_OBJECTS, ctypes.byref(_original))


def restore() -> None:
    """Unhook whatever has been put in front of it since. For a copy."""
    api.PyMem_SetAllocator(DOMAIN_OBJECTS, ctypes.byref(_original))
