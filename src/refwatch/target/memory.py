"""Memory of another process, read without stopping it: process_vm_readv(2), else /proc/PID/mem.

Both need the permission of ptrace(2) (PTRACE_MODE_ATTACH), but neither attaches.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)
_LOCAL = struct.Struct("<2Q")
LARGEST = 1 << 20  # bytes of one reading: no string or table of interest is longer


class MemoryGone(Exception):
    """The process is gone."""


@lru_cache(maxsize=512)
def _vector(count: int) -> struct.Struct:
    return struct.Struct(f"<{2 * count}Q")


class ReadingDenied(Exception):
    """The process may not be read. The text says which call was refused."""


class Plan(NamedTuple):
    """Prepared arguments of process_vm_readv."""

    local: ctypes.Array[ctypes.c_char]
    remote: ctypes.Array[ctypes.c_char]
    regions: int
    total: int


class RemoteMemory:
    """The memory of process ``pid``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._readv = getattr(_libc, "process_vm_readv", None)
        self._fd = -1
        self._remote = ctypes.create_string_buffer(16 * 2048)
        self._buffer = ctypes.create_string_buffer(LARGEST)
        self._view = memoryview(self._buffer).cast("B").toreadonly()
        self._local = ctypes.create_string_buffer(16)
        self._address = ctypes.addressof(self._buffer)
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
        """Whether process_vm_readv is permitted. Permission is checked before an unmapped
        address."""
        try:
            self._transfer([(4096, 8)], 8)
        except ReadingDenied:
            return False
        return True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _transfer(self, regions: list[tuple[int, int]], total: int) -> int:
        flat: list[int] = []
        for region in regions:
            flat += region
        count = len(regions)
        try:
            _vector(count).pack_into(self._remote, 0, *flat)
        except struct.error:  # not an address: what was read as a pointer may be any word
            return self._transfer_until_none(regions)
        _LOCAL.pack_into(self._local, 0, self._address, total)
        assert self._readv is not None
        done = self._readv(self.pid, self._local, 1, self._remote, count, 0)
        if done >= 0:
            return int(done)
        code = ctypes.get_errno()
        if code in (errno.EPERM, errno.ENOSYS):
            raise ReadingDenied(f"process_vm_readv: {os.strerror(code)}")
        if code == errno.ESRCH:
            raise MemoryGone(os.strerror(code))
        return 0

    def _transfer_until_none(self, regions: list[tuple[int, int]]) -> int:
        """Read only the regions before the first invalid address."""
        before = list(takewhile(lambda region: 0 <= region[0] < 1 << 64, regions))
        return self._transfer(before, sum(size for _, size in before)) if before else 0

    def plan(self, regions: list[tuple[int, int]]) -> Plan | None:
        """Prepare a reading of these regions that is repeated often. None where process_vm_readv is
        not used, or an address is invalid."""
        if self._fd >= 0 or any(not 0 < address < 1 << 63 for address, _ in regions):
            return None
        flat: list[int] = []
        for region in regions:
            flat += region
        total = sum(size for _, size in regions)
        remote = ctypes.create_string_buffer(_vector(len(regions)).pack(*flat))
        local = ctypes.create_string_buffer(_LOCAL.pack(self._address, total))
        return Plan(local, remote, len(regions), total)

    def follow(self, plan: Plan) -> memoryview | None:
        """The bytes of a prepared reading, valid until the next one; None if not all can be
        read."""
        assert self._readv is not None
        if self._readv(self.pid, plan.local, 1, plan.remote, plan.regions, 0) == plan.total:
            return self._view
        return None

    def gather(self, regions: list[tuple[int, int]], total: int) -> memoryview | bytes:
        """The bytes of up to 1,024 regions (address, size), ``total`` bytes, valid until the next
        reading.

        Shorter where a region is not mapped: the regions before it are complete. Raises MemoryGone
        and ReadingDenied.
        """
        if self._fd < 0:
            return self._view[: self._transfer(regions, total)]
        parts = []
        for address, size in regions:
            part = self._pread(address, size)
            parts.append(part)
            if len(part) < size:
                break
        return b"".join(parts)

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes, or none if they cannot all be read. Raises MemoryGone."""
        if not 0 < size <= LARGEST or not 0 < address < 1 << 63:
            return b""
        data = bytes(self.gather([(address, size)], size))
        return data if len(data) == size else b""

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """``count`` 64-bit words, or none. Raises MemoryGone."""
        data = self.read(address, 8 * count)
        return struct.unpack(f"<{count}Q", data) if data else ()

    def word(self, address: int) -> int:
        """A 64-bit word; 0 if it cannot be read. Raises MemoryGone."""
        found = self.words(address, 1)
        return found[0] if found else 0

    def _pread(self, address: int, size: int) -> bytes:
        try:
            return os.pread(self._fd, size, address)
        except ProcessLookupError as error:
            raise MemoryGone(str(error)) from error
        except PermissionError as error:
            raise ReadingDenied(str(error)) from error
        except (OSError, OverflowError):
            return b""
