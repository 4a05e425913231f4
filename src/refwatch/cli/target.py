"""From what the user typed to what is run. Whether there is such a program, and whether it is one,
is for Python to say: in its own words, with its own status."""

from __future__ import annotations

import os
import sys

from refwatch.cli.errors import USAGE, give_up
from refwatch.daemon.target import TargetError, TargetSpec, check_interpreter

USUAL_WATCH_RATE = 20.0


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
