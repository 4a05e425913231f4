"""Whether the program has begun, as seen at its end."""

from __future__ import annotations

import sys

from .plain import namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .kinds import CodeType

FROZEN = "<frozen "  # file names of the import system and of runpy
NO_FILE = (["-c"], ["-"], [""])
"""What sys.argv begins with where there is neither a script nor a module."""
ERRORS = (SyntaxError, IndentationError, TabError)


class Begun:
    """To be made before the target's first line: Python gives ``__main__`` another loader when it
    has found a script or a module to run."""

    def __init__(self) -> None:
        argv: object = _names_of("sys").get("argv")
        self._no_file = type(argv) is list and argv[:1] in NO_FILE
        self._loader = _names_of("__main__").get("__loader__")

    def failure(self) -> str:
        """Why no line of the program has run; empty where one has."""
        error = _last_error()
        if type(error) in ERRORS and _is_of_start(error):  # type: ignore[arg-type]
            return _words(error)  # type: ignore[arg-type]
        if self._no_file or error is not None or self._loader is None:
            return ""
        if _names_of("__main__").get("__loader__") is not self._loader:
            return ""
        return "Python found nothing to run, and said why on stderr"


def missing_module() -> str:
    """The module for want of which the program has ended or not begun; empty where that was not
    why."""
    error = _last_error()
    if type(error) is ModuleNotFoundError:
        return text(error.name)
    names = _names_of("sys")
    argv, words = names.get("argv"), names.get("orig_argv")
    if error is not None or type(argv) is not list or type(words) is not list:
        return ""
    if argv[:1] != ["-m"] or "-m" not in words[:-1]:  # runpy puts the file there when it has one
        return ""
    return text(words[words.index("-m") + 1])


def _last_error() -> object:
    """The exception that nobody caught."""
    names = _names_of("sys")
    return names.get("last_exc", names.get("last_value"))  # 3.12; before


def _names_of(module: str) -> dict[str, object]:
    return namespace_of(sys.modules.get(module)) or {}


def _is_of_start(error: SyntaxError) -> bool:
    """Whether none of the program's own code was running: what is imported comes later."""
    trace = error.__traceback__
    while trace is not None:
        code: CodeType = trace.tb_frame.f_code
        if not code.co_filename.startswith(FROZEN):
            return False
        trace = trace.tb_next
    return True


def _words(error: SyntaxError) -> str:
    name, where = type(error).__name__, text(error.filename)
    if type(error.lineno) is int and error.lineno:
        where += f", line {error.lineno}"
    return f"{name}: {text(error.msg)}" + (f" ({where})" if where else "")
