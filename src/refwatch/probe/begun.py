"""Whether the program has begun, as seen at its end."""

from __future__ import annotations

import sys

from .plain import namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .kinds import CodeType

FROZEN = "<frozen "  # file names of the import system and of runpy
ERRORS = (SyntaxError, IndentationError, TabError)


class Begun:
    """To be made before the target's first line: Python gives ``__main__`` another loader when it
    has found a script or a module to run."""

    def __init__(self) -> None:
        argv: object = _names_of("sys").get("orig_argv")
        self._code = type(argv) is list and "-c" in argv[1:3]
        self._loader = _names_of("__main__").get("__loader__")

    def failure(self) -> str:
        """Why no line of the program has run; empty where one has."""
        names = _names_of("sys")
        error = names.get("last_exc", names.get("last_value"))  # 3.12; before
        if type(error) in ERRORS and _is_of_start(error):  # type: ignore[arg-type]
            return _words(error)  # type: ignore[arg-type]
        if self._code or error is not None or self._loader is None:
            return ""
        if _names_of("__main__").get("__loader__") is not self._loader:
            return ""
        return "Python found nothing to run, and said why on stderr"


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
