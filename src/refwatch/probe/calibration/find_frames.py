"""Search for the pointers from a thread state to its frames and their code.

In a chain of calls of our own, the thread state's words and those one step further (3.11 and 3.12
have a C frame between) are searched for a frame whose code is ours and whose caller's code is our
caller's. struct _PyInterpreterFrame: CPython's Include/internal/pycore_frame.h; PyCodeObject:
Include/cpython/code.h.
"""

from __future__ import annotations

import os
import struct
import sys
from types import CodeType, FrameType

from ..capi import raw_thread_state, thread_state
from ..own_memory import WORD, Memory
from .find_gil import NotFound

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

FRAME_WORDS = 12
STATE_WORDS = 64
CFRAME_WORDS = 4
LOWEST, HIGHEST = 1 << 16, 1 << 47  # where objects lie
TAG = 7  # low bits of a code reference, which are tags since 3.14

Stack = list[tuple[int, int]]
"""(address of the code object, offset of the last instruction in bytes), innermost first."""


def find_frames(memory: Memory) -> dict[str, object]:
    """``path`` (offsets from a thread state to its current frame); offsets in a frame:
    ``code_offset``, ``previous_offset``, ``instruction_offset``; in a code object
    ``bytecode_offset``, ``filename_offset``, ``name_offset``, ``linetable_offset``,
    ``firstlineno_offset``; ``code_type`` and ``none``, addresses of objects."""
    found = _called(lambda: _search(memory))
    again = _called(lambda: _called(lambda: _search(memory)))
    same = [place for place in found if place in again]
    if len(same) != 1:
        raise NotFound(f"{len(same)} paths lead from a thread state to its frames")
    path, code, previous, instruction, bytecode = same[0]
    layout: dict[str, object] = {
        "path": list(path),
        "code_offset": code,
        "previous_offset": previous,
        "instruction_offset": instruction,
        "bytecode_offset": bytecode,
        "code_type": id(CodeType),
        "none": id(None),
        **_code_slots(memory),
    }
    _called(lambda: _verify(memory, layout))
    return layout


def _called(search: Callable[[], list[Place]]) -> list[Place]:
    """Search with one more frame of ours in the chain, and none left above it by earlier calls."""
    _overwrite_stack()
    return search()


def _overwrite_stack() -> int:
    a = b = c = d = e = f = g = h = i = j = k = m = n = o = p = q = r = s = t = u = v = w = 1
    aa = bb = cc = dd = ee = ff = gg = hh = ii = jj = kk = mm = nn = oo = pp = qq = rr = ss = 1
    low = a + b + c + d + e + f + g + h + i + j + k + m + n + o + p + q + r + s + t + u + v + w
    high = aa + bb + cc + dd + ee + ff + gg + hh + ii + jj + kk + mm + nn + oo + pp + qq + rr + ss
    return low + high


Place = tuple[tuple[int, ...], int, int, int, int]


def _stack_of(frame: FrameType | None) -> Stack:
    chain: Stack = []
    while frame is not None:
        chain.append((id(frame.f_code), frame.f_lasti))
        frame = frame.f_back
    return chain


def _search(memory: Memory) -> list[Place]:
    """Every path to this function's frame that leads on to its callers' frames."""
    # Read here, not in a function of its own: this frame must be on top, with no called frame above
    # it, whose link back would look like a path to this one.
    state = raw_thread_state()
    pointers: list[tuple[tuple[int, ...], int]] = []
    todo: list[tuple[tuple[int, ...], int, int]] = [((), state, STATE_WORDS)]
    while todo:
        path, address, count = todo.pop()
        try:
            data = os.pread(memory.fd, count * WORD, address)
        except (OSError, OverflowError):
            continue
        for offset in range(0, len(data) - 7, WORD):
            word = int.from_bytes(data[offset : offset + WORD], "little")
            if LOWEST < word < HIGHEST:
                pointers.append(((*path, offset), word))
                if not path:
                    todo.append(((offset,), word, CFRAME_WORDS))
    stack = _stack_of(sys._getframe().f_back)  # noqa: SLF001
    own = id(_search.__code__)
    places: list[Place] = []
    for path, start in pointers:
        words = memory.words(start, FRAME_WORDS)
        for slot, word in enumerate(words):
            if word & ~TAG == own:
                places += [
                    (path, slot * WORD, *rest) for rest in _links(memory, slot, words, stack)
                ]
    return places


