"""Output files, replaced atomically; and pipes and devices that stand in for one."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from refwatch.wire.streams import READER_LIMIT_S, descriptor_of, open_special, write_all


class ExportError(Exception):
    """A file cannot be written. The text is one line for the user."""


class Output:
    """The destination of an output: a regular file, or a descriptor, pipe or device.

    A regular file is written at once. Anything else is kept in memory and delivered when the target
    has ended, by the process that has it open: :meth:`write` and :meth:`deliver` may be called in
    two forks of one process. Raises ExportError for a destination that cannot be written.
    """

    def __init__(self, name: str) -> None:
        self.name = "stdout" if name == "-" else name
        self._path = Path(name)
        self._kept: int | None = None
        try:
            self._fd = descriptor_of(name)
            if self._fd is not None or not is_plain(self._path):
                self._kept = os.memfd_create("refwatch-output")
            else:
                self._path = Path(os.path.abspath(name))
                self.name = str(self._path)
                check_writable(self._path)
        except (OSError, ValueError) as error:
            raise ExportError(_sentence(self.name, error)) from error

    @property
    def on_terminal(self) -> bool:
        """Whether it is a terminal, which nothing else can use then."""
        if self._fd is None and (self._kept is None or not self._path.is_char_device()):
            return False
        try:
            fd = os.dup(self._fd) if self._fd is not None else open_special(str(self._path))
        except OSError:
            return False
        with contextlib.closing(open(fd, "wb", buffering=0)) as file:
            return file.isatty()

    def write(self, data: bytes) -> None:
        """Write ``data``, or keep it for :meth:`deliver`. Raises ExportError."""
        if self._kept is None:
            write_atomically(self._path, data)
            return
        try:
            write_all(self._kept, data)
        except OSError as error:
            raise ExportError(_sentence(self.name, error)) from error

    def deliver(self) -> None:
        """Append the kept data to the destination. Raises ExportError."""
        if self._kept is None or not (size := os.fstat(self._kept).st_size):
            return
        data = os.pread(self._kept, size, 0)
        try:
            if self._fd is not None:
                write_all(self._fd, data)
            else:
                with open(open_special(str(self._path), READER_LIMIT_S), "wb", buffering=0) as file:
                    write_all(file.fileno(), data)
        except OSError as error:
            raise ExportError(_sentence(self.name, error)) from error

    def remove_unfinished(self, pid: int) -> None:
        """Remove the temporary files of process ``pid``, which was killed, perhaps in a write."""
        if self._kept is None:
            for half in self._path.resolve().parent.glob(f".refwatch-{pid}-*.tmp"):
                with contextlib.suppress(OSError):
                    half.unlink()


def check_writable(path: Path | str) -> None:
    """Raise ExportError unless ``path`` can be written now. Leaves nothing behind."""
    path = Path(path)
    try:
        if is_plain(path):
            create_temporary(path).unlink()
    except (OSError, ValueError) as error:
        raise ExportError(_sentence(str(path), error)) from error


def write_atomically(path: Path | str, data: bytes) -> None:
    """Write ``data`` to ``path``, all of it or nothing. A pipe or a device is written to directly,
    without waiting for its reader.

    Raises ExportError; an older file is unchanged then.
    """
    path = Path(path)
    try:
        if is_plain(path):
            _replace(path.resolve(), data)
        else:
            with open(open_special(str(path)), "wb", buffering=0) as special:
                if special.write(data) != len(data):
                    raise OSError("its reader does not keep up")
    except (OSError, ValueError) as error:
        raise ExportError(_sentence(str(path), error)) from error


def _replace(path: Path, data: bytes) -> None:
    beside = create_temporary(path)
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def create_temporary(path: Path) -> Path:
    """A new empty file with a unique name in the folder of ``path``, with the user's umask."""
    beside = path.resolve().parent / f".refwatch-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return beside


def is_plain(path: Path) -> bool:
    """Whether ``path`` is a regular file, or could become one; pipes and devices are never
    replaced. Raises OSError for a folder, a read-only file, and a missing parent folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.resolve().parent.is_dir():
            raise NotADirectoryError(f"{path.resolve().parent} is not a folder") from None
        return True
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("it is a directory")
    if not os.access(path, os.W_OK):
        raise PermissionError("permission denied")
    return stat.S_ISREG(mode)


def reason_of(error: OSError | ValueError) -> str:
    """The error as a phrase for the user, without the file's name."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _sentence(name: str, error: OSError | ValueError) -> str:
    return f"cannot write {name!r}: {reason_of(error)}"
