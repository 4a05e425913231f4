"""A pseudo-terminal with a program in it, drained by a thread that remembers when what came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

ESCAPES = re.compile(rb"\x1b(\[[0-9;:?<=>$ ]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|.)")


class Terminal:
    """Starts ``command`` in a pseudo-terminal of this size; use it in a ``with`` statement."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], rows: int = 40, columns: int = 120
    ) -> None:
        self.started = time.perf_counter()
        self.written = 0
        """Bytes that the program has written so far."""
        self._pieces: list[tuple[float, bytes]] = []
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            os.execvpe(command[0], list(command), env)
        self._drain = threading.Thread(target=self._read, name="drain", daemon=True)
        self._drain.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._fd, 1 << 16)
            except OSError:  # the program has gone: Linux says EIO
                return
            if not piece:
                return
            self.written += len(piece)
            self._pieces.append((time.perf_counter(), piece))

    def send(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def text(self) -> str:
        """All that was written, escape sequences left out."""
        joined = b"".join(piece for _, piece in self._pieces)
        return ESCAPES.sub(b"", joined).decode(errors="replace")

    def seconds_until(self, words: Sequence[str], timeout_s: float = 10.0) -> float | None:
        """Time from the start until all these words had been written; None if they never were."""
        deadline = self.started + timeout_s
        while time.perf_counter() < deadline:
            text = b""
            for at, piece in list(self._pieces):
                text += piece
                shown = ESCAPES.sub(b"", text).decode(errors="replace")
                if all(word in shown for word in words):
                    return at - self.started
            time.sleep(0.02)
        return None

    def end(self) -> None:
        """End the program, if it has not ended, and let the terminal go."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.ended(0.0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
                self.ended(5.0)
        os.close(self._fd)
        self._drain.join(2.0)

    def ended(self, timeout_s: float) -> bool:
        """Wait so long for the program to end; say whether it has."""
        deadline = time.perf_counter() + timeout_s
        while True:
            try:
                if os.waitpid(self.pid, os.WNOHANG)[0]:
                    return True
            except ChildProcessError:
                return True
            if time.perf_counter() >= deadline:
                return False
            time.sleep(0.02)
