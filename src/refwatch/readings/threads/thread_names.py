"""Names of threads, read from outside as soon as a thread runs: one that lives for some
milliseconds has ended before the probe could be asked.

The outermost frame of a thread that threading has started is that of Thread._bootstrap (CPython's
Lib/threading.py), and its first local variable the Thread object.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from refwatch.readings.threads.interpreter import TAG
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.code_objects import CodeObjects
from refwatch.target.layout import AttributesLayout, FramesLayout, Layout
from refwatch.target.memory import RemoteMemory

BOOTSTRAP = "Thread._bootstrap"
DEEPEST = 200  # frames that are followed to the outermost one
MOST_KEYS = 30  # of the objects of one type
LONGEST = 1 << 10  # characters of a name
TRIES = 40  # samples in which a thread is looked at before it is left to the probe
AT_A_TIME = 8  # threads looked at in one sample


class ThreadName(NamedTuple):
    """Of a ``threading.Thread``. ``daemon``: None where that was not read."""

    name: str
    daemon: bool | None


class NameReader:
    """Reads names by the calibrated layout. ``read`` may raise MemoryGone."""

    def __init__(
        self,
        memory: RemoteMemory,
        frames: FramesLayout,
        attributes: AttributesLayout,
        codes: CodeObjects,
    ) -> None:
        self._memory = memory
        self._frames = frames
        self._place = attributes
        self._codes = codes

    @classmethod
    def of(cls, memory: RemoteMemory, layout: Layout) -> NameReader | None:
        """None where the layout does not say how."""
        if layout.frames is None or layout.text is None or layout.attributes is None:
            return None
        codes = CodeObjects(memory, layout.frames, layout.text)
        return cls(memory, layout.frames, layout.attributes, codes)

    def read(self, state: int) -> ThreadName | None:
        """The name of the thread with this PyThreadState; None where it is not to be had, or not
        yet. What was read counts if the same object is still the first local of the same frame."""
        frame = self._outermost(state)
        if not frame:
            return None
        before = self._object(frame)
        if before is None or not before[1]:
            return None
        found = self._attributes(before[1])
        return found if self._object(frame) == before else None

    def _outermost(self, state: int) -> int:
        """Address of the frame of Thread._bootstrap; 0 where there is none."""
        frames, memory = self._frames, self._memory
        address = state
        for step in frames.path:
            address = memory.word(address + step)
            if not address:
                return 0
        last = 0
        for _ in range(DEEPEST):
            data = memory.read(address, self._place.local_offset)
            if not data:
                return 0
            code = _word(data, frames.code_offset) & ~TAG
            known = self._codes.get(code) if code not in (0, frames.none) else None
            if known is not None and not known.shim:
                last = address if known.function == BOOTSTRAP else 0
            address = _word(data, frames.previous_offset)
            if not address:
                return last
        return 0

    def _object(self, frame: int) -> tuple[int, int] | None:
        """(code object, first local variable) of a frame."""
        data = self._memory.read(frame, self._place.local_offset + 8)
        if not data:
            return None
        code = _word(data, self._frames.code_offset) & ~TAG
        return code, _word(data, self._place.local_offset) & ~TAG

    def _attributes(self, thread: int) -> ThreadName | None:
        memory, place = self._memory, self._place
        kind = memory.word(thread + place.type_offset)
        keys = memory.word(kind + place.keys_offset) if kind else 0
        entries = memory.words(keys + place.entries_offset, 2 * MOST_KEYS)[::2] if keys else ()
        if place.name_key not in entries:
            return None
        values = thread
        for step in place.values[:-1]:
            values = memory.word(values + step) + TAG & ~TAG
            if not values:
                return None
        first = values + place.values[-1]
        address = memory.word(first + 8 * entries.index(place.name_key))
        if not address or memory.word(address + place.type_offset) != place.str_type:
            return None
        name = self._codes.text(address)
        if name is None or len(name) > LONGEST:
            return None
        daemon = None
        if place.daemon_key in entries:
            daemon = memory.word(first + 8 * entries.index(place.daemon_key)) == place.true
        return ThreadName(name, daemon)


class Unnamed:
    """The threads that have begun, and whose names are to be read."""

    def __init__(self) -> None:
        self.reader: NameReader | None = None
        """None where names are not read from outside."""
        self._tries: dict[TrackedThread, int] = {}

    def add(self, thread: TrackedThread) -> None:
        """It has begun."""
        if self.reader is not None and thread.state_address:
            self._tries[thread] = TRIES

    def forget(self, thread: TrackedThread) -> None:
        """It has ended, or its name is known."""
        self._tries.pop(thread, None)

    def read(self) -> list[tuple[TrackedThread, ThreadName]]:
        """The names that can be read now. May raise MemoryGone."""
        found: list[tuple[TrackedThread, ThreadName]] = []
        if self.reader is None or not self._tries:
            return found
        for thread in list(self._tries)[:AT_A_TIME]:
            name = self.reader.read(thread.state_address)
            left = self._tries.pop(thread) - 1
            if name is not None:
                found.append((thread, name))
            elif left > 0 and not thread.stack:
                self._tries[thread] = left  # behind the others
        return found


def _word(data: bytes, offset: int) -> int:
    (word,) = struct.unpack_from("<Q", data, offset)
    return int(word)
