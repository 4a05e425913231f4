"""Reader of this process's own memory that cannot crash: an unmapped page is an OSError."""

from __future__ import annotations

import os
import struct

from .descriptors import identity, move_high

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

WORD = 8
PATH = "/proc/self/mem"


class Memory:
    """``/proc/self/mem``, where the kernel checks each read, unlike a ctypes pointer's.

    With ``open_again`` it stays open, at a high number, and is opened again where that is needed.
    """

    def __init__(self, open_again: Callable[[str], int | None] | None = None) -> None:
        self.fd = os.open(PATH, os.O_RDONLY | os.O_CLOEXEC)
        if open_again is not None:
            self.fd = move_high(self.fd)
        self._pid = os.getpid()
        self._identity = identity(self.fd)
        self._open_again = open_again

    def close(self) -> None:
        """Close it, if it is open."""
        fd, self.fd = self.fd, -1
        if fd >= 0 and identity(fd) == self._identity:
            os.close(fd)

    def look_after(self) -> None:
        """The target may have closed it, and the number may be that of another file by now."""
        if self.fd >= 0 and identity(self.fd) != self._identity:
            self._open()

    def _open(self) -> None:
        fd = self._open_again(PATH) if self._open_again is not None else None
        self.fd, self._identity = (-1, None) if fd is None else (fd, identity(fd))

    def _renew(self) -> None:
        """In the child of a fork, where what is open is the parent's memory."""
        self._pid = os.getpid()
        if self.fd >= 0:
            self.close()
            self._open()

    def read(self, address: int, size: int) -> bytes:
        """Up to ``size`` bytes at ``address``, as far as memory is mapped."""
        if self._open_again is not None and self._pid != os.getpid():
            self._renew()
        try:
            return os.pread(self.fd, size, address)
        except (OSError, OverflowError):
            return b""

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Up to ``count`` 64-bit words at ``address``."""
        data = self.read(address, count * WORD)
        return struct.unpack(f"<{len(data) // WORD}Q", data[: len(data) // WORD * WORD])

    def word(self, address: int) -> int:
        """The word at ``address``; 0 if nothing is mapped there."""
        found = self.words(address, 1)
        return found[0] if found else 0
