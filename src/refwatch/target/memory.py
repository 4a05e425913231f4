"""Reads another process's memory without stopping it: process_vm_readv(2), else /proc/PID/mem.

Both need the leave that ptrace(2) needs (PTRACE_MODE_ATTACH), and neither attaches.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, takewhile
from mmap import mmap

_libc = ctypes.CDLL(None, use_errno=True)
_PAIR = struct.Struct("<2Q")
LARGEST = 1 << 20  # bytes in one reading: no string or table that we want is longer


class MemoryGone(Exception):
    """The process is gone."""


@lru_cache(maxsize=512)
def _vector(count: int) -> struct.Struct:
    return struct.Struct(f"<{2 * count}Q")


def packed(regions: Sequence[tuple[int, int]]) -> bytes:
    """As the kernel takes them (struct iovec of readv(2)), for :meth:`RemoteMemory.gather_packed`;
    empty where an address can be none."""
    try:
        return _vector(len(regions)).pack(*chain.from_iterable(regions))
    except struct.error:
        return b""


class ReadingDenied(Exception):
    """The process may not be read, or no longer: the text says what said so."""


class RemoteMemory:
    """The memory of process ``pid``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._readv = getattr(_libc, "process_vm_readv", None)
        self._fd = -1
        buffer = mmap(-1, LARGEST)  # of which only what is used takes memory
        self._view = memoryview(buffer).toreadonly()
        local = _PAIR.pack(ctypes.addressof(ctypes.c_char.from_buffer(buffer)), LARGEST)
        self._local = ctypes.create_string_buffer(local)
        self.method = "process_vm_readv"
        if self._readv is None or not self._allowed():
            try:
                self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            except PermissionError as error:
                raise ReadingDenied(f"process_vm_readv and {error.filename} are refused") from error
            except OSError as error:
                raise MemoryGone(str(error)) from error
            self.method = "/proc/PID/mem"

    def _allowed(self) -> bool:
        """Reading an unmapped page asks for leave all the same; other failures are no refusal."""
        try:
            self._transfer(packed([(4096, 8)]))
        except ReadingDenied:
            return False
        return True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _transfer(self, remote: bytes) -> int:
        """Read these regions into the buffer, up to the first that is not mapped; how many bytes
        that were."""
        assert self._readv is not None
        done = self._readv(self.pid, self._local, 1, remote, len(remote) // _PAIR.size, 0)
        if done >= 0:
            return int(done)
        code = ctypes.get_errno()
        if code in (errno.EPERM, errno.ENOSYS):
            raise ReadingDenied(f"process_vm_readv: {os.strerror(code)}")
        if code == errno.ESRCH:
            raise MemoryGone(os.strerror(code))
        return 0

    def gather(self, regions: Sequence[tuple[int, int]]) -> memoryview | bytes:
        """All regions (address, size), one after the other; up to 1,024 regions.

        Shorter when a region is not mapped: the regions before it are there in full. What is
        returned holds until the next reading. Raises MemoryGone.
        """
        remote = packed(regions)
        if not remote:  # what was read for a pointer may be any word
            remote = packed([*takewhile(lambda region: 0 <= region[0] < 1 << 64, regions)])
        return self.gather_packed(remote)

    def gather_packed(self, remote: bytes) -> memoryview | bytes:
        """The same for regions that are read many times."""
        if self._fd < 0:
            return self._view[: self._transfer(remote)]
        parts = []
        for address, size in _PAIR.iter_unpack(remote):
            part = self._pread(address, size)
            parts.append(part)
            if len(part) < size:
                break
        return b"".join(parts)

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes, or none when they cannot all be read. Raises MemoryGone."""
        if not 0 < size <= LARGEST or not 0 < address < 1 << 63:
            return b""
        data = bytes(self.gather_packed(_PAIR.pack(address, size)))
        return data if len(data) == size else b""

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """``count`` 64-bit words, or none. Raises MemoryGone."""
        data = self.read(address, 8 * count)
        return struct.unpack(f"<{count}Q", data) if data else ()

    def word(self, address: int) -> int:
        """One word; 0 when it cannot be read. Raises MemoryGone."""
        data = self.read(address, 8)
        return int.from_bytes(data, "little")

    def _pread(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except ProcessLookupError as error:
            raise MemoryGone(str(error)) from error
        except PermissionError as error:
            raise ReadingDenied(str(error)) from error
        except (OSError, OverflowError):
            return b""
