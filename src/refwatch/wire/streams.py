"""Files that are no plain files: descriptors that the caller has opened, pipes, devices.

They are written to directly, and nobody is held up for long by one that does not take what it gets.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import time

PIECE = 4096  # PIPE_BUF of pipe(7): a pipe that is ready takes as much at once
MOST_UNSENT = 32 << 20  # bytes that are kept for one that is slow
PATIENCE_S = 5.0  # for the rest of them, at the end
READER_LIMIT_S = 10.0  # for somebody to open a pipe that has a name
AGAIN_S = 0.05
SLOW = "its reader does not keep up"


def descriptor_of(name: str) -> int | None:
    """The descriptor that ``name`` means: ``-``, ``/dev/stdout``, ``/dev/fd/N`` and the like; None
    for any other file. Raises OSError for one that the caller has not open for writing."""
    number = 1 if name == "-" else _named(name, os.getpid())
    if number is None:
        return None
    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        ours = not os.get_inheritable(number)  # what comes from the caller has survived an exec
    except (OSError, OverflowError):
        ours, mode = True, os.O_RDONLY
    if ours:
        raise OSError(errno.EBADF, "it is closed")
    if mode == os.O_RDONLY:
        raise OSError(errno.EBADF, "it is open for reading only")
    return number


def _named(path: str, pid: int) -> int | None:
    """N for a path that leads to ``/proc/PID/fd/N``, without following what that leads to."""
    own = re.compile(rf"/proc/{pid}(/task/[0-9]+)?/fd")
    for _ in range(40):  # as many links as the system follows
        folder, base = os.path.split(path)
        try:
            if base.isdecimal() and own.fullmatch(os.path.realpath(folder)):
                return int(base)
            path = os.path.join(folder, os.readlink(path))
        except (OSError, ValueError):
            break
    return None


def open_special(path: str, limit_s: float = 0.0) -> int:
    """A descriptor for a device or a pipe, without making it our terminal. Waits so long for a pipe
    to have a reader; raises OSError."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() >= end:
                raise OSError(errno.ENXIO, "nobody reads from it") from error
        time.sleep(AGAIN_S)


def write_all(fd: int, data: bytes) -> None:
    """Write all of it, however long the reader takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


class Stream:
    """What is written is kept until it is taken; events of a recording go out line by line."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsent = bytearray()

    def write(self, data: bytes) -> None:
        """Raises OSError, also where the reader has fallen too far behind."""
        self._unsent += data
        if len(self._unsent) >= 2 * PIECE:
            self.flush()
        if len(self._unsent) > MOST_UNSENT:
            self._unsent.clear()
            raise OSError(errno.EAGAIN, SLOW)

    def flush(self) -> None:
        """Send what is taken now. Raises OSError."""
        while self._unsent and _ready(self._fd, 0.0):
            self._send(self._fd)

    def forget(self) -> None:
        """Somebody else sends what was not taken yet."""
        self._unsent.clear()

    def close(self) -> None:
        """Send the rest, as long as it is taken. Raises OSError; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            while self._unsent:
                if not _ready(fd, PATIENCE_S):
                    raise OSError(errno.EAGAIN, SLOW)
                self._send(fd)
        finally:
            self._unsent.clear()
            os.close(fd)

    def _send(self, fd: int) -> None:
        """Whole lines where they are short enough: others may write to the same pipe."""
        lines = self._unsent.rfind(b"\n", 0, PIECE) + 1
        with contextlib.suppress(BlockingIOError):
            del self._unsent[: os.write(fd, self._unsent[: lines or PIECE])]


def _ready(fd: int, limit_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(limit_s * 1000))
