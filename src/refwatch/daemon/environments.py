"""The virtual environments and Pythons at hand, as the file system has them; none is started."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("python3", "python")
OF_A_PROJECT = (".venv", "venv")


def is_program(path: str) -> bool:
    """Whether it is a file that may be executed."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def python_of(prefix: str) -> str | None:
    """The interpreter of an environment."""
    folder = os.path.abspath(os.path.join(prefix, "bin"))
    paths = [os.path.join(folder, name) for name in reversed(NAMES)]
    return next(filter(is_program, paths), None)


def prefix_of(python: str) -> str:
    """The folder of the environment whose interpreter this is."""
    return os.path.dirname(os.path.dirname(os.path.abspath(python)))


def is_environment(prefix: str) -> bool:
    """Whether it is a virtual one."""
    return os.path.exists(os.path.join(prefix, "pyvenv.cfg"))


def is_own(prefix: str) -> bool:
    """Whether refwatch itself runs in it."""
    return os.path.realpath(prefix) == os.path.realpath(sys.prefix)


def on_path(name: str, *first: str, without: str | None = None) -> str | None:
    """The first program of that name in these folders and then on PATH, but for one folder."""
    folders = [*first, *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    left_out = without and os.path.realpath(without)
    for folder in folders:
        path = os.path.join(folder or os.curdir, name)
        if is_program(path) and (left_out is None or os.path.realpath(folder) != left_out):
            return os.path.abspath(path)
    return None


def active_environment(without: str | None = None) -> str | None:
    """The interpreter of the virtual environment that is active: VIRTUAL_ENV names it, or the
    ``python`` or ``python3`` on PATH lies in it; ``without`` one folder of PATH."""
    named = os.environ.get("VIRTUAL_ENV")
    found = python_of(named) if named else None
    paths = (on_path(name, without=without) for name in reversed(NAMES))
    return found or next((path for path in paths if path and is_environment(prefix_of(path))), None)


def at_hand() -> Iterator[str]:
    """Interpreters that the user may have meant, the likeliest first."""
    active = active_environment()
    if active:
        yield active
    for folder in OF_A_PROJECT:
        python = python_of(os.path.abspath(folder))
        if python:
            yield python
    for name in reversed(NAMES):
        path = on_path(name)
        if path:
            yield path
    yield sys.executable


def has_module(python: str, name: str) -> bool:
    """Whether this top-level module lies where its packages are installed."""
    if not name.isidentifier():
        return False
    from pathlib import Path  # only this needs it

    for library in Path(prefix_of(python)).glob("lib/python3*"):
        for place in (library, library / "site-packages", library / "dist-packages"):
            if (place / name).is_dir() or any(place.glob(f"{name}.py")):
                return True
            if any(place.glob(f"{name}.*.so")):
                return True
    return False


def who_has(name: str, python: str) -> str:
    """What to say of a module that was not found: who has it, or at least who has not. Empty where
    this interpreter has it, or has what it is part of."""
    top = name.partition(".")[0]
    if has_module(python, top):
        return ""
    missing = f"{python} has no module {top!r}"
    taken = os.path.realpath(prefix_of(python))
    for other in at_hand():
        if os.path.realpath(prefix_of(other)) != taken and has_module(other, top):
            return f"{missing}, {other} has it: refwatch --python {other}"
    return f"{missing}; refwatch --python EXE takes another" if top == name else ""
