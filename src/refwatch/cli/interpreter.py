"""Which Python the user means. The rules are in ``refwatch run --help``."""

from __future__ import annotations

import os
import sys

from refwatch.cli.errors import USAGE, give_up
from refwatch.daemon import environments as env
from refwatch.daemon.target import TargetError, check_interpreter

KINDS = ("python", "pypy")
TOOLS = ("pipx_metadata.json", "uv-receipt.toml")
"""What pipx and uv leave in the environment of a program that is installed for itself."""
HEAD = 4096
LONG_PATH = r"""'''exec' (.+?) "\$0" "\$@\""""  # what pip writes for a long path
OWN_FOLDER = '"$(dirname -- "$(realpath -- "$0")")"'  # and uv, for a folder that may be moved
SHIMS = "shims"  # of pyenv, asdf: scripts that choose a version


class FirstLine:
    """What the first line of a script names. ``python``: a path, or a name to look up, or None
    where it is for no Python, and then ``program`` says what it is."""

    def __init__(self, python: str | None, options: list[str], program: str = "") -> None:
        self.python = python
        self.options = options
        self.program = program


def usual_interpreter(*, linked: bool) -> str:
    """The active virtual environment's; where refwatch is installed for itself (by pipx, by uv, or
    called by a link from elsewhere) the first ``python3`` on PATH; or else refwatch's own."""
    alone = linked or any(os.path.exists(os.path.join(sys.prefix, name)) for name in TOOLS)
    own_folder = os.path.dirname(sys.executable) if alone else None  # uvx puts it first on PATH
    found = env.active_environment(own_folder)
    named = os.environ.get("VIRTUAL_ENV")
    if named and env.is_environment(named) and env.python_of(named) is None:
        give_up(f"the active environment {named} has no Python (--python EXE takes another)", USAGE)
    if found is None and alone:
        others = (env.on_path(name, without=own_folder) for name in env.NAMES)
        found = next(filter(None, others), None)
    if found is None or env.is_own(env.prefix_of(found)):
        return sys.executable
    return checked(found)


def checked(path: str, *, by_user: bool = False) -> str:
    """The same interpreter, where it can be watched; gives up on one that can't."""
    if path == sys.executable:
        return path
    try:
        check_interpreter(path)
        return path if by_user else _behind(path)
    except TargetError as error:
        give_up(str(error) + ("" if by_user else " (--python EXE takes another)"), USAGE)


def _behind(path: str) -> str:
    """The interpreter that a shim starts."""
    if os.path.basename(os.path.dirname(path)) != SHIMS:
        return path
    import subprocess

    command = [path, "-E", "-S", "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    return os.fsdecode(done.stdout).strip() or path


def named_interpreter(name: str) -> str:
    """What ``--python`` names: a path, or a name on PATH."""
    import shutil

    found = shutil.which(name)
    if found is None:
        give_up(f"no such interpreter: {name}", USAGE)
    return os.path.abspath(checked(found, by_user=True))


def is_python_command(word: str) -> bool:
    """``python``, ``python3.13``, ``venv/bin/python``: an interpreter, not a script."""
    if not _names_python(word):
        return False
    return env.is_program(word) if "/" in word else not os.path.isfile(word)


def _names_python(path: str) -> bool:
    """Whether an interpreter's file is called so: python3.13t."""
    name = os.path.basename(path).removesuffix("d").removesuffix("t")
    return any(
        name.startswith(kind) and not name[len(kind) :].strip("0123456789.") for kind in KINDS
    )


def interpreter_called(name: str, usual: str) -> str:
    """The one that ``python3.13`` stands for: the usual one's neighbour, or found on PATH."""
    if "/" in name:
        return checked(os.path.abspath(name))
    if name in env.NAMES:
        return usual
    found = env.on_path(name, os.path.dirname(usual))
    if found is None:
        give_up(f"no such interpreter: {name} (--python EXE takes another)", USAGE)
    return checked(found)


def find_command(name: str, usual: str) -> str | None:
    """The program of that name beside the interpreter, or else on PATH."""
    found = env.on_path(name, os.path.dirname(usual))
    if found and os.path.basename(os.path.dirname(found)) == SHIMS:
        shim = env.on_path("python", os.path.dirname(found))
        beside = os.path.join(os.path.dirname(_behind(shim)), name) if shim else ""
        return beside if env.is_program(beside) else found
    return found


def first_line(script: str) -> FirstLine | None:
    """What a script's first line names; None where it has no such line, or is no file: a pipe is
    read once only."""
    if not os.path.isfile(script):
        return None
    try:
        with open(script, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None
    if head.startswith(b"\x7fELF"):
        return FirstLine(None, [], "it is a machine program")
    if not head.startswith(b"#!"):
        return None
    line, _, rest = os.fsdecode(head[2:]).partition("\n")
    words = line.strip().split(
        maxsplit=1
    )  # what follows the program is one word, as the kernel has it
    program = os.path.basename(words[0]) if words else ""
    if program == "env":
        words = line.split()[1:]
        words = words[1:] if words[:1] in (["-S"], ["--split-string"]) else words
    elif program == "sh":
        words = _behind_sh(rest, script) or words
    if words and _names_python(words[0]):
        return FirstLine(words[0], words[1:])
    return FirstLine(None, [], f"its first line names {' '.join(words) or 'nothing'}")


def _behind_sh(rest: str, script: str) -> list[str]:
    """The second line of the form in which a path may be longer than a first line's 127 bytes."""
    import re
    import shlex

    found = re.match(LONG_PATH, rest)
    if found is None:
        return []
    folder = shlex.quote(os.path.dirname(os.path.realpath(script)))
    try:
        return shlex.split(found[1].replace(OWN_FOLDER, folder))
    except ValueError:
        return []
