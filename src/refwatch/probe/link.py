"""Socket to the daemon: one line of JSON a message, on a descriptor the target will not meet."""

from __future__ import annotations

import _socket
import os
import select
from _json import encode_basestring_ascii, make_scanner

from .descriptors import duplicate_high, move_high
from .messages import REPORTS

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVE, MAIL = b"", b"m"
"""What :meth:`Link.receive` returns instead of data."""
SEND_LIMIT_MS = 5000


class _Defaults:
    """Options of _json.make_scanner: those that json has by default."""

    strict = True
    object_hook = object_pairs_hook = parse_constant = array_hook = None
    parse_float, parse_int = float, int


_scan = make_scanner(_Defaults)  # type: ignore[arg-type]


def to_json(value: object) -> str:
    """JSON of None, bool, int, float, str, list, tuple and dict with str keys. The json package
    would load the re package into the target."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        if not value.isascii():  # half a surrogate pair is no text, and the daemon would refuse it
            value = value.encode("utf-8", "backslashreplace").decode()
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        pairs = (f"{encode_basestring_ascii(key)}:{to_json(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(to_json, value))}]"
    raise TypeError(f"no JSON for {type(value)}")


def from_json(line: bytes) -> dict[str, object]:
    """The object in a line of JSON; empty for anything else."""
    try:
        value, _ = _scan(line.decode(), 0)
    except (ValueError, StopIteration):
        return {}
    return value if type(value) is dict else {}


def read_lines(socket: _socket.socket) -> Iterator[dict[str, object]]:
    """The daemon's messages, until it closes the connection."""
    rest = b""
    while data := socket.recv(65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from map(from_json, lines)


class Link:
    """A connected socket, kept at a high descriptor number and closed by any exec.

    A target that daemonizes closes every descriptor, and the number may then be a file of its own.
    So each use compares the descriptor's identity with what it was.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.gone = False
        """Whether the daemon or the connection to it is."""
        plain = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            plain.connect(path)
            self._fd = duplicate_high(plain.fileno())
        finally:
            plain.close()
        self._wake_in, self._wake_out = (move_high(fd) for fd in os.pipe())
        for fd in (self._fd, self._wake_out):
            os.set_blocking(fd, False)  # the target must not wait for a daemon that hangs
        self._identities = {fd: _identity(fd) for fd in (self._fd, self._wake_in, self._wake_out)}

    def send(self, message: dict[str, object]) -> bool:
        """Send one report; False if the daemon is gone or does not take it. The calling thread must
        block SIGPIPE, which the target may have set to kill. Raises ValueError for a malformed
        report."""
        REPORTS.check_names(message)
        data = (to_json(message) + "\n").encode()
        try:
            while data and not self.gone and self._is_ours(self._fd):
                try:
                    data = data[os.write(self._fd, data) :]
                except BlockingIOError:
                    self.gone = not self._wait_writable()
        except OSError:
            pass
        self.gone = self.gone or bool(data)
        return not data

    def _wait_writable(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(SEND_LIMIT_MS))

    def receive(self, limit_ms: int | None = None) -> bytes | None:
        """Wait without the GIL for the daemon's next bytes. LEAVE if it is gone; LEAVE or MAIL if
        :meth:`wake` was called; None after ``limit_ms``."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_in, select.POLLIN)
        try:
            if not poll.poll(limit_ms):
                return None
            if self._is_ours(self._fd) and self._is_ours(self._wake_in):
                if any(fd == self._wake_in for fd, _ in poll.poll(0)):
                    return MAIL if os.read(self._wake_in, 1) == MAIL else LEAVE
                data = os.read(self._fd, 65536)
                self.gone = not data
                return data
        except OSError:
            pass
        self.gone = True
        return LEAVE

    def wake(self, word: bytes = b"w") -> None:
        """End a :meth:`receive` in another thread, with LEAVE or MAIL."""
        try:
            if self._is_ours(self._wake_out):
                os.write(self._wake_out, word)
        except BlockingIOError:
            pass  # the pipe is full of such words

    def close(self) -> None:
        for fd in (self._fd, self._wake_in, self._wake_out):
            if self._is_ours(fd):
                os.close(fd)

    def _is_ours(self, fd: int) -> bool:
        try:
            return _identity(fd) == self._identities[fd]
        except OSError:
            return False


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
