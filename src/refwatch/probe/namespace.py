"""Address of a module's names and values, from which a new binding is seen from outside."""

from __future__ import annotations

import struct

from .own_memory import WORD, Memory
from .raw_access import address_of

DICT_WORDS = 8
SEARCHED = (1 << 13, 1 << 18)  # bytes of the keys that are searched
ENTRY = 16  # bytes: a name and its value


def find_namespace(memory: Memory, names: dict[str, object]) -> dict[str, int] | None:
    """``keys_at``: address of the pointer to the dict's keys; ``keys``: its value; ``entries``:
    address of the first entry; ``count``: number of entries there may be. None if the dict has keys
    other than str."""
    first = [address_of(part) for pair in list(names.items())[:2] for part in pair]
    pattern = struct.pack("<4Q", *first) if len(first) == 4 else b""
    for size in SEARCHED if pattern else ():
        for index, word in enumerate(memory.words(address_of(names), DICT_WORDS)):
            if index < 2 or word % WORD:
                continue
            at = memory.read(word, size).find(pattern)
            if at > 0 and at % WORD == 0:
                table = dict.__sizeof__(names) - dict.__basicsize__
                count = max(len(names), (table - at) // ENTRY)
                return {
                    "keys_at": address_of(names) + index * WORD,
                    "keys": word,
                    "entries": word + at,
                    "count": count,
                }
    return None