def _links(
    memory: Memory, code_slot: int, words: tuple[int, ...], stack: Stack
) -> list[tuple[int, int, int]]:
    """(previous, instruction, bytecode) offsets for a frame that was called by ``stack[0]``."""
    links = []
    for slot, word in enumerate(words):
        if word <= LOWEST or slot == code_slot:
            continue
        caller = memory.words(word, FRAME_WORDS)
        if len(caller) != FRAME_WORDS or caller[code_slot] & ~TAG != stack[0][0]:
            continue
        above = memory.words(caller[slot], FRAME_WORDS)
        if len(above) != FRAME_WORDS or above[code_slot] & ~TAG != stack[1][0]:
            continue
        for place, pointer in enumerate(caller):
            start = pointer - stack[0][0] - stack[0][1]
            if 0 < start < 1024 and above[place] - stack[1][0] - stack[1][1] == start:
                links.append((slot * WORD, place * WORD, start))
    return links


def _code_slots(memory: Memory) -> dict[str, int]:
    codes = [_search.__code__, _links.__code__, _stack_of.__code__]
    words = {code: memory.words(id(code), 40) for code in codes}
    numbers = {code: memory.read(id(code), 320) for code in codes}
    return {
        "filename_offset": _slot(words, {code: id(code.co_filename) for code in codes}),
        "name_offset": _slot(words, {code: id(code.co_qualname) for code in codes}, last=True),
        "linetable_offset": _slot(words, {code: id(code.co_linetable) for code in codes}),
        "firstlineno_offset": _number(numbers, {code: code.co_firstlineno for code in codes}),
    }


def _slot(
    words: dict[CodeType, tuple[int, ...]], wanted: dict[CodeType, int], *, last: bool = False
) -> int:
    """The offset at which each code object holds its wanted address. A function's name and qualname
    may be one string; qualname comes second."""
    found = [
        index
        for index in range(min(len(row) for row in words.values()))
        if all(words[code][index] == value for code, value in wanted.items())
    ]
    if not found:
        raise NotFound("a code object does not hold one of its parts")
    return found[-1 if last else 0] * WORD


def _number(data: dict[CodeType, bytes], wanted: dict[CodeType, int]) -> int:
    for offset in range(16, min(len(row) for row in data.values()) - 4, 4):
        if all(
            struct.unpack_from("<i", data[code], offset)[0] == value
            for code, value in wanted.items()
        ):
            return offset
    raise NotFound("a code object does not hold its first line")


def _verify(memory: Memory, layout: dict[str, object]) -> list[Place]:
    """The second check: this thread's whole stack, frame by frame, against sys._getframe."""
    offset = {name: value for name, value in layout.items() if isinstance(value, int)}
    path = layout["path"]
    assert isinstance(path, list)
    stack = _stack_of(sys._getframe().f_back)  # noqa: SLF001
    address = thread_state()
    for step in path:
        address = memory.word(address + step)
    seen: Stack = []
    while address and len(seen) < 200:
        code = memory.word(address + offset["code_offset"]) & ~TAG
        if memory.word(code + WORD) == offset["code_type"]:
            instruction = memory.word(address + offset["instruction_offset"])
            seen.append((code, instruction - code - offset["bytecode_offset"]))
        address = memory.word(address + offset["previous_offset"])
    codes = {code for code, _ in stack}
    real = [entry for entry in seen if entry[0] in codes]
    if stack[0] not in real or real[real.index(stack[0]) :] != stack:
        raise NotFound("a stack read from memory is not the stack that sys._getframe shows")
    return []
