"""The interpreter's own words: one vector reading a sample for the GIL, the list of threads and the
top frame of every thread that has moved."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from refwatch.readings.threads.tracked import Tracked
from refwatch.target.code_objects import Codes
from refwatch.target.layout import Layout
from refwatch.target.locations import NO_LINE, Lines
from refwatch.target.memory import Plan, RemoteMemory

TAG = 7
MAX_DEPTH = 200
MAX_MOVING = 256  # threads whose frames one sample reads: the kernel takes 1,024 regions at a time
_GIL = struct.Struct("<QQIxxxxQ")
_PAIR = struct.Struct("<2Q")
_WORD = struct.Struct("<Q")


class Words(NamedTuple):
    """The GIL's words at one moment; 0 where unknown."""

    interval_us: int = 0
    holder: int = 0
    locked: int = 0
    switches: int = 0
    collecting: int = 0
    """Not 0 while the cyclic garbage collector runs."""


class Listed(NamedTuple):
    """The interpreter's list of thread states: how many were ever made, and the newest."""

    made: int = 0
    newest: int = 0


class FoundThread(NamedTuple):
    """A thread state in the interpreter's list."""

    address: int
    number: int
    tid: int
    ident: int


class Interpreter:
    """Reads one interpreter by its calibrated layout. Every method may raise MemoryGone."""

    def __init__(self, memory: RemoteMemory, layout: Layout) -> None:
        self._memory = memory
        self._gil = layout.gil
        self._threads = layout.threads
        self._frames = layout.frames if layout.text is not None else None
        self.lines: Lines | None = None
        self._gil_region = [(self._gil.gil, _GIL.size)] if self._gil else []
        self._head = _GIL
        self.reads_collector = bool(self._gil and layout.collecting)
        """Whether ``collecting`` of the words is known."""
        if layout.collecting and self._gil:
            self._gil_region.append((layout.collecting, 4))
            self._head = struct.Struct(f"{_GIL.format}I")
        if self._frames and layout.text:
            frames = self._frames
            codes = Codes(memory, frames, layout.text)
            self.lines = Lines(codes, frames.bytecode_offset, frames.none)
            slots = (frames.code_offset, frames.previous_offset, frames.instruction_offset)
            self._low = min(slots)
            self._size = max(slots) + 8 - self._low
            self._code, self._previous, self._instruction = (slot - self._low for slot in slots)
            self._deep = len(frames.path) == 2
            pointers = "QQ" if self._deep else "Q"
            self._one = struct.Struct(f"{self._head.format}{pointers}{self._size}s")

    def sample(self, active: list[Tracked]) -> Words:
        """Read the GIL's words, and set ``line`` of the active threads that Python knows."""
        if len(active) == 1:
            words = self._sample_one(active[0])
            if words is not None:
                return words
        readers = [t for t in active if t.frames_at] if self._frames else []
        del readers[MAX_MOVING:]
        regions = list(self._gil_region)
        offset = sum(size for _, size in regions)
        for thread in readers:
            self._add_regions(regions, thread)
        each = 8 + self._size + (8 if self._deep else 0) if readers else 0
        total = offset + each * len(readers)
        data = self._memory.gather(regions, total) if regions else b""
        words = Words(*self._head.unpack_from(data)) if len(data) >= offset > 0 else Words()
        stale = readers
        if len(data) == total:  # else a frame's memory went away: these are read one by one
            stale = []
            for thread in readers:
                if not self._take_guess(thread, data, offset):
                    stale.append(thread)
                offset += each
        if stale:
            self.follow(stale)
        return words

    def _sample_one(self, thread: Tracked) -> Words | None:
        """The same for the usual case, one thread that runs on where it ran, and cheaper; None when
        the general way must be gone: it has called or returned."""
        plan = thread.plan or self._plan(thread)
        if plan is None:
            return None
        data = self._memory.follow(plan)
        if data is None:
            thread.plan = None
            return None
        if self._deep:
            *gil, cframe, frame, words = self._one.unpack_from(data)
            same = cframe == thread.cframe and frame == thread.frame
        else:
            *gil, frame, words = self._one.unpack_from(data)
            same = frame == thread.frame
        if not same:
            thread.plan = None
            return None
        if words != thread.frame_words:
            thread.frame_words = words
            self._set_line(thread, words)
        return Words(*gil)

    def _plan(self, thread: Tracked) -> Plan | None:
        if not self._gil or not self._frames or not thread.frame or not thread.frames_at:
            return None
        regions = list(self._gil_region)
        self._add_regions(regions, thread)
        thread.plan = self._memory.plan(regions)
        return thread.plan

    def read_list(self) -> Listed | None:
        """The words of the list of threads, now."""
        if not self._threads:
            return None
        data = self._memory.read(self._threads.head - 8, _PAIR.size)
        return Listed._make(_PAIR.unpack(data)) if data else None

    def _add_regions(self, regions: list[tuple[int, int]], thread: Tracked) -> None:
        """The pointers on the way to its frame, and the frame as it was: mostly it is the same."""
        assert self._frames
        path = self._frames.path
        regions.append((thread.frames_at + path[0], 8))
        if self._deep:
            regions.append(((thread.cframe or thread.frames_at) + path[1], 8))
        regions.append(((thread.frame or thread.frames_at) + self._low, self._size))

    def _take_guess(self, thread: Tracked, data: memoryview | bytes, offset: int) -> bool:
        (pointer,) = _WORD.unpack_from(data, offset)
        offset += 8
        if self._deep:
            if pointer != thread.cframe:
                return False
            (pointer,) = _WORD.unpack_from(data, offset)
            offset += 8
        if pointer != thread.frame or not pointer:
            return False
        words = bytes(data[offset : offset + self._size])
        if words == thread.frame_words:
            return True
        thread.frame_words = words
        self._set_line(thread, words)
        return True

    def follow(self, threads: Iterable[Tracked]) -> None:
        """Read the top frames of threads whose frame is not where it was."""
        if not self._frames:
            return
        for thread in threads:
            if not thread.frames_at:
                continue
            if thread.frame and self._guess(thread):
                continue
            thread.plan = None
            pointer = self._memory.word(thread.frames_at + self._frames.path[0])
            if self._deep:
                thread.cframe = pointer
                pointer = self._memory.word(pointer + self._frames.path[1]) if pointer else 0
            thread.frame = pointer
            thread.frame_words = self._frame(pointer)
            if thread.frame_words:
                self._set_line(thread, thread.frame_words)
            else:
                thread.line = NO_LINE

    def _guess(self, thread: Tracked) -> bool:
        """Read its frame where it was last; whether that is still its frame."""
        regions: list[tuple[int, int]] = []
        self._add_regions(regions, thread)
        total = sum(size for _, size in regions)
        data = self._memory.gather(regions, total)
        return len(data) == total and self._take_guess(thread, data, 0)

    def _frame(self, address: int) -> bytes:
        return self._memory.read(address + self._low, self._size) if address else b""

    def _set_line(self, thread: Tracked, words: bytes) -> None:
        assert self.lines
        line = self._line(words)
        if line == NO_LINE:  # a shim on top: the Python line is below it
            (previous,) = _WORD.unpack_from(words, self._previous)
            below = self._frame(previous)
            line = self._line(below) if below else NO_LINE
        if line is None:
            thread.frame_words = b""  # torn: to be read again, and not to be taken for known
        thread.line = line or NO_LINE

    def _line(self, words: bytes) -> int | None:
        assert self.lines
        (code,) = _WORD.unpack_from(words, self._code)
        (instruction,) = _WORD.unpack_from(words, self._instruction)
        return self.lines.at(code & ~TAG, instruction)

    def stack(self, thread: Tracked) -> list[int] | None:
        """Its lines, innermost first, at most 200; None when it moved while it was read."""
        if not self._frames or not self.lines or not thread.frames_at:
            return []
        address = self._memory.word(thread.frames_at + self._frames.path[0])
        if self._deep and address:
            address = self._memory.word(address + self._frames.path[1])
        lines: list[int] = []
        torn = self.lines.torn
        for _ in range(MAX_DEPTH):
            words = self._frame(address)
            if not words:
                break
            line = self._line(words)
            if line:
                lines.append(line)
            (address,) = _WORD.unpack_from(words, self._previous)
        return lines if self.lines.torn == torn else None

    def new_threads(self, newest: int, known: dict[int, int]) -> list[FoundThread]:
        """The thread states from the newest back to the first that ``known`` (address -> number)
        has. One without a tid has not begun to run."""
        place = self._threads
        assert place
        found: list[FoundThread] = []
        address, last = newest, 1 << 63
        size = max(place.tid_offset, place.ident_offset, place.id_offset, place.older_offset) + 8
        for _ in range(100_000):
            data = self._memory.read(address, size) if address else b""
            if not data:
                break
            number, tid, ident, older = (
                _WORD.unpack_from(data, offset)[0]
                for offset in (
                    place.id_offset,
                    place.tid_offset,
                    place.ident_offset,
                    place.older_offset,
                )
            )
            if known.get(address) == number or number >= last:  # known, or moved while read
                break
            found.append(FoundThread(address, number, tid, ident))
            address, last = older, number
        return found

    def tid_of(self, state: int) -> int:
        """Which thread a PyThreadState of any interpreter belongs to; 0 where that is not known."""
        return self._memory.word(state + self._threads.tid_offset) if self._threads else 0

    def alive(self) -> bool:
        """Whether the main thread's state is still where it was: an exec replaces all of it."""
        place = self._threads
        return not place or self._memory.word(place.main + place.tid_offset) == self._memory.pid
