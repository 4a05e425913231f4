"""Names of the functions around source lines; tracemalloc records only file and line.

They come from the code objects that exist. A module's own code is freed once it has run, so a line
in no function counts as its module's, as does one in a class body. A comprehension, a function of
its own in 3.11, counts as the function around it.
"""

from __future__ import annotations

import gc
import sys

from ..builtin_types import CodeType, FunctionType, ModuleType
from ..raw_access import is_a, namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..builtin_types import Getter

    Place = tuple[str, int]
    """A file and a line."""

LONGEST = 4096  # characters of a file name
NESTED = ".<locals>."
EXPRESSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
ANNOTATE = "__annotate__"  # since 3.14 (PEP 649); its lines are those of what is annotated
CO_OPTIMIZED = 0x1  # not set for modules and classes: Include/cpython/code.h
MODULE = "<module>"
OF_INTERPRETER = "<frozen "

_code_of: Getter = vars(FunctionType)["__code__"].__get__


def _plain() -> None:
    """A function whose first line has only the instruction that starts every function."""


BEGINNING = next(iter(_plain.__code__.co_lines()))[1]  # bytes


class Files:
    """Cache of file names as plain text, by identity: a name must not be freed meanwhile."""

    def __init__(self) -> None:
        self._plain: dict[int, str] = {}

    def plain(self, name: str) -> str:
        """A ``co_filename``, or a trace's file name, as plain text."""
        found = self._plain.get(id(name))
        if found is None:
            found = self._plain[id(name)] = text(name, LONGEST)
        return found


def functions_at(places: Iterable[Place], files: Files) -> dict[Place, str]:
    """The outermost function around each line; "" if no such file was loaded."""
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
        is_loaded = file in loaded or file.startswith(OF_INTERPRETER)
        for line in lines:
            names.setdefault((file, line), MODULE if is_loaded else "")
    return names


def _name(code: CodeType) -> str:
    """The function's name; "" for code that counts as its module's."""
    if not code.co_flags & CO_OPTIMIZED or text(code.co_name) == ANNOTATE:
        return ""
    name = text(code.co_qualname)
    while name.endswith(EXPRESSIONS):
        name = name.rpartition(NESTED)[0]
    return name


def _lines(code: CodeType) -> set[int]:
    """The lines that this code runs on, without a ``def`` line, which belongs to the code that
    defines the function."""
    sizes: dict[int, int] = {}
    for start, end, line in code.co_lines():
        if line is not None:
            sizes[line] = sizes.get(line, 0) + end - start
    if sizes.get(code.co_firstlineno, 0) <= BEGINNING:
        sizes.pop(code.co_firstlineno, None)
    return set(sizes)


def _codes() -> Iterator[CodeType]:
    """The code of every function, and of the functions nested in it."""
    fresh = [_code_of(obj) for obj in gc.get_objects() if type(obj) is FunctionType]
    met: set[int] = set()
    while fresh:
        code = fresh.pop()
        if id(code) not in met:
            met.add(id(code))
            yield code
            fresh += [each for each in code.co_consts if type(each) is CodeType]


def _loaded() -> set[str]:
    """Files of the loaded modules; "<string>" for a program that is in no file."""
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
