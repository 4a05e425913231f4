"""Finds where a module's names and values lie, so that a new binding is noticed from outside."""

from __future__ import annotations

import struct

from .peek import WORD, Memory
from .plain import address_of

DICT_WORDS = 8
SEARCHED = (1 << 13, 1 << 18)  # bytes of a dict's keys
ENTRY = 16  # bytes: a name and its value


def find_namespace(memory: Memory, names: dict[str, object]) -> dict[str, int] | None:
    """Where a module's names and values lie: ``keys_at`` is the address of the word that leads to
    the table, ``keys`` what it holds, ``entries`` the first entry's address, ``count`` how many
    there may be. None where its keys are of another kind than str."""
    first = [address_of(one) for pair in list(names.items())[:2] for one in pair]
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
