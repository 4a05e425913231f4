"""Turns of an asyncio event loop, told from outside by the loop's own variable.

``BaseEventLoop._run_once`` is one turn: it waits in the selector, then sets its local ``end_time``
to ``loop.time()`` and runs the callbacks that are due (CPython's Lib/asyncio/base_events.py, 3.11
to 3.15). So the number in ``end_time`` is another one in each turn, however short, and says when
the turn began. Where it lies is found by experiment: its place among the names of the code object,
and the start of the locals as the one offset at which two functions' ``self`` is the same object
and ``end_time`` is a moment of the loop's clock; a second turn must have a later one.
"""

from __future__ import annotations

import struct
import time
from typing import NamedTuple

from refwatch.target.code_objects import CODE_SIZE, CodeObjects
from refwatch.target.memory import RemoteMemory

WANTED = "end_time"
TAG = 7
MOST_WORDS = 40  # of a frame, in which its locals begin
FLOAT_VALUES = (16, 32)  # offset of a float's value: of a build with a GIL, of one without
ITEMS = (24, 32, 40, 48)  # the same of a tuple's first item: a word more since 3.14
MOST_NAMES = 64
LONGEST_S = 86_400.0  # ago, that a turn can have begun when it is first seen
AHEAD_S = 0.001  # by which ``end_time`` may be later than the clock: its resolution
_WORD = struct.Struct("<Q")
_DOUBLE = struct.Struct("<d")


class FoundFrame(NamedTuple):
    """Addresses of a frame, its code object, and the frame that called it (0: none)."""

    address: int
    code: int
    caller: int


class Turn(NamedTuple):
    """What a loop is at. ``began``: when the turn did, seconds of CLOCK_MONOTONIC; None while it is
    at its selector, or between two turns."""

    began: float | None


AWAY = Turn(None)
"""Its function is not running where it was."""


class TurnReader:
    """Reads the turns of the loops of one process."""

    def __init__(self, memory: RemoteMemory, codes: CodeObjects, code_offset: int) -> None:
        self._memory = memory
        self._codes = codes
        self._code_offset = code_offset
        self._places: dict[int, int] = {}
        """Code object -> place of ``end_time`` among its locals; -1 where it has none."""
        self._guess: tuple[int, int, float] | None = None
        """Offset of the locals, of a float's value, and the turn by which they were found."""
        self._locals = 0
        self._value = 0
        self._pointers: dict[int, int] = {}

    @property
    def known(self) -> bool:
        """Found and verified."""
        return bool(self._locals)

    def has(self, code: int) -> bool:
        """Whether a loop's function has the variable."""
        return self._place_of(code) >= 0

    def read(self, found: FoundFrame) -> Turn | None:
        """The turn of a loop; None where it cannot be told. Where its function is not running there
        it is between two turns, or has ended. Raises MemoryGone."""
        if not self._locals:
            return self._search(found)
        slot = found.address + self._locals + 8 * self._place_of(found.code)
        before = self._pointers.get(slot, found.address)
        regions = [(found.address + self._code_offset, 8), (slot, 8), (before + self._value, 8)]
        data = self._memory.gather(regions)
        if len(data) < 24:
            data = self._memory.gather(regions[:2])
        if len(data) < 16:
            return None
        if _WORD.unpack_from(data)[0] & ~TAG != found.code:
            return AWAY
        (pointer,) = _WORD.unpack_from(data, 8)
        pointer &= ~TAG
        if not pointer:
            return Turn(None)
        if pointer == before and len(data) >= 24:
            (began,) = _DOUBLE.unpack_from(data, 16)
        else:
            began = self._double(pointer + self._value)
        self._pointers[slot] = pointer
        return Turn(began) if _is_moment(began) else None

    def _double(self, address: int) -> float:
        data = self._memory.read(address, 8)
        return float(_DOUBLE.unpack(data)[0]) if data else 0.0

    def _place_of(self, code: int) -> int:
        place = self._places.get(code)
        if place is None:
            place = self._places[code] = self._find_place(code)
        return place

    def _find_place(self, code: int) -> int:
        """Where the name stands in that tuple of a code object's whose first is ``self``."""
        head = self._memory.words(code, CODE_SIZE // 8)
        for pointer in head:
            if pointer & TAG or not pointer >> 12:
                continue
            words = self._memory.words(pointer, ITEMS[-1] // 8 + 1)
            for start in ITEMS if words else ():
                count = words[start // 8 - (2 if start in (32, 48) else 1)]
                if not 1 < count <= MOST_NAMES or self._codes.text(words[start // 8]) != "self":
                    continue
                items = self._memory.words(pointer + start, count)
                names = [self._codes.text(item) for item in items]
                if WANTED in names and None not in names:
                    return names.index(WANTED)
        return -1

    def _search(self, found: FoundFrame) -> Turn | None:
        place = self._place_of(found.code)
        if place < 0 or not found.caller:
            return None
        count = MOST_WORDS + place + 1
        own = self._memory.words(found.address, count)
        caller = self._memory.words(found.caller, MOST_WORDS)
        if not own or not caller or own[self._code_offset // 8] & ~TAG != found.code:
            return None
        fits = [
            (8 * start, value, began)
            for start in range(MOST_WORDS)
            if own[start] & ~TAG and own[start] & ~TAG == caller[start] & ~TAG
            for value in FLOAT_VALUES
            if _is_moment(began := self._double((own[start + place] & ~TAG) + value))
        ]
        if len(fits) != 1:
            return None
        start, value, began = fits[0]
        guess = self._guess
        if guess is not None and guess[:2] == (start, value) and began > guess[2]:
            self._locals, self._value = start, value
            return Turn(began)
        if guess is None or guess[:2] != (start, value):
            self._guess = fits[0]
        return None


def _is_moment(began: float) -> bool:
    """Whether a turn can have begun then."""
    now = time.monotonic()
    return max(0.001, now - LONGEST_S) < began < now + AHEAD_S
