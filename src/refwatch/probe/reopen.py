"""Opens again what the target has closed at numbers that were the probe's, and writes to nothing
that is no socket.

By C functions that were looked up before the target's first line, called so that its audit hooks do
not hear of it. They keep the GIL, and wait for nothing.
"""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]

from .audit_hooks import quietly
from .capi import ctypes, libc
from .descriptors import LOWEST_FD

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .capi import Function

AF_UNIX, SOCK_STREAM = 1, 1  # socket(2)
NOSIGNAL = 0x4000
READ_WRITE = 2  # open(2)
NONBLOCK, CLOEXEC = 0o4000, 0o2000000
F_DUPFD_CLOEXEC = 1030
PATH_BYTES = 108  # sockaddr_un of unix(7)

_socket, _connect, _pair, _send = (
    libc[name] for name in ("socket", "connect", "socketpair", "send")
)
_open, _close, _control = libc["open"], libc["close"], libc["fcntl"]
for _function in (_socket, _connect, _pair, _open, _close, _control):
    _function.restype = ctypes.c_int
_send.restype = ctypes.c_ssize_t


def _call(function: Function, *arguments: object) -> int:
    """What the C function returns; since 3.14 ctypes raises an audit event for each call."""
    return quietly(partial(function, *arguments))  # type: ignore[return-value]


def connected(path: str) -> int | None:
    """A socket that does not block, connected to this path; None where it cannot be had."""
    name = path.encode()
    if len(name) >= PATH_BYTES:
        return None
    address = AF_UNIX.to_bytes(2, "little") + name.ljust(PATH_BYTES, b"\0")
    fd = _call(_socket, AF_UNIX, SOCK_STREAM | NONBLOCK | CLOEXEC, 0)
    if fd >= 0 and _call(_connect, fd, address, len(address)) != 0:
        _call(_close, fd)
        return None
    return _high(fd)


def put(fd: int, data: bytes) -> int:
    """Send; how many bytes went, or -1. Should the number have just become a file of the target's,
    nothing is written to it."""
    return _call(_send, fd, data, ctypes.c_size_t(len(data)), NOSIGNAL)


def pair() -> tuple[int, int] | None:
    """Two sockets that are connected and do not block."""
    ends = (ctypes.c_int * 2)()
    if _call(_pair, AF_UNIX, SOCK_STREAM | NONBLOCK | CLOEXEC, 0, ends) != 0:
        return None
    read_end, write_end = _high(ends[0]), _high(ends[1])
    return (read_end, write_end) if read_end is not None and write_end is not None else None


def opened(path: str, *, writing: bool = False) -> int | None:
    """This file, for reading, or for both."""
    return _high(_call(_open, path.encode(), CLOEXEC | (READ_WRITE if writing else 0)))


def _high(fd: int) -> int | None:
    """The same file at a number that the target would not come to."""
    if fd < 0:
        return None
    moved = _call(_control, fd, F_DUPFD_CLOEXEC, LOWEST_FD)
    if moved < 0:
        return fd
    _call(_close, fd)
    return moved
