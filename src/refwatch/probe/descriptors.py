"""Descriptors of our own, at numbers that the target would not have come to.

A program may rely on getting the lowest free number, so that what stays open must lie high.
"""

from __future__ import annotations

import os
from fcntl import F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, FD_CLOEXEC, fcntl

LOWEST_FD = 300


def high(fd: int) -> int:
    """A copy of ``fd`` with a high number, as high as the limit on open files allows."""
    for lowest in (LOWEST_FD, 100, 20):
        try:
            return fcntl(fd, F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    return fcntl(fd, F_DUPFD_CLOEXEC, 3)


def moved_high(fd: int) -> int:
    """The same file at a high number; ``fd`` itself is closed."""
    try:
        return high(fd)
    finally:
        os.close(fd)


def identity(fd: int) -> tuple[int, int] | None:
    """Tells an open file from another at the same number; None where there is none."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class OpenedHigh:
    """Whatever is opened within, and stays open, gets a high number and is closed by any exec.

    For what others open: newer libffi opens its own library when ctypes is loaded, and keeps it.
    """

    def __enter__(self) -> None:
        self._before = _open_numbers()  # while they are few: to list one takes microseconds
        self._taken = _take_low_numbers()
        if self._taken:
            os.close(self._taken.pop())  # room for one where the limit is low

    def __exit__(self, *_: object) -> None:
        for fd in self._taken:
            os.close(fd)
        for fd in _open_numbers() - self._before:
            fcntl(fd, F_SETFD, fcntl(fd, F_GETFD) | FD_CLOEXEC)


def _take_low_numbers() -> list[int]:
    taken: list[int] = []
    try:
        fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        while fd < LOWEST_FD:
            taken.append(fd)
            fd = os.dup(fd)
        os.close(fd)
    except OSError:  # above the limit on open files
        pass
    return taken


def _open_numbers() -> set[int]:
    try:
        numbers = map(int, os.listdir("/proc/self/fd"))
    except OSError:
        return set()
    return set(filter(_is_open, numbers))  # without that of the listing itself


def _is_open(fd: int) -> bool:
    try:
        fcntl(fd, F_GETFD)
    except OSError:
        return False
    return True
