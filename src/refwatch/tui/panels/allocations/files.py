"""Whose a source file is, and what it is called where there is little room."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Origin = Literal["own", "stdlib", "site"]
"""The program's own; the standard library's; of a package that was installed."""

_SITE = re.compile(r"/(?:site|dist)-packages/")
_STDLIB = re.compile(r"/lib(?:64)?/python3(?:\.\d+t?)?/|/python3\d+\.zip/")
_NO_FILE = ("<frozen ", "<unknown>")
"""Modules inside the interpreter, and what it allocates where no Python code runs."""


@lru_cache(maxsize=8192)
def origin_of(file: str) -> Origin:
    """By its path alone: the file belongs to the target, perhaps on another machine."""
    if _SITE.search(file):
        return "site"
    if file.startswith(_NO_FILE) or _STDLIB.search(file):
        return "stdlib"
    return "own"


def short_path(file: str, cwd: str) -> str:
    """Seen from the target's folder, or from where packages are."""
    if cwd and file.startswith(f"{cwd.rstrip('/')}/"):
        return file[len(cwd.rstrip("/")) + 1 :]
    for pattern in (_SITE, _STDLIB):
        found = None
        for found in pattern.finditer(file):  # noqa: B007 - the last one counts
            pass
        if found is not None:
            return file[found.end() :]
    return file
