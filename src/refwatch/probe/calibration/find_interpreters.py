"""Search for the list of interpreters, and for the fields of one that lead on from it.

struct pyinterpreters: CPython's Include/internal/pycore_runtime.h (pycore_runtime_structs.h since
3.14); struct _is: pycore_interp.h (pycore_interp_structs.h since 3.14). Since 3.12 an interpreter
points to its GIL, which may be its own (PEP 684); before, there is one for all.
"""

from __future__ import annotations

import struct
import sys

from ..capi import api, ctypes, first_interpreter, interpreter_state
from ..own_memory import WORD, Memory
from .find_gil import NotFound
from .find_threads import INTERPRETER_WORDS

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

RUNTIME_WORDS = 1024  # of _PyRuntime, near whose begin the list begins
OWN_GILS = (3, 12)  # PEP 684
MARKERS = (0x1234_5678, 0x2345_6789)


def find_interpreters(memory: Memory, gil: int | None) -> dict[str, int | None]:
    """``main`` (address of the main interpreter), ``head`` (of the pointer to the newest, which the
    main interpreter and the next id follow), and offsets in an interpreter: ``next_offset``,
    ``id_offset``, ``gil_offset`` (None where it has no pointer to a GIL). ``gil`` is the address of
    the main interpreter's GIL. Raises NotFound."""
    try:
        following, number = api.PyInterpreterState_Next, api.PyInterpreterState_GetID
    except AttributeError as error:
        raise NotFound(str(error)) from error
    for function, result in (following, ctypes.c_void_p), (number, ctypes.c_longlong):
        function.argtypes, function.restype = [ctypes.c_void_p], result
    main = interpreter_state()
    next_offset, id_offset = _offsets(
        lambda address: int(following(address) or 0), lambda address: int(number(address))
    )
    newest = int(first_interpreter() or 0)
    if memory.word(main + id_offset) or number(main) or memory.word(main + next_offset):
        raise NotFound("the main interpreter is not the first")
    if memory.word(newest + next_offset) != int(following(newest) or 0):
        raise NotFound("an interpreter does not lead to the next")
    return {
        "main": main,
        "head": _head(memory, newest, main, int(number(newest))),
        "next_offset": next_offset,
        "id_offset": id_offset,
        "gil_offset": _gil_pointer(memory, main, gil) if gil is not None else None,
    }


def _offsets(following: Callable[[int], int], number: Callable[[int], int]) -> tuple[int, int]:
    """Where these functions read: in an interpreter whose words say where they lie, and once more
    when the two words that they have read say something else."""
    size = INTERPRETER_WORDS * WORD
    words = struct.pack(f"<{INTERPRETER_WORDS}Q", *range(1, size, WORD))
    data = ctypes.create_string_buffer(words)
    address = ctypes.addressof(data)
    next_offset, id_offset = following(address) - 1, number(address) - 1
    for offset, marker in (next_offset, MARKERS[0]), (id_offset, MARKERS[1]):
        if not 0 <= offset < size:
            raise NotFound("an interpreter has no such word")
        struct.pack_into("<Q", data, offset, marker)
    if (following(address), number(address)) != MARKERS:
        raise NotFound("an interpreter's words are not where they were found")
    return next_offset, id_offset


def _head(memory: Memory, newest: int, main: int, number: int) -> int:
    start = ctypes.addressof(ctypes.c_char.in_dll(api, "_PyRuntime"))
    words = memory.words(start, RUNTIME_WORDS)
    found = [
        index
        for index in range(len(words) - 2)
        if words[index : index + 2] == (newest, main) and number < words[index + 2] < 1 << 32
    ]
    if len(found) != 1:
        raise NotFound(f"{len(found)} places look like the list of interpreters")
    return start + found[0] * WORD


def _gil_pointer(memory: Memory, main: int, gil: int) -> int | None:
    if sys.version_info < OWN_GILS:
        return None
    words = memory.words(main, INTERPRETER_WORDS)
    if words.count(gil) != 1:
        raise NotFound(f"{words.count(gil)} words of the interpreter lead to its GIL")
    return words.index(gil) * WORD
