"""A session is a folder in the user's runtime directory: sockets 0600 in a folder 0700.

There is no global server: the list of sessions is the list of folders. The daemon holds a lock on
its folder's ``lock`` file while it lives, so that one left by a kill -9 is known as such, and is
removed by the next session that starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat

LONGEST_SOCKET_PATH = 100  # bytes; sun_path of unix(7) has 108
TRIES = 20  # to make the folder
BACKLOG = 1024  # children that may tell of themselves while the daemon is kept from accepting


class SessionError(Exception):
    """The session's folder can't be made; the text is one sentence."""


def runtime_directory() -> str:
    """``$XDG_RUNTIME_DIR/refwatch``, or ``/tmp/refwatch-UID`` where there is none or its path is
    too long for a socket's. Made with mode 0700; raises SessionError when it is not ours alone."""
    uid = os.getuid()
    candidates = [f"/tmp/refwatch-{uid}"]  # noqa: S108 - its owner and mode are checked
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isdir(base) and len(os.fsencode(base)) + 60 <= LONGEST_SOCKET_PATH:
        candidates.insert(0, os.path.join(base, "refwatch"))
    for path in candidates:
        try:
            os.mkdir(path, 0o700)
        except OSError:
            if not os.path.isdir(path):
                continue
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
            raise SessionError(f"{path} is not a directory of yours")
        if status.st_mode & 0o077:
            os.chmod(path, 0o700)
        return path
    raise SessionError(f"no session folder can be made in {os.path.dirname(candidates[-1])}")


class SessionDirectory:
    """The folder of one session, with its two listening sockets."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.probe_path = os.path.join(path, "probe.sock")
        self.viewer_path = os.path.join(path, "viewer.sock")
        self._lock: int | None = None

    @classmethod
    def create(cls, label: str) -> SessionDirectory:
        """A new folder, named after the process and ``label``. Raises SessionError."""
        base = runtime_directory()
        remove_stale(base)
        clean = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in label)
        path = os.path.join(base, f"{os.getpid()}-{clean[:20] or 'target'}")
        for _ in range(TRIES):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                _remove(path)
                os.mkdir(path, 0o700)
            except OSError as error:
                raise SessionError(f"{path}: {error.strerror}") from error
            session = cls(path)
            session.lock()
            if session.is_held:
                return session
            session.unlock()
        raise SessionError(f"{path}: another session removes it again and again")

    @property
    def is_held(self) -> bool:
        """Whether the folder is there and its lock is this one's. A session that starts may have
        taken the lock before us, found that nobody held it, and removed the folder."""
        try:
            there = os.stat(os.path.join(self.path, "lock"))
            return self._lock is not None and os.path.samestat(there, os.fstat(self._lock))
        except OSError:
            return False

    def lock(self) -> None:
        """Hold the folder; a fork shares the hold, which ends with the last process that has it."""
        self._lock = os.open(
            os.path.join(self.path, "lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
        )
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
        listener.listen(BACKLOG)
        os.rename(unready, path)
        return listener

    def remove(self) -> None:
        _remove(self.path)

    def remove_if_unused(self) -> None:
        """Remove it unless another process holds it."""
        self.unlock()
        _remove_unheld(self.path)


def sessions() -> list[str]:
    """The folders of the user's sessions that go on, by name. Raises SessionError."""
    base = runtime_directory()
    remove_stale(base)
    return sorted(
        entry.path
        for entry in os.scandir(base)
        if _is_socket(os.path.join(entry.path, "viewer.sock"))
    )


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def remove_stale(base: str) -> None:
    """Remove the folders whose daemon is gone."""
    for name in os.listdir(base):
        _remove_unheld(os.path.join(base, name))


def _remove_unheld(path: str) -> None:
    with contextlib.suppress(OSError):
        fd = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.stat(os.path.join(path, "lock")), os.fstat(fd)):
                _remove(path)
        finally:
            os.close(fd)


def _remove(folder: str) -> None:
    """With all files in it; what is no file of ours stays, and so does the folder."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
