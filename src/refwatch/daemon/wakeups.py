"""Sleep that ends early when one of several descriptors becomes readable."""

from __future__ import annotations

import contextlib
import select
import time


class Wakeups:
    """Descriptors to wake up for. A closed one leaves by itself. An epoll descriptor of our own
    makes their number no matter, and select(2) on it is exact to microseconds, which epoll_wait(2)
    is not."""

    def __init__(self) -> None:
        self._poll = select.epoll() if hasattr(select, "epoll") else None

    def fileno(self) -> int | None:
        """Readable when one of them is; None where the system has no epoll(7)."""
        return self._poll.fileno() if self._poll is not None else None

    def add(self, fd: int) -> None:
        """Wake up for this one too."""
        if self._poll is not None:
            with contextlib.suppress(FileExistsError):
                self._poll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        """Do not wake up for this one."""
        if self._poll is not None:
            with contextlib.suppress(OSError, ValueError):
                self._poll.unregister(fd)

    def sleep(self, limit_s: float) -> bool:
        """Sleep for so long at most; True if a descriptor is readable."""
        if self._poll is None:
            time.sleep(limit_s)
            return True
        return bool(select.select([self._poll], [], [], limit_s)[0])

    def ready(self) -> set[int] | None:
        """Those that are readable now; None where that is not known."""
        if self._poll is None:
            return None
        return {fd for fd, _ in self._poll.poll(0)}

    def close(self) -> None:
        if self._poll is not None:
            self._poll.close()
