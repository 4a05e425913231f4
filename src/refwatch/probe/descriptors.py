"""File descriptors with high numbers, which the target would not reach.

A program may rely on getting the lowest free number, so what stays open must not take it.
"""

from __future__ import annotations

import os
from fcntl import F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, FD_CLOEXEC, fcntl

LOWEST_FD = 300


def duplicate_high(fd: int) -> int:
    """Duplicate ``fd`` to a high number, as far as the limit on open files allows."""
    for lowest in (LOWEST_FD, 100, 20):
        try:
            return fcntl(fd, F_DUPFD_CLOEXEC, lowest)
        except OSError:
            continue
    return fcntl(fd, F_DUPFD_CLOEXEC, 3)


def move_high(fd: int) -> int:
    """Duplicate ``fd`` to a high number and close it."""
    try:
        return duplicate_high(fd)
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
    """Context in which whatever is opened, and stays open, gets a high number and FD_CLOEXEC.

    For descriptors that others open: newer libffi keeps its own library open once ctypes is loaded.
    """

    def __enter__(self) -> None:
        self._before = _open_numbers()  # while they are few: to list one takes microseconds
        self._taken = _take_low_numbers()
        if self._taken:
            os.close(self._taken.pop())  # leave room for one if the limit is low

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
