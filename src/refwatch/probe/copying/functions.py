"""Finds the functions in which lines of source lie: of a line that is all that a trace has.

What is found is by the code objects that there are. A module's own code is gone once it has run: a
line that is in no function counts as its module's, and so does one in the body of a class. What
runs within an expression, as a list comprehension does in 3.11, counts as what is around it.
"""

from __future__ import annotations

import gc
import sys

from ..kinds import CodeType, FunctionType, ModuleType
from ..plain import is_a, namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..kinds import Getter

    Place = tuple[str, int]
    """A file and a line."""

LONGEST = 4096  # characters of a file's name
NESTED = ".<locals>."
EXPRESSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
ANNOTATE = "__annotate__"  # since 3.14, of annotations (PEP 649): on the lines of what they are of
CO_OPTIMIZED = 0x1  # not in code of modules and classes: Include/cpython/code.h
MODULE = "<module>"
OF_INTERPRETER = "<frozen "

_code_of: Getter = vars(FunctionType)["__code__"].__get__


def _plain() -> None:
    """A function whose first line has but the instruction with which every one begins."""


BEGINNING = next(iter(_plain.__code__.co_lines()))[1]  # bytes


class Files:
    """The names of source files as plain text, each looked at once. Names must not be freed."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def plain(self, name: str) -> str:
        """What ``co_filename`` or a trace has."""
        found = self._known.get(id(name))
        if found is None:
            found = self._known[id(name)] = text(name, LONGEST)
        return found


def functions_at(places: Iterable[Place], files: Files) -> dict[Place, str]:
    """The name of the outermost function around each; "" where no such file has been loaded."""
    wanted: dict[str, set[int]] = {}
    for file, line in places:
        wanted.setdefault(file, set()).add(line)
    found: dict[Place, tuple[int, int, str]] = {}
    loaded = _loaded()
    for code in _codes():
        file = files.plain(code.co_filename)
        lines = wanted.get(file)
        if lines is None:
            continue
        loaded.add(file)
        name = _name(code)
        if not name:
            continue
        rank = (name.count(NESTED), code.co_firstlineno, name)
        for line in lines.intersection(_lines(code)):
            found[file, line] = min(found.get((file, line), rank), rank)
    names = {place: rank[2] for place, rank in found.items()}
    for file, lines in wanted.items():
        known = file in loaded or file.startswith(OF_INTERPRETER)
        for line in lines:
            names.setdefault((file, line), MODULE if known else "")
    return names


def _name(code: CodeType) -> str:
    """The function's; "" for what counts as a module's, and for what is of no interest."""
    if not code.co_flags & CO_OPTIMIZED or text(code.co_name) == ANNOTATE:
        return ""
    name = text(code.co_qualname)
    while name.endswith(EXPRESSIONS):
        name = name.rpartition(NESTED)[0]
    return name


def _lines(code: CodeType) -> set[int]:
    """The lines on which something of this code runs. Its first one has next to nothing of it, but
    is where whoever defines a function makes it."""
    sizes: dict[int, int] = {}
    for start, end, line in code.co_lines():
        if line is not None:
            sizes[line] = sizes.get(line, 0) + end - start
    if sizes.get(code.co_firstlineno, 0) <= BEGINNING:
        sizes.pop(code.co_firstlineno, None)
    return set(sizes)


def _codes() -> Iterator[CodeType]:
    """The code of every function, and of those defined in one."""
    fresh = [_code_of(one) for one in gc.get_objects() if type(one) is FunctionType]
    met: set[int] = set()
    while fresh:
        code = fresh.pop()
        if id(code) not in met:
            met.add(id(code))
            yield code
            fresh += [one for one in code.co_consts if type(one) is CodeType]


def _loaded() -> set[str]:
    """The files of the modules. The program's own code has another name where it is in no file."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        names = namespace_of(module) if is_a(module, ModuleType) else None
        file = dict.get(names, "__file__") if names is not None else None
        if file is not None:
            found.add(text(file, LONGEST))
    main = namespace_of(sys.modules.get("__main__"))
    if main is not None and dict.get(main, "__file__") is None:
        found.add("<string>")
    return found
