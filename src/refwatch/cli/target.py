"""From what the user typed to what is run, and the checks that spare a start that must fail."""

from __future__ import annotations

import os
import sys

from refwatch.cli.errors import FAILED, USAGE, give_up
from refwatch.daemon.target import TargetError, TargetSpec, check_interpreter

USUAL_WATCH_RATE = 20.0
LARGEST_CHECKED = 1 << 20  # bytes of source: a larger script is left to the interpreter


def make_spec(
    python: str | None, module: str | None, code: str | None, arguments: list[str]
) -> TargetSpec:
    """What to run. Gives up with one line where it can't be."""
    if (module is not None) + (code is not None) > 1:
        give_up("-m and -c cannot be used together", USAGE)
    executable = find_interpreter(python)
    if module is not None:
        return TargetSpec(executable, ["-m", module, *arguments], module.rpartition(".")[2])
    if code is not None:
        return TargetSpec(executable, ["-c", code, *arguments], "code")
    if not arguments:
        give_up("no target: give a SCRIPT, -m MODULE or -c CODE", USAGE)
    script = arguments[0]
    if script == "-":
        give_up("a script from stdin cannot be watched: give a file, or -c CODE", USAGE)
    _check_script(script, own_interpreter=python is None)
    label = os.path.splitext(os.path.basename(os.path.normpath(script)))[0]
    if script.startswith("-"):
        arguments = ["--", *arguments]
    return TargetSpec(executable, arguments, label)


def find_interpreter(python: str | None) -> str:
    """The interpreter's full path; our own for None. Gives up on one that can't be watched."""
    if python is None:
        return sys.executable
    import shutil

    found = shutil.which(python)
    if found is None:
        give_up(f"no such interpreter: {python}", USAGE)
    try:
        check_interpreter(found)
    except TargetError as error:
        give_up(str(error), USAGE)
    return os.path.abspath(found)


def _check_script(script: str, *, own_interpreter: bool) -> None:
    """Give up on what no interpreter could run: no such file, a folder, no Python, bad syntax."""
    try:
        if os.path.isdir(script):
            if not os.path.isfile(os.path.join(script, "__main__.py")):
                give_up(f"{script} is a directory without a __main__.py", USAGE)
            return
        with open(script, "rb") as file:
            source = file.read(LARGEST_CHECKED + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        give_up(f"can't open {script!r}: {reason}", USAGE)
    if own_interpreter and len(source) <= LARGEST_CHECKED and not _is_binary(script, source):
        _check_syntax(script, source)


def _is_binary(script: str, source: bytes) -> bool:
    """Whether it is something that Python runs though it is no source: compiled, or a zip file."""
    if script.endswith(".pyc"):
        return True
    import zipfile

    return b"PK" in source and zipfile.is_zipfile(script)


def _check_syntax(script: str, source: bytes) -> None:
    import warnings

    if b"\0" in source[:4096]:
        give_up(f"{script} is not a Python file: it has null bytes", FAILED)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, script, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"{script}, line {error.lineno}" if error.lineno else script
        give_up(f"{where}: {error.msg}", FAILED)
    except ValueError as error:
        give_up(f"{script} is not a Python file: {error}", FAILED)
    except (RecursionError, MemoryError, OverflowError):
        pass  # the interpreter may still manage it, and says so itself if not


def watch_rate_of(rate: float, watch_rate: float | None) -> float:
    """Readings per second of watched objects; give up on more than samples of the threads."""
    if watch_rate is None:
        return min(USUAL_WATCH_RATE, rate)
    if watch_rate > rate:
        give_up(f"--watch-rate {watch_rate:g} is above --rate {rate:g}", USAGE)
    return watch_rate


def check_paths(paths: tuple[str, ...]) -> None:
    """Give up on what is to be watched and is no dotted path of names."""
    for path in paths:
        if not all(word.isidentifier() for word in path.split(".")):
            give_up(f"--watch takes names with dots between, as in app.cache, not {path!r}", USAGE)
