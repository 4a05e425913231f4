"""Outputs other than regular files: descriptors inherited from the caller, pipes and devices.

They are written to directly, with limits for readers that do not keep up.
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
MOST_UNSENT = 32 << 20  # bytes kept for a slow reader
PATIENCE_S = 5.0  # for each further piece when the stream is closed
READER_LIMIT_S = 10.0  # for a reader to open a named pipe
AGAIN_S = 0.05  # between two attempts to open one
SLOW = "its reader does not keep up"


def descriptor_of(name: str) -> int | None:
    """The descriptor that ``name`` stands for (``-``, ``/dev/stdout``, ``/dev/fd/N``); None for a
    file. Raises OSError for a descriptor that the caller has not open for writing."""
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
    """N for a path that resolves to ``/proc/PID/fd/N``, which itself is not resolved."""
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
    """A descriptor of a pipe or device, which does not become our controlling terminal. Waits up to
    ``limit_s`` for a pipe to have a reader. Raises OSError."""
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
    """Write all the data, however long the reader takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            select.select([], [fd], [])


class Stream:
    """A buffered stream of lines, for a recording that goes to a pipe. Writing never blocks."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._unsent = bytearray()

    def write(self, data: bytes) -> None:
        """Buffer the data and send what fits. Raises OSError, also where more than ``MOST_UNSENT``
        is waiting."""
        self._unsent += data
        if len(self._unsent) >= 2 * PIECE:
            self.flush()
        if len(self._unsent) > MOST_UNSENT:
            self._unsent.clear()
            raise OSError(errno.EAGAIN, SLOW)

    def flush(self) -> None:
        """Send as much as the reader takes now. Raises OSError."""
        while self._unsent and _ready(self._fd, 0.0):
            self._send(self._fd)

    def forget(self) -> None:
        """Discard the buffer: another process sends it."""
        self._unsent.clear()

    def close(self) -> None:
        """Send the rest, waiting up to ``PATIENCE_S`` for each piece. Raises OSError. A second call
        does nothing."""
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
        """Send a piece of at most PIPE_BUF, of whole lines if possible: others may write to the
        same pipe."""
        lines = self._unsent.rfind(b"\n", 0, PIECE) + 1
        with contextlib.suppress(BlockingIOError):
            del self._unsent[: os.write(fd, self._unsent[: lines or PIECE])]


def _ready(fd: int, limit_s: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(limit_s * 1000))
