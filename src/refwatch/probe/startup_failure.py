"""Reason why the program never ran a line, found out at exit."""

from __future__ import annotations

import sys

from .raw_access import namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .builtin_types import CodeType

FROZEN = "<frozen "  # file names of the import system and of runpy
NO_FILE = (["-c"], ["-"], [""])
"""First items of sys.argv if there is neither a script nor a module"""
ERRORS = (SyntaxError, IndentationError, TabError)


class StartupFailure:
    """State before the target's first line: Python gives ``__main__`` another loader once it has
    found a script or a module to run."""

    def __init__(self) -> None:
        argv: object = _names_of("sys").get("argv")
        self._no_file = type(argv) is list and argv[:1] in NO_FILE
        self._loader = _names_of("__main__").get("__loader__")

    def reason(self) -> str:
        """Why no line of the program has run; empty if one has."""
        error = _last_error()
        if type(error) in ERRORS and _is_of_start(error):  # type: ignore[arg-type]
            return _described(error)  # type: ignore[arg-type]
        if self._no_file or error is not None or self._loader is None:
            return ""
        if _names_of("__main__").get("__loader__") is not self._loader:
            return ""
        return "Python found nothing to run, and said why on stderr"


def missing_module() -> str:
    """The module whose absence has ended the program, or kept it from starting; empty if that was
    not the reason."""
    error = _last_error()
    if type(error) is ModuleNotFoundError:
        return text(error.name)
    names = _names_of("sys")
    argv, words = names.get("argv"), names.get("orig_argv")
    if error is not None or type(argv) is not list or type(words) is not list:
        return ""
    if argv[:1] != ["-m"] or "-m" not in words[:-1]:  # runpy replaces it once it has a file
        return ""
    return text(words[words.index("-m") + 1])


def _last_error() -> object:
    """The uncaught exception."""
    names = _names_of("sys")
    return names.get("last_exc", names.get("last_value"))  # 3.12; before


def _names_of(module: str) -> dict[str, object]:
    return namespace_of(sys.modules.get(module)) or {}


def _is_of_start(error: SyntaxError) -> bool:
    """Whether none of the program's own code was running, as it is when an import fails."""
    trace = error.__traceback__
    while trace is not None:
        code: CodeType = trace.tb_frame.f_code
        if not code.co_filename.startswith(FROZEN):
            return False
        trace = trace.tb_next
    return True


def _described(error: SyntaxError) -> str:
    name, where = type(error).__name__, text(error.filename)
    if type(error.lineno) is int and error.lineno:
        where += f", line {error.lineno}"
    return f"{name}: {text(error.msg)}" + (f" ({where})" if where else "")
