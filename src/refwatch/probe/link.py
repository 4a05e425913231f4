"""Socket to the daemon: one line of JSON a message, on a descriptor the target will not meet."""

from __future__ import annotations

import _socket
import os
import select
from _json import encode_basestring_ascii, make_scanner
from _thread import allocate_lock

from .descriptors import duplicate_high, identity, move_high
from .messages import REPORTS

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class _Again(Protocol):
        """probe/reopen.py, which needs ctypes."""

        def connected(self, path: str) -> int | None: ...
        def pair(self) -> tuple[int, int] | None: ...
        def put(self, fd: int, data: bytes) -> int: ...


LEAVE, MAIL, NOTHING = b"", b"m", b"\n"
"""What :meth:`Link.receive` returns instead of data; NOTHING is a line without a command."""
SEND_LIMIT_MS = 5000
LONGEST_LINE = 16 << 20
MOST_REOPENED = 50


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


class Lines:
    """Cuts what the daemon sends into lines, in time linear in their length."""

    def __init__(self, heard: int = 0) -> None:
        self.heard = heard
        """So many have come in all."""
        self.too_long = False
        """One is longer than any of the daemon's: no more can be made of what comes."""
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next piece; return the lines that it completes."""
        first, *others = data.split(b"\n")
        self._begun += first
        lines: list[bytes] = []
        if others:
            lines = [bytes(self._begun), *others[:-1]]
            self._begun = bytearray(others[-1])
        self.heard += len(lines)
        self.too_long = len(self._begun) > LONGEST_LINE
        return lines


def read_lines(socket: _socket.socket) -> Iterator[dict[str, object]]:
    """The daemon's messages, until it closes the connection."""
    lines = Lines()
    while data := socket.recv(65536):
        yield from map(from_json, lines.feed(data))
        if lines.too_long:
            return


class Link:
    """A connected socket, kept at a high descriptor number and closed by any exec.

    A target that daemonizes closes every descriptor, and the number may then be a file of its own.
    So each use compares the descriptor's identity with what it was. What is gone is opened again,
    where there is ``again``, the module that can do so unnoticed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.gone = False
        """Whether the daemon or the connection to it is."""
        self.again: _Again | None = None
        self.lines = Lines()
        """Of the daemon, as far as they have come."""
        self._reopened = 0
        self._waking = allocate_lock()
        plain = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            plain.connect(path)
            self._fd = duplicate_high(plain.fileno())
        finally:
            plain.close()
        pair = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._wake_in, self._wake_out = (move_high(end.detach()) for end in pair)
        for fd in (self._fd, self._wake_out):
            os.set_blocking(fd, False)  # the target must not wait for a daemon that hangs
        self._identities = {fd: identity(fd) for fd in (self._fd, self._wake_in, self._wake_out)}
        self._inherited: dict[int, tuple[int, int] | None] = {}
        """Descriptors of the parent's, in the child of a fork."""

    def send(self, message: dict[str, object]) -> bool:
        """Send one report; False if the daemon is gone or does not take it. The calling thread must
        block SIGPIPE, which the target may have set to kill. Raises ValueError for a malformed
        report."""
        REPORTS.check_names(message)
        data = (to_json(message) + "\n").encode()
        while not self.gone:
            if self._write(data):
                return True
            self.gone = self._ours(self._fd) or not self._reopen()
        return False

    def _write(self, data: bytes) -> bool:
        """Send all of it; False when the daemon does not take it, or the socket is gone."""
        while data and self._ours(self._fd):
            sent = self._put(self._fd, data)
            if sent > 0:
                data = data[sent:]
            elif not self._takes_more():
                break
        return not data

    def _put(self, fd: int, data: bytes) -> int:
        """How many bytes went; 0 or less when none did."""
        if self.again is not None:
            return self.again.put(fd, data)
        try:
            return os.write(fd, data)  # the target has not run yet
        except OSError:
            return -1

    def _reopen(self) -> bool:
        """Come back to the daemon after the target has closed what was ours, and say so."""
        self._reopened += 1
        if self.again is None or self._reopened > MOST_REOPENED:
            return False
        with self._waking:
            if not self._connect():
                return False
        self.lines = Lines(self.lines.heard)
        return self._write(b'{"message":"back","heard":%d}\n' % self.lines.heard)

    def _connect(self) -> bool:
        """A new connection instead of the one that there was."""
        self.close()
        return self._dial() and self._tie()

    def _dial(self) -> bool:
        """Open the socket to the daemon."""
        socket = self.again.connected(self.path) if self.again is not None else None
        if socket is not None:
            self._fd = socket
            self._identities[socket] = identity(socket)
        return socket is not None

    def _tie(self) -> bool:
        """Open the pair by which the thread is woken that receives."""
        ends = self.again.pair() if self.again is not None else None
        if ends is not None:
            self._wake_in, self._wake_out = ends
            self._identities.update({fd: identity(fd) for fd in ends})
        return ends is not None

    def _takes_more(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return [ready for _, ready in poll.poll(SEND_LIMIT_MS)] == [select.POLLOUT]

    def receive(self, limit_ms: int | None = None) -> bytes | None:
        """Wait without the GIL for the daemon's next bytes. LEAVE if it is gone; LEAVE or MAIL if
        :meth:`wake` was called; None after ``limit_ms``."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._wake_in, select.POLLIN)
        try:
            if not poll.poll(limit_ms):
                return None
            if all(map(self._ours, self._identities)):
                if any(fd == self._wake_in for fd, _ in poll.poll(0)):
                    return MAIL if os.read(self._wake_in, 1) == MAIL else LEAVE
                data = os.read(self._fd, 65536)
                self.gone = not data
                return data
            if self._reopen():
                return NOTHING
        except OSError:
            pass
        self.gone = True
        return LEAVE

    def wake(self, word: bytes = b"w") -> None:
        """End a :meth:`receive` that waits in another thread, with LEAVE or MAIL; not while that is
        opened again, which ends it as well."""
        if self._waking.acquire(blocking=False):
            try:
                if self._ours(self._wake_out):
                    self._put(self._wake_out, word)  # or it is full of such words
            finally:
                self._waking.release()

    def close(self) -> None:
        self._close_inherited()
        for fd in (self._fd, self._wake_in, self._wake_out):
            if self._ours(fd):
                os.close(fd)
        self._identities = {}

    def renew(self, report: bytes) -> bool:
        """In the child of a fork, where only this thread exists: leave the parent's connection to
        the parent, and begin one of its own with this line. False if that cannot be. The rest is
        :meth:`settle`'s: a child may end at once, and each page that it touches is copied."""
        self._inherited.update(self._identities)
        self._identities = {}
        again = self.again
        fd = None if again is None or self.gone else again.connected(self.path)
        if again is None or fd is None:
            self.gone = True
            return False
        self._fd = fd
        if again.put(fd, report) == len(report):
            return True
        self._identities[fd] = identity(fd)  # whoever gives up closes it
        return False

    def settle(self) -> None:
        """What :meth:`renew` has left to be done, by the thread that will receive."""
        self._close_inherited()
        self._waking = allocate_lock()
        self.lines = Lines()
        self._reopened = 0
        known = identity(self._fd)
        if known is None:  # the target has closed it already
            self.gone = not self._reopen()
            return
        self._identities[self._fd] = known
        self.gone = not self._tie()

    def _close_inherited(self) -> None:
        for fd, known in self._inherited.items():
            if identity(fd) == known:
                os.close(fd)
        self._inherited = {}

    def _ours(self, fd: int) -> bool:
        return fd in self._identities and identity(fd) == self._identities[fd]
