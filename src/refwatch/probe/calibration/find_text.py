"""Search for the layout of str and bytes, so that names can be read from outside.

PyASCIIObject and PyCompactUnicodeObject: CPython's Include/cpython/unicodeobject.h.
"""

from __future__ import annotations

import struct

from ..own_memory import Memory
from .find_gil import NotFound


def find_text(memory: Memory) -> dict[str, int]:
    """Offsets of the characters: ``ascii_data``, ``compact_data`` (any other kind), ``bytes_data``;
    ``length_offset`` of both; ``state_offset``, ``kind_shift`` and ``ascii_shift`` in a str (the
    kind has 3 bits: 1, 2 or 4 bytes a character)."""
    # Made at run time, so that none is shared with the target's constants.
    samples = [
        "".join(parts) for parts in (("refw", "atch"), ("réf", "wä"), ("łąć", "ż"), ("🐍", "👀"))
    ]
    raw = [memory.read(id(text), 160) for text in samples]
    plain, latin, wide, astral = samples
    ascii_data = raw[0].find(plain.encode("ascii"))
    compact = {
        raw[1].find(latin.encode("latin-1")),
        raw[2].find(wide.encode("utf-16-le")),
        raw[3].find(astral.encode("utf-32-le")),
    }
    blob = bytes(bytearray(b"refwatch bytes"))
    bytes_data = memory.read(id(blob), 160).find(blob)
    if ascii_data < 0 or len(compact) != 1 or min(compact) < 0 or bytes_data < 0:
        raise NotFound("the characters of a str are not where they were sought")
    if any(
        struct.unpack_from("<q", row, 16)[0] != len(s) for row, s in zip(raw, samples, strict=True)
    ):
        raise NotFound("the length of a str is not where it was sought")
    kind, is_ascii = _state_bits([struct.unpack_from("<I", row, 32)[0] for row in raw])
    return {
        "ascii_data": ascii_data,
        "compact_data": min(compact),
        "bytes_data": bytes_data,
        "length_offset": 16,
        "state_offset": 32,
        "kind_shift": kind,
        "ascii_shift": is_ascii,
    }


def _state_bits(states: list[int]) -> tuple[int, int]:
    """The lowest of those that fit: above the bit fields the word is as malloc gave it."""
    kinds = [
        shift for shift in range(29) if [(state >> shift) & 7 for state in states] == [1, 1, 2, 4]
    ]
    flags = [bit for bit in range(32) if [(state >> bit) & 1 for state in states] == [1, 0, 0, 0]]
    if not kinds or not flags:
        raise NotFound("the state bits of a str are not where they were sought")
    return kinds[0], flags[0]
