"""Files for other tools: written beside their name and renamed, so that nobody sees half of one."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


class ExportError(Exception):
    """A file could not be written; the text is one line for the user."""


def check_writable(path: Path | str) -> None:
    """Raise ExportError unless a file could be written at ``path`` now. Leaves nothing behind."""
    path = Path(path)
    try:
        if _refuse_or_special(path):
            return
        _create_beside(path).unlink()
    except (OSError, ValueError) as error:
        raise ExportError(_sentence(path, error)) from error


def write_whole(path: Path | str, data: bytes) -> None:
    """Put ``data`` at ``path``, all of it or nothing; a device or a pipe is written to directly.

    Raises ExportError, and an older file stays as it was then.
    """
    path = Path(path)
    try:
        if _refuse_or_special(path):
            with path.open("wb", buffering=0) as special:
                special.write(data)
            return
        _replace(path.resolve(), data)
    except (OSError, ValueError) as error:
        raise ExportError(_sentence(path, error)) from error


def _replace(path: Path, data: bytes) -> None:
    beside = _create_beside(path)
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def _create_beside(path: Path) -> Path:
    """An empty file of a name of its own in the folder of ``path``, with the user's usual mode."""
    beside = path.resolve().parent / f".refwatch-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return beside


def _refuse_or_special(path: Path) -> bool:
    """Whether ``path`` is a device or a pipe, never to be replaced. Raises OSError for a folder,
    for a file that may not be written, and where the folder for it is missing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.resolve().parent.is_dir():
            raise NotADirectoryError(f"{path.resolve().parent} is not a folder") from None
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("it is a directory")
    if not os.access(path, os.W_OK):
        raise PermissionError("permission denied")
    return not stat.S_ISREG(mode)


def _sentence(path: Path, error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot write {str(path)!r}: {reason}"
