"""End of a process that need not be ours: that it has ended, and how."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import sys

from refwatch.target.proc import stat_fields

PIDFD_GET_INFO = 0xC040_FF0B  # ioctl_pidfd(2): _IOWR(0xFF, 11, struct pidfd_info), 64 bytes
INFO_EXIT = 1 << 3
_INFO = struct.Struct("<Q52xi")
"""``mask`` and ``exit_code`` of struct pidfd_info (Linux 6.15, include/uapi/linux/pidfd.h)."""


class ProcessHandle:
    """A process by pid, which may be another's as soon as its parent has waited for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = -1
        self._code: int | None = None
        self._poll = select.poll()
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                self._fd = os.pidfd_open(pid)
                self._poll.register(self._fd, select.POLLIN)

    def ended(self) -> bool:
        """Whether it has ended. Its exit code is looked for at once: a zombie has it only until
        its parent has waited for it."""
        if self._fd < 0:
            return not os.path.exists(f"/proc/{self.pid}") or self._status_of_zombie() is not None
        if not self._poll.poll(0):
            return False
        if self._code is None:
            self._code = self._status_of_zombie()
        return True

    def exit_code(self) -> int | None:
        """As a shell reports it, 128+N for signal N; None where that is not known: on Linux before
        6.15 the system keeps it only until the parent has asked for it."""
        status = self._status_of_reaped() if self._code is None else self._code
        if status is None:
            return None
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _status_of_zombie(self) -> int | None:
        """The last field of proc_pid_stat(5)."""
        fields = stat_fields(self.pid)
        return int(fields[49]) if fields and fields[0] in (b"Z", b"X") else None

    def _status_of_reaped(self) -> int | None:
        if self._fd < 0:
            return None
        import fcntl

        data = bytearray(_INFO.pack(INFO_EXIT, 0))
        try:
            fcntl.ioctl(self._fd, PIDFD_GET_INFO, data)
        except OSError:
            return None
        mask, status = _INFO.unpack(data)
        return int(status) if mask & INFO_EXIT else None
