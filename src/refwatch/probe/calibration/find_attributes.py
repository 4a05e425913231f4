"""Search for where an object keeps the values of its attributes, and for a frame's first local
variable, so that a thread's name can be read from outside.

Objects of a class without __slots__ share their keys: the type points to them, and each object has
an array of values in the order of the keys, behind a pointer (3.11, 3.12) or in the object itself.
PyDictKeysObject and PyDictValues: CPython's Include/internal/pycore_dict.h; where the values are:
Objects/object_layout.md (InternalDocs/object_layout.md since 3.14).
"""

from __future__ import annotations

import sys

from ..capi import thread_state
from ..own_memory import WORD, Memory
from ..status import DAEMON, NAME  # which stays, and its strings with it
from .find_frames import HIGHEST, LOWEST
from .find_gil import NotFound

BEFORE, AFTER = 4, 16  # words around an object's address in which its values are sought
FRAME_WORDS = 24
TYPE_WORDS = 160
HEAD_WORDS = 24  # at most so many lie before the first entry of shared keys
TAG = 7
ABOVE = 4  # frames of what reads


class _Few:
    def __init__(self, first: object, name: object) -> None:
        self._first = first
        self._name = name


class _Many:
    """With other keys, and more of them, before the same one."""

    def __init__(self, first: object, name: object) -> None:
        self._a = self._b = self._c = self._d = self._e = self._f = first
        self._name = name
        self._daemonic = True


def find_attributes(memory: Memory, frames: dict[str, object]) -> dict[str, object]:
    """``local_offset`` (of a frame's first local variable), ``type_offset`` (in an object),
    ``values`` (offsets from an object to its first value), ``keys_offset`` (in a type),
    ``entries_offset`` (in keys; an entry is a key and a word), ``name_key`` and ``daemon_key``
    (addresses of the keys), ``str_type``, ``true``."""
    name, first = "a name of the probe's", object()
    few, many = _Few(first, name), _Many(first, name)
    keys_offset, entries_offset = _keys(memory)
    order = (id(first), id(name))
    if memory.word(memory.word(id(_Few) + keys_offset) + entries_offset) == id(sys.intern(NAME)):
        order = order[::-1]
    type_offset = _index(_around(memory, id(few)), id(_Few), BEFORE) * WORD
    found: dict[str, object] = {
        "local_offset": _local(memory, frames, object(), object()),
        "type_offset": type_offset,
        "values": _values(memory, id(few), order),
        "keys_offset": keys_offset,
        "entries_offset": entries_offset,
        "name_key": id(sys.intern(NAME)),
        "daemon_key": id(sys.intern(DAEMON)),
        "str_type": id(str),
        "true": id(True),
    }
    _verify(memory, found, many, name)
    return found


def _around(memory: Memory, address: int) -> tuple[int, ...]:
    return memory.words(address - BEFORE * WORD, BEFORE + AFTER)


def _index(words: tuple[int, ...], wanted: int, begin: int) -> int:
    """How many words after ``begin`` the wanted one is."""
    for index in range(begin, len(words)):
        if words[index] == wanted:
            return index - begin
    raise NotFound("an object does not hold its type")


def _values(memory: Memory, address: int, wanted: tuple[int, int]) -> list[int]:
    """The path to the first of an object's two values, which follow one another."""
    words = _around(memory, address)
    for index in range(len(words) - 1):
        if words[index : index + 2] == wanted:
            return [(index - BEFORE) * WORD]
    for index, word in enumerate(words):
        inside = memory.words(word + TAG & ~TAG, 4) if word else ()
        for place in range(len(inside) - 1):
            if inside[place : place + 2] == wanted:
                return [(index - BEFORE) * WORD, place * WORD]
    raise NotFound("an object's values are not where they were sought")


def _keys(memory: Memory) -> tuple[int, int]:
    """(offset in a type of the pointer to its keys, offset of the first entry in these) that fits
    both classes. What points to a block that happens to lie before the keys is farther from
    them."""
    few = _places(memory, _Few, ("_first", NAME))
    many = _places(memory, _Many, ("_a", "_b", "_c", "_d", "_e", "_f", NAME, DAEMON))
    both = [place for place in few if place in many]
    nearest = min((entries for _, entries in both), default=0)
    found = [place for place in both if place[1] == nearest]
    if len(found) != 1:
        raise NotFound(f"{len(found)} places have a type's keys")
    return found[0]


def _places(memory: Memory, kind: type, names: tuple[str, ...]) -> list[tuple[int, int]]:
    wanted = {id(sys.intern(name)) for name in names}  # in any order since 3.13
    count = 2 * len(wanted)  # an entry is two words
    found: list[tuple[int, int]] = []
    for index, word in enumerate(memory.words(id(kind), TYPE_WORDS)):
        entries = memory.words(word, HEAD_WORDS + count) if LOWEST < word < HIGHEST else ()
        found += [
            (index * WORD, place * WORD)
            for place in range(len(entries) - count + 1)
            if set(entries[place : place + count : 2]) == wanted
        ]
    return found


def _local(memory: Memory, frames: dict[str, object], one: object, two: object) -> int:
    """This frame's locals begin with its four arguments; above it are those of what reads."""
    path, code, previous = frames["path"], frames["code_offset"], frames["previous_offset"]
    assert isinstance(path, list)
    assert isinstance(code, int)
    assert isinstance(previous, int)
    address = thread_state()
    for step in path:
        address = memory.word(address + step)
    for _ in range(ABOVE):
        if memory.word(address + code) & ~TAG == id(_local.__code__):
            break
        address = memory.word(address + previous)
    wanted = tuple(map(id, (memory, frames, one, two)))
    words = memory.words(address, FRAME_WORDS)
    for index in range(len(words) - len(wanted)):
        if tuple(word & ~TAG for word in words[index : index + len(wanted)]) == wanted:
            return index * WORD
    raise NotFound("a frame's local variables are not where they were sought")


def _verify(memory: Memory, found: dict[str, object], sample: object, name: str) -> None:
    """The second check: the way from an object of another class to its attributes, as it is gone
    from outside."""
    if attribute(memory, found, id(sample), found["name_key"]) != id(name):
        raise NotFound("an attribute that was read from memory is another one")
    if attribute(memory, found, id(sample), found["daemon_key"]) != found["true"]:
        raise NotFound("an attribute that was read from memory is another one")


def attribute(memory: Memory, found: dict[str, object], address: int, key: object) -> int:
    """Address of the value of an attribute; 0 where the object has none such."""
    offset = {name: value for name, value in found.items() if isinstance(value, int)}
    kind = memory.word(address + offset["type_offset"])
    keys = memory.word(kind + offset["keys_offset"])
    entries = memory.words(keys + offset["entries_offset"], 60)[::2]
    if key not in entries:
        return 0
    values = found["values"]
    assert isinstance(values, list)
    for step in values[:-1]:
        address = memory.word(address + step) + TAG & ~TAG
    return memory.word(address + values[-1] + entries.index(key) * WORD)
