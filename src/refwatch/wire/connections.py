"""Non-blocking sockets with a bounded send buffer."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Generic, TypeVar

import msgspec

from refwatch.wire.codec import LineReader
from refwatch.wire.commands import Command, command_decoder
from refwatch.wire.line_buffer import LONGEST_LINE, LineTooLongError

T = TypeVar("T")
MAX_UNSENT = 32 << 20  # bytes; a peer that falls further behind is disconnected
LONGEST_COMMAND = 32 << 20  # bytes; what is typed at once may have millions of characters
AT_ONCE = 64  # lines that are sent in one call, or connections that are accepted
PIECES = 4  # of 64 KiB that are read from a viewer at a time: thousands of commands


def peer_credentials(connection: socket.socket) -> tuple[int, int] | None:
    """(pid, uid) of the peer when it connected (SO_PEERCRED, unix(7)); None where the system has no
    such option."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return pid, uid


def peer_is_trusted(connection: socket.socket) -> bool:
    """Whether the peer runs as our own user or root. Without SO_PEERCRED the folder's mode, 0700,
    has decided that."""
    peer = peer_credentials(connection)
    return peer is None or peer[1] in (os.getuid(), 0)


class Connection(Generic[T]):
    """A connection to one peer: lines of JSON both ways."""

    def __init__(
        self,
        connection: socket.socket,
        decoder: msgspec.json.Decoder[T],
        longest: int = LONGEST_LINE,
    ) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.pid = (peer_credentials(connection) or (0, 0))[0]
        """The peer's process; 0 where the system does not say."""
        self.open = True
        self.trouble = ""
        """Why it was closed from here, as a sentence about the peer."""
        self._reader = LineReader(decoder, longest)
        self._unsent: deque[memoryview] = deque()
        """Of lines that other connections may have too: none is copied."""
        self._unsent_size = 0

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, data: bytes) -> None:
        """Send the data now or on a later :meth:`flush`. Closes the connection where more than
        ``MAX_UNSENT`` is waiting."""
        if not self.open:
            return
        self._unsent.append(memoryview(data))
        self._unsent_size += len(data)
        self.flush()
        if self._unsent_size > MAX_UNSENT:
            self.close()

    def flush(self) -> None:
        """Send as much of the buffer as the peer takes now."""
        try:
            while self._unsent and self.open:
                pieces = list(islice(self._unsent, AT_ONCE))
                self._sent(self.socket.sendmsg(pieces, (), socket.MSG_NOSIGNAL))
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    def _sent(self, size: int) -> None:
        """So many bytes have gone."""
        self._unsent_size -= size
        while self._unsent and size >= len(self._unsent[0]):
            size -= len(self._unsent.popleft())
        if size:
            self._unsent[0] = self._unsent[0][size:]

    def receive(self, pieces: int | None = None) -> list[T]:
        """The messages that have arrived. Reads at most ``pieces`` of 64 KiB; without a limit a
        peer that never stops sending would hold us for ever. Closes at the end of the stream."""
        messages: list[T] = []
        while self.open and pieces != 0:
            pieces = None if pieces is None else pieces - 1
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.close()
                break
            try:
                messages += self._reader.feed(data)
            except LineTooLongError as error:
                self.trouble = str(error)
                self.close()
        return messages

    def close(self) -> None:
        self.open = False
        self._unsent.clear()
        self._unsent_size = 0
        with contextlib.suppress(OSError):
            self.socket.close()


class Viewer(Connection[Command]):
    """A viewer's connection, with its commands that have not been carried out yet."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, command_decoder, LONGEST_COMMAND)
        self.asked: deque[Command] = deque()

    def obeyed(self, obey: Callable[[Command], None], limit_ns: int) -> None:
        """Carry out commands for at most ``limit_ns``. The rest waits, and nothing more is read
        before all are done, so that a viewer that asks too much waits for itself."""
        end = time.monotonic_ns() + limit_ns
        if not self.asked:
            self.asked.extend(self.receive(PIECES))
        while self.asked and time.monotonic_ns() < end:
            obey(self.asked.popleft())


class Listener:
    """A listening socket that accepts connections of our own user only."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._listener = listener

    def fileno(self) -> int:
        return self._listener.fileno()

    def accept(self) -> list[socket.socket]:
        """Pending connections, at most AT_ONCE; those of other users are closed."""
        found: list[socket.socket] = []
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except OSError:
                break
            if peer_is_trusted(connection):
                found.append(connection)
            else:
                connection.close()
        return found

    def close(self) -> None:
        self._listener.close()
