"""Whether a command starts a CPython that can be watched, and would run the probe."""

from __future__ import annotations

import os

from ..reopen import opened

OLDEST = (3, 11)
MOST_LINKS = 10
LONGEST_SHEBANG = 256  # bytes that the kernel reads of a script's first line (execve(2))
IGNORE = frozenset(b"IES")
"""Options with which Python ignores PYTHONPATH, or sitecustomize: -I, -E and -S."""
SERVANTS = (b"resource_tracker", b"multiprocessing.semaphore_tracker")


def starts_python(
    candidates: list[bytes], arguments: list[bytes], path: bytes, own: tuple[int, int]
) -> bool:
    """``candidates``: the files of which the first that exists is run, ``arguments`` with the
    program's name first, ``path`` where env(1) would look; ``own``: device and inode of the
    interpreter that runs this."""
    if any(servant in word for word in arguments for servant in SERVANTS):
        return False
    for file in candidates:
        if _identity(file) is not None:
            return _is_python(file, arguments[1:], path, own, scripts=2)
    return False


def _identity(file: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _is_python(
    file: bytes, options: list[bytes], path: bytes, own: tuple[int, int], *, scripts: int
) -> bool:
    if _identity(file) == own or _version(file) >= OLDEST:
        return _loads_probe(options)
    if not scripts:
        return False
    line = _first_line(file)
    if not line.startswith(b"#!"):
        return False
    interpreter, _, option = line[2:].strip().partition(b" ")
    before = [option.strip()] if option.strip() else []
    if interpreter.rpartition(b"/")[2] == b"env":
        words = option.split()
        if not words or words[0].startswith(b"-") or b"=" in words[0]:
            return False
        interpreter = _find(words[0], path)
        before = words[1:]
    if not interpreter:
        return False
    return _is_python(interpreter, [*before, file, *options], path, own, scripts=scripts - 1)


def _version(file: bytes) -> tuple[int, int]:
    """By the name at the end of the links, as in ``/usr/bin/python3 -> python3.12``; (0, 0) for a
    file of another name."""
    for _ in range(MOST_LINKS):
        try:
            target = os.readlink(file)
        except OSError:
            break
        file = target if target.startswith(b"/") else file.rpartition(b"/")[0] + b"/" + target
    name, _, minor = file.rpartition(b"/")[2].partition(b".")
    if name == b"python3" and minor.isdigit():
        return 3, int(minor)
    return 0, 0


def _loads_probe(options: list[bytes]) -> bool:
    """Whether Python's own options let it."""
    takes_value = False
    for word in options:
        if takes_value:
            takes_value = False
            continue
        if not word.startswith(b"-") or word in (b"-", b"--"):
            return True
        if word.startswith(b"--"):
            takes_value = word == b"--check-hash-based-pycs"
            continue
        for index, letter in enumerate(word[1:], 2):
            if letter in IGNORE:
                return False
            if letter in b"cm":
                return True
            if letter in b"WX":
                takes_value = index == len(word)
                break
    return True


def _find(name: bytes, path: bytes) -> bytes:
    if b"/" in name:
        return name
    for folder in path.split(b":"):
        file = folder + b"/" + name
        if _identity(file) is not None:
            return file
    return b""


def _first_line(file: bytes) -> bytes:
    """Read by functions of which the target's audit hooks do not hear."""
    fd = opened(os.fsdecode(file))
    if fd is None:
        return b""
    try:
        return os.read(fd, LONGEST_SHEBANG).partition(b"\n")[0]
    except OSError:
        return b""
    finally:
        os.close(fd)
