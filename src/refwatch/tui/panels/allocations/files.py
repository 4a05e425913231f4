"""Origin of source files (own code, standard library, packages) and their short names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Origin = Literal["own", "stdlib", "site"]
"""The program's own code, the standard library, or an installed package."""

_SITE = re.compile(r"/(?:site|dist)-packages/")
_STDLIB = re.compile(r"/lib(?:64)?/python3(?:\.\d+t?)?/|/python3\d+\.zip/")
_NO_FILE = ("<frozen ", "<unknown>")
"""Modules inside the interpreter, and allocations where no Python code runs."""


@lru_cache(maxsize=8192)
def origin_of(file: str) -> Origin:
    """Tell a file's origin by its path alone: the file may be on another machine."""
    if _SITE.search(file):
        return "site"
    if file.startswith(_NO_FILE) or _STDLIB.search(file):
        return "stdlib"
    return "own"


def short_path(file: str, cwd: str) -> str:
    """The path relative to the target's folder or to where packages are."""
    if cwd and file.startswith(f"{cwd.rstrip('/')}/"):
        return file[len(cwd.rstrip("/")) + 1 :]
    for pattern in (_SITE, _STDLIB):
        found = None
        for found in pattern.finditer(file):  # noqa: B007 - the last one counts
            pass
        if found is not None:
            return file[found.end() :]
    return file
