"""Exception tables of code objects: how many words of a frame's stack are surely in use.

The form is that of CPython's InternalDocs/exception_handling.md
(Objects/exception_handling_notes.txt before 3.13), the same from 3.11 to 3.15.
"""

from __future__ import annotations

from typing import NamedTuple

UNIT = 2  # bytes of a code unit, in which the table counts


class Handler(NamedTuple):
    """A handler for the instructions from ``start`` up to ``end``, bytes; ``depth`` words of the
    stack stay when one of them raises."""

    start: int
    end: int
    depth: int


def decode_handlers(table: bytes) -> list[Handler]:
    """Those of a code object; none where the table is cut off."""
    handlers: list[Handler] = []
    index = 0
    try:
        while index < len(table):
            start, index = _varint(table, index)
            size, index = _varint(table, index)
            _, index = _varint(table, index)
            depth, index = _varint(table, index)
            handlers.append(Handler(UNIT * start, UNIT * (start + size), depth >> 1))
    except IndexError:
        return []
    return handlers


def _varint(table: bytes, index: int) -> tuple[int, int]:
    piece = table[index]
    value = piece & 63
    while piece & 64:
        index += 1
        piece = table[index]
        value = value << 6 | piece & 63
    return value, index + 1


def depth_at(handlers: list[Handler], offset: int) -> int:
    """Words that lie below whatever the instruction at this byte offset has pushed: they stay until
    the block that it is in ends. 0 outside all blocks."""
    for handler in handlers:
        if handler.start <= offset < handler.end:
            return handler.depth
    return 0
