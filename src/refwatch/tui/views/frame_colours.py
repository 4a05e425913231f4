"""Colours of the frames of flame graphs: a function has the same one wherever it is seen.

Own code is warm, packages are cool, the standard library is grey. Within these a function's name
chooses, so that the colour is the same in every panel, session and process. Two neighbours may have
the same one by chance: a line between them tells them apart.
"""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

from refwatch.tui.views.places import Origin, origin_of

_OWN = (
    ("#7d2c31", "#ecacb0"), ("#752d1f", "#eea495"), ("#70381a", "#f0ad8a"), ("#6b4014", "#f2b273"),
    ("#604310", "#f4c066"), ("#554511", "#f1d67e"), ("#573023", "#edcbbf"), ("#675428", "#ecdcb6"),
)  # fmt: skip
_SITE = (
    ("#1c4a44", "#95e4da"), ("#1f525c", "#a2dfeb"), ("#244c6b", "#abd0ed"), ("#2f4474", "#bbcaec"),
    ("#295647", "#bae8d9"), ("#3c407c", "#c9cced"),
)  # fmt: skip
_STDLIB = (
    ("#353d45", "#c8d4e0"), ("#3c4453", "#bcc7dc"), ("#2f383c", "#d5e1e7"), ("#474e57", "#b6c2d3"),
    ("#3a3d4a", "#ced2e3"),
)  # fmt: skip
_PALETTES: dict[Origin, tuple[tuple[str, str], ...]] = {
    "own": _OWN, "site": _SITE, "stdlib": _STDLIB,
}  # fmt: skip
INSIDE = frozenset({"<garbage collector>"})
"""What stands in a stack without being Python code."""
ALL = "frame-all"
MATCH = "frame-match"
FRAME_COLOURS = {
    f"frame-{origin}-{index}": colours
    for origin, palette in _PALETTES.items()
    for index, colours in enumerate(palette)
} | {ALL: ("#2a3443", "#d5dde7"), MATCH: ("#8f2f95", "#e7a6ea")}
"""Style -> (dark, light). Text is legible on each."""


@lru_cache(maxsize=8192)
def frame_colour(file: str, function: str) -> str:
    """The style of a function. Only the last parts of both names count: a path may be relative, and
    not every reading knows the class."""
    origin = "stdlib" if file in INSIDE else origin_of(file)
    name = f"{file.rpartition('/')[2]}:{function.rpartition('.')[2]}"
    number = crc32(name.encode("utf-8", "surrogatepass")) % len(_PALETTES[origin])
    return f"frame-{origin}-{number}"
