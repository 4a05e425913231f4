"""From what the user typed to what is run. Whether there is such a program, and whether it is one,
is for Python to say: in its own words, with its own status."""

from __future__ import annotations

import os

from refwatch.cli import interpreter
from refwatch.cli.errors import USAGE, give_up
from refwatch.cli.python_options import refuse_shut_out, split_options
from refwatch.daemon import environments as env
from refwatch.daemon.target import TargetSpec


class Wanted:
    """What the user said of the Python: ``python`` by ``--python``, ``options`` of Python's own
    (``-X dev``); ``linked``: refwatch was called by a link from outside of its environment."""

    def __init__(
        self, python: str | None = None, options: tuple[str, ...] = (), *, linked: bool = False
    ) -> None:
        self.python = python
        self.options = options
        self.linked = linked

    def usual(self) -> str:
        """The interpreter where the target says nothing of one. Gives up on what can't be
        watched."""
        if self.python is not None:
            return interpreter.named_interpreter(self.python)
        return interpreter.usual_interpreter(linked=self.linked)


def make_spec(
    wanted: Wanted, module: str | None, code: str | None, arguments: list[str]
) -> TargetSpec:
    """What to run. Gives up with one line where it can't be."""
    options = list(wanted.options)
    refuse_shut_out(options, "python ")
    if module is not None:
        words = [*options, "-m", module, *arguments]
        return TargetSpec(wanted.usual(), words, module.rpartition(".")[2])
    if code is not None:
        return TargetSpec(wanted.usual(), [*options, "-c", code, *arguments], "code")
    if not arguments:
        give_up("no target: give a SCRIPT, -m MODULE or -c CODE", USAGE)
    if arguments[0] == "-":
        return TargetSpec(wanted.usual(), [*options, *arguments], "stdin")
    if interpreter.is_python_command(arguments[0]):
        return _python_command(wanted, arguments)
    return _script(wanted, arguments)


def _python_command(wanted: Wanted, arguments: list[str]) -> TargetSpec:
    """``python -X dev x.py``: the words behind it are Python's own."""
    name, *words = arguments
    given, rest = split_options(words)
    refuse_shut_out(given, f"{name} ")
    if wanted.python is None and "/" in name:
        executable = interpreter.interpreter_called(name, "")
    else:
        executable = wanted.usual()
        if wanted.python is None:
            executable = interpreter.interpreter_called(name, executable)
    label = _label(rest[0]) if rest and not rest[0].startswith("-") else "python"
    return TargetSpec(executable, [*wanted.options, *words], label)


def _script(wanted: Wanted, arguments: list[str]) -> TargetSpec:
    """A file; or a command on PATH where there is no such file."""
    name, *words = arguments
    path, usual = name, ""
    if not ("/" in name or os.path.isfile(name) or os.path.isfile(f"{name}/__main__.py")):
        usual = wanted.usual()
        path = interpreter.find_command(name, usual) or name
    options: list[str] = []
    line = interpreter.first_line(path)
    if line is not None and line.python is None:
        _check_program(wanted, name, path, line.program)
    elif line is not None and line.python is not None and wanted.python is None:
        usual = _named_by(path, line.python, usual, wanted) or usual
        options = line.options
        said = f"the first line of {path} says {line.python} "
        refuse_shut_out(options, said, " (with --python EXE it does not count)")
    before = ["--"] if path.startswith("-") else []
    words = [*options, *wanted.options, *before, path, *words]
    return TargetSpec(usual or wanted.usual(), words, _label(path), script=path)


def _named_by(path: str, python: str, usual: str, wanted: Wanted) -> str | None:
    """The interpreter of a script's first line. One that is not there counts only where the system
    would start it, too: in a file that may be executed."""
    if "/" not in python:
        return interpreter.interpreter_called(python, usual or wanted.usual())
    if not env.is_program(python):
        if env.is_program(path):
            give_up(
                f"the first line of {path} names {python}, which is not there "
                "(--python EXE takes another)",
                USAGE,
            )
        return None
    return interpreter.interpreter_called(python, usual)


def _check_program(wanted: Wanted, name: str, path: str, program: str) -> None:
    """Give up on what is no Python script by its first line; what was named as a file, may be one
    for all that."""
    named = path == name
    if named and (wanted.python is not None or path.endswith((".py", ".pyw"))):
        return
    if not named or env.is_program(path):
        found = path if named else f"{name} is {path}, which"
        give_up(f"{found} is no Python script: {program}", USAGE)


def _label(script: str) -> str:
    return os.path.splitext(os.path.basename(os.path.normpath(script)))[0]
