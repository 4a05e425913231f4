"""A session is a folder in the user's runtime directory: sockets 0600 in a folder 0700.

There is no global server: the list of sessions is the list of folders. The daemon holds a lock on
its folder's ``lock`` file while it lives, so that one left by a kill -9 is known as such, and is
removed by the next session that starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import stat
from pathlib import Path

LONGEST_SOCKET_PATH = 100  # bytes; sun_path of unix(7) has 108


class SessionError(Exception):
    """The session's folder can't be made; the text is one sentence."""


def runtime_directory() -> Path:
    """``$XDG_RUNTIME_DIR/refwatch``, or ``/tmp/refwatch-UID`` where there is none or its path is
    too long for a socket's. Made with mode 0700; raises SessionError when it is not ours alone."""
    uid = os.getuid()
    candidates = [Path(f"/tmp/refwatch-{uid}")]  # noqa: S108 - its owner and mode are checked
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isdir(base) and len(os.fsencode(base)) + 60 <= LONGEST_SOCKET_PATH:
        candidates.insert(0, Path(base) / "refwatch")
    for path in candidates:
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except OSError:
            continue
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
            raise SessionError(f"{path} is not a directory of yours")
        if status.st_mode & 0o077:
            path.chmod(0o700)
        return path
    raise SessionError(f"no session folder can be made in {candidates[-1].parent}")


class SessionDirectory:
    """The folder of one session, with its two listening sockets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.probe_path = str(path / "probe.sock")
        self.viewer_path = str(path / "viewer.sock")
        self._lock: int | None = None

    @classmethod
    def create(cls, label: str) -> SessionDirectory:
        """A new folder, named after the process and ``label``. Raises SessionError."""
        base = runtime_directory()
        remove_stale(base)
        clean = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in label)
        path = base / f"{os.getpid()}-{clean[:20] or 'target'}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(mode=0o700)
        except OSError as error:
            raise SessionError(f"{path}: {error.strerror}") from error
        session = cls(path)
        session.lock()
        return session

    def lock(self) -> None:
        """Hold the folder; a fork shares the hold, which ends with the last process that has it."""
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def unlock(self) -> None:
        """Let this process's share of the hold go, without ending that of the others."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def listen(self, path: str) -> socket.socket:
        """A listening socket, 0600. It gets its name last: who finds it can connect."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        unready = f"{path}~"
        listener.bind(unready)
        os.chmod(unready, 0o600)
        listener.listen(16)
        os.rename(unready, path)
        return listener

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_if_unused(self) -> None:
        """Remove it unless another process holds it."""
        self.unlock()
        _remove_unheld(self.path)


def sessions() -> list[Path]:
    """The folders of the user's sessions that go on, by name. Raises SessionError."""
    base = runtime_directory()
    remove_stale(base)
    return sorted(path for path in base.iterdir() if (path / "viewer.sock").is_socket())


def remove_stale(base: Path) -> None:
    """Remove the folders whose daemon is gone."""
    for path in base.iterdir():
        _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(path / "lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(fd)
