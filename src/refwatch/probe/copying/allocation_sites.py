"""Allocation sites of objects, as tracemalloc recorded them."""

from __future__ import annotations

from ..capi import api, ctypes
from ..raw_access import address_of
from .functions import Files, functions_at
from .heap import header_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..tracing import Frame
    from .functions import Place

MOST_SITES = 5  # of one class
NOTHING = ("<unknown>", 0)  # tracemalloc's own placeholder for where no Python runs


def place_of(frames: tuple[Frame, ...], files: Files) -> Place:
    """The line that allocated a block."""
    name, line = frames[0] if frames else NOTHING
    return files.plain(name), line


def traceback_of(
    obj: object, look_up: Callable[[object], tuple[Frame, ...] | None]
) -> tuple[Frame, ...] | None:
    """The object's traceback from ``look_up``, or else by its block's address: 3.11 forgets that an
    instance may have two more words before it."""
    traceback = look_up(obj)
    by_address = getattr(api, "_PyTraceMalloc_GetTraceback", None)
    if traceback is None and by_address is not None:
        by_address.argtypes = [ctypes.c_uint, ctypes.c_size_t]
        by_address.restype = ctypes.py_object
        traceback = by_address(0, address_of(obj) - header_of(type(obj)))
    return traceback


def sites_of(
    tracebacks: Iterable[tuple[Frame, ...] | None], most: int = MOST_SITES
) -> list[dict[str, object]]:
    """The most frequent sites of these tracebacks."""
    files = Files()
    counts: dict[Place, int] = {}
    for frames in tracebacks:
        if frames:
            place = place_of(frames, files)
            counts[place] = counts.get(place, 0) + 1
    first = sorted(counts, key=lambda place: -counts[place])[:most]
    names = functions_at(first, files)
    return [{"file": file, "line": line, "function": names[file, line]} for file, line in first]
