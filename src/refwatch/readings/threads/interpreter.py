"""The interpreter's own words: one vector reading a sample for the GIL, the list of threads and the
top frame of every thread that has moved."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from refwatch.readings.threads.events import END
from refwatch.readings.threads.loop_turns import FoundFrame, TurnReader
from refwatch.readings.threads.thread_states import ThreadStates
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.code_objects import CodeObjects
from refwatch.target.layout import Layout
from refwatch.target.locations import NO_LINE, LineTable
from refwatch.target.memory import RemoteMemory, packed

TAG = 7
TRIES = 6  # readings of a top frame that moves
DEEPEST = 20_000  # frames of one thread that are followed
INNERMOST = 16  # frames among which __del__ is looked for
MOST_CALLERS = 500  # among which a frame is looked for
PAGE = 4096  # bytes
MAX_MOVING = 256  # threads whose frames one sample reads: the kernel takes 1,024 regions at a time
SHIMS = 3  # frames without Python code, at most, above one with
_GIL = struct.Struct("<QQIxxxxQ")
_PAIR = struct.Struct("<2Q")
_WORD = struct.Struct("<Q")


class GilWords(NamedTuple):
    """The GIL's words at one moment; 0 where unknown."""

    interval_us: int = 0
    holder: int = 0
    locked: int = 0
    switches: int = 0
    collecting: int = 0
    """Not 0 while the cyclic garbage collector runs."""
    ended: bytes = b""
    """What changes whenever one of its collections has ended."""


class Stack(NamedTuple):
    """Lines of a thread's frames, innermost first. Of a deep stack those of the innermost and of
    the outermost END frames; ``left_out`` is the number of frames between them."""

    lines: list[int]
    left_out: int


class Frame(NamedTuple):
    """A frame: its address, its code and instruction, its line."""

    address: int
    code: bytes
    line: int


class Interpreter:
    """Reads one interpreter by its calibrated layout. Every method may raise MemoryGone."""

    def __init__(self, memory: RemoteMemory, layout: Layout) -> None:
        self._memory = memory
        self._gil = layout.gil
        self.has_gil = layout.gil is not None
        self.states = ThreadStates(memory, layout)
        self._tid_offset = layout.threads.tid_offset if layout.threads else None
        self._frames = layout.frames if layout.text is not None else None
        self.lines: LineTable | None = None
        self.codes: CodeObjects | None = None
        self._cut = self._deep = False
        """The stack that was read last led to where there is none: it moved meanwhile."""
        gil_regions = [(self._gil.gil, _GIL.size)] if self._gil else []
        self._head = _GIL
        self.reads_collector = bool(self._gil and layout.collecting)
        """Whether ``collecting`` of the words is known."""
        if layout.collecting and self._gil:
            gil_regions.append((layout.collecting, 4))
            self._head = struct.Struct(f"{_GIL.format}I")
            if layout.collections:
                gil_regions.append(layout.collections)
                self._head = struct.Struct(f"{self._head.format}{layout.collections[1]}s")
        self._gil_regions = packed(gil_regions)
        if self._frames and layout.text:
            frames = self._frames
            self.codes = codes = CodeObjects(memory, frames, layout.text)
            self.lines = LineTable(codes, frames.bytecode_offset, frames.none)
            slots = (frames.code_offset, frames.previous_offset, frames.instruction_offset)
            self._low = min(slots)
            self._size = max(slots) + 8 - self._low
            self._code, self._previous, self._instruction = (slot - self._low for slot in slots)
            self._deep = len(frames.path) == 2
            self._pointers = _PAIR if self._deep else _WORD
            each = f"{self._pointers.size}s{self._size}sQ"  # and whose thread state it is
            self._each = struct.Struct(f"<{each}")
            self._one = struct.Struct(f"{self._head.format}{each}")

    def sample(self, active: list[TrackedThread]) -> GilWords:
        """Read the GIL's words, and set ``line`` of the active threads that Python knows."""
        if len(active) == 1:
            words = self._sample_one(active[0])
            if words is not None:
                return words
        readers = [t for t in active if t.frames_at] if self._frames else []
        del readers[MAX_MOVING:]
        regions = self._gil_regions
        offset = total = self._head.size if regions else 0
        if readers:
            regions += b"".join([t.frame_regions or self._regions(t) for t in readers])
            total += self._each.size * len(readers)
        data = self._memory.gather_packed(regions) if regions else b""
        words = GilWords(*self._head.unpack_from(data)) if len(data) >= offset > 0 else GilWords()
        if len(data) < total:
            self.follow(readers)  # a frame's memory went away: these are read one by one
        elif readers:
            frames = list(self._each.iter_unpack(data[offset:]))  # holds until the next reading
            for thread, (pointers, frame, tid) in zip(readers, frames, strict=True):
                self._take(thread, pointers, frame, tid)
        return words

    def _sample_one(self, thread: TrackedThread) -> GilWords | None:
        """The same for the usual case, one thread, and cheaper; None where the general way must be
        gone."""
        if not self._gil_regions or not thread.pointers:
            return None
        regions = self._gil_regions + (thread.frame_regions or self._regions(thread))
        data = self._memory.gather_packed(regions)
        if len(data) < self._one.size:
            return None
        *gil, pointers, frame, tid = self._one.unpack(data)
        self._take(thread, pointers, frame, tid)
        return GilWords(*gil)

    def _take(self, thread: TrackedThread, pointers: bytes, frame: bytes, tid: int) -> None:
        """The pointers to its frame as they are, and the frame as it is where it was. A thread that
        has ended may have left its state to another, whose lines are not its own."""
        if tid != thread.state_tid and self._tid_offset is not None:
            thread.pointers, thread.frame_words, thread.line = b"", b"", NO_LINE
            thread.frame_regions = b""
        elif pointers != thread.pointers:
            self._move(thread, self._pointers.unpack(pointers))
        elif frame != thread.frame_words:
            self._set_line(thread, frame)

    def _regions(self, thread: TrackedThread) -> bytes:
        """The pointers on the way to its frame, and the frame as it was: mostly it is the same."""
        assert self._frames
        path, state = self._frames.path, thread.frames_at
        known = self._pointers.unpack(thread.pointers) if thread.pointers else (state, state)
        regions = [(state + path[0], 8), (known[-1] + self._low, self._size)]
        if self._deep:
            regions.insert(1, (known[0] + path[1], 8))
        regions.append((state + (path[0] if self._tid_offset is None else self._tid_offset), 8))
        thread.frame_regions = packed(regions)
        return thread.frame_regions

    def _move(self, thread: TrackedThread, pointers: tuple[int, ...]) -> None:
        """Read its top frame, which is not where it was. The last pointer was read where the first
        one had led to."""
        first, frame = pointers[0], pointers[-1]
        if self._deep and (not thread.pointers or first != _WORD.unpack_from(thread.pointers)[0]):
            assert self._frames
            frame = self._memory.word(first + self._frames.path[1]) if first else 0
        words = self._frame(frame)
        thread.frame_regions = b""
        if words:
            thread.pointers = self._pointers.pack(*((first, frame) if self._deep else (frame,)))
            self._set_line(thread, words)
        else:
            thread.pointers, thread.frame_words, thread.line = b"", b"", NO_LINE

    def follow(self, threads: Iterable[TrackedThread]) -> None:
        """Read the top frames of these threads, one by one."""
        if not self._frames:
            return
        for thread in threads:
            if thread.frames_at:
                thread.pointers = b""
                first = self._memory.word(thread.frames_at + self._frames.path[0])
                self._move(thread, (first,))

    def _frame(self, address: int) -> bytes:
        return self._memory.read(address + self._low, self._size) if address else b""

    def _set_line(self, thread: TrackedThread, words: bytes, tries: int = TRIES) -> None:
        assert self.lines
        thread.frame_words = words
        line = self._line(words)
        if line == NO_LINE:  # a shim on top: the Python line is below it
            (previous,) = _WORD.unpack_from(words, self._previous)
            below = self._frame(previous)
            line = self._line(below) if below else NO_LINE
        if line is None and tries and (again := self._top_frame(thread)):
            self.lines.torn -= 1
            self._set_line(thread, again, tries - 1)
            return
        if line is None:
            thread.frame_words = b""  # torn: to be read again, and not to be taken for known
        thread.line = line or NO_LINE

    def _top_frame(self, thread: TrackedThread) -> bytes:
        """Its top frame, read in one go with the pointers to it; empty where it is not near the one
        that was read last. Of a thread that calls and returns all the time that one is no more."""
        assert self._frames
        path, state = self._frames.path, thread.frames_at
        known = self._pointers.unpack(thread.pointers) if thread.pointers else (state, state)
        begin = (known[-1] + self._low) & -PAGE
        regions = [(state + path[0], 8)]
        if self._deep:
            regions.append((known[0] + path[1], 8))
        data = self._memory.gather_packed(packed([*regions, (begin, PAGE)]))
        size = self._pointers.size
        if len(data) < size + PAGE or (self._deep and data[:8] != thread.pointers[:8]):
            return b""
        pointers = bytes(data[:size])
        offset = self._pointers.unpack(pointers)[-1] + self._low - begin
        if not 0 <= offset <= PAGE - self._size:
            return b""
        thread.pointers, thread.frame_regions = pointers, b""
        return bytes(data[size + offset : size + offset + self._size])

    def _line(self, words: bytes) -> int | None:
        assert self.lines
        (code,) = _WORD.unpack_from(words, self._code)
        (instruction,) = _WORD.unpack_from(words, self._instruction)
        return self.lines.at(code & ~TAG, instruction)

    def top_of(self, thread: TrackedThread) -> tuple[int, bytes]:
        """(where its top frame is, its code and instruction) at the last reading of its line."""
        if not thread.pointers or not thread.frame_words:
            return 0, b""
        address = int(self._pointers.unpack(thread.pointers)[-1])
        return address, self._code_of(thread.frame_words)

    def is_called_by(self, thread: TrackedThread, frame: int) -> bool:
        """Whether a thread's top frame was called, by however many others, from this one."""
        top, _ = self.top_of(thread)
        frames = islice(self._frames_from(top, 0, b""), MOST_CALLERS)
        return any(_WORD.unpack_from(words, self._previous)[0] == frame for words in frames)

    def below_finalizer(self, thread: TrackedThread) -> Frame | None:
        """The frame below the outermost ``__del__`` among its innermost; None without one."""
        known = self.lines.finalizers if self.lines else None
        return self.below(thread, lambda _, line: line in known) if known else None

    def below(self, thread: TrackedThread, passed: Callable[[int, int], bool]) -> Frame | None:
        """The frame below the outermost of those that pass, by their address and line, among its
        innermost; None where none passes, or none is below."""
        address, _ = self.top_of(thread)
        found, seen = None, False
        for words in islice(self._frames_from(address, 0, b""), INNERMOST):
            line = self._line(words) or NO_LINE
            if passed(address, line):
                found, seen = None, True
            elif seen and found is None and line > NO_LINE:
                found = Frame(address, self._code_of(words), line)
            (address,) = _WORD.unpack_from(words, self._previous)
        return found

    def _code_of(self, words: bytes) -> bytes:
        at = self._instruction
        return bytes(words[self._code : self._code + 8] + words[at : at + 8])

    def stack(self, thread: TrackedThread) -> Stack | None:
        """The whole stack; None when it moved while it was read."""
        if not self._frames or not self.lines or not thread.frames_at:
            return Stack([], 0)
        torn = self.lines.torn
        for _ in range(TRIES):
            self.lines.torn, self._cut = torn, False
            below = [self._top_of(state) for state in thread.outer]
            before = [self._frame(top) for top in below]
            frames = self._frames_from(*self._top(thread))
            if below:
                frames = chain(frames, *(self._frames_from(top, 0, b"") for top in below))
            lines = self._innermost(frames)
            if lines is not None and not self._cut:
                break
        else:
            return None
        if not lines:  # a circle of what is no frame, or none
            frames = iter(())
        outer: deque[bytes] = deque(maxlen=END)
        further = 0
        for words in frames:
            outer.append(words)
            further += 1
        lines += [line for words in outer if (line := self._line(words))]
        moved = self._moved(torn)
        if below and not moved:  # it may have come back, and gone on
            again = [self._top_of(state) for state in thread.outer]
            moved = again != below or [self._frame(top) for top in again] != before
        return None if moved else Stack(lines, further - len(outer))

    def _moved(self, torn: int) -> bool:
        """Whether the stack that was read led to what is no frame; ``torn`` were so many before."""
        return self._cut or (self.lines is not None and self.lines.torn != torn)

    def _innermost(self, frames: Iterator[bytes]) -> list[int] | None:
        """The lines of the first END; None if one of them is torn."""
        lines: list[int] = []
        for words in frames:
            line = self._line(words)
            if line is None:
                return None
            if line != NO_LINE:
                lines.append(line)
                if len(lines) == END:
                    break
        return lines

    def find_frame(self, thread: TrackedThread, lines: Collection[int]) -> FoundFrame | None:
        """The outermost frame of a thread at one of these lines."""
        if not self._frames or not thread.frames_at:
            return None
        found: FoundFrame | None = None
        address = self._top(thread)[0]
        for _ in range(DEEPEST):
            words = self._frame(address)
            if not words:
                return found
            (previous,) = _WORD.unpack_from(words, self._previous)
            if self._line(words) in lines:
                (code,) = _WORD.unpack_from(words, self._code)
                found = FoundFrame(address, code & ~TAG, previous)
            address = previous
        return None

    def turn_reader(self) -> TurnReader | None:
        """What reads the turns of event loops here."""
        if not self._frames or self.codes is None:
            return None
        return TurnReader(self._memory, self.codes, self._frames.code_offset)

    def _top(self, thread: TrackedThread) -> tuple[int, int, bytes]:
        """(where its top frame is, where a page begins, that page). By one reading where the frame
        is still in the page of that of the last sample."""
        if thread.pointers:
            top = self._pointers.unpack(thread.pointers)[-1]
            begin = (top + self._low) & -PAGE
            regions = thread.frame_regions or self._regions(thread)
            data = self._memory.gather_packed(regions + _PAIR.pack(begin, PAGE))
            if len(data) == self._each.size + PAGE:
                pointers = data[: self._pointers.size]
                now = int(self._pointers.unpack(pointers)[-1])
                same = not self._deep or pointers[:8] == thread.pointers[:8]
                if same and 0 <= now + self._low - begin < PAGE:
                    return now, begin, bytes(data[-PAGE:])
        return self._top_of(thread.frames_at), 0, b""

    def _top_of(self, state: int) -> int:
        """Where the top frame of this PyThreadState is."""
        assert self._frames
        top = self._memory.word(state + self._frames.path[0])
        return self._memory.word(top + self._frames.path[1]) if self._deep and top else top

    def has_frames(self, state: int) -> bool:
        """Whether code runs with this PyThreadState. Below it there may be frames without any."""
        if not self._frames:
            return False
        for words in islice(self._frames_from(self._top_of(state), 0, b""), SHIMS):
            line = self._line(words)
            if line != NO_LINE:
                return line is not None
        return False

    def _frames_from(self, address: int, begin: int, page: bytes) -> Iterator[bytes]:
        """The words of this frame and of those that called it. Frames lie one after the other in
        memory, so a page of it, as the one that begins there, has many. What is torn may lead round
        in circles."""
        low, size, previous = self._low, self._size, self._previous
        for _ in range(DEEPEST):
            if not address:
                return
            offset = address + low - begin
            if not 0 <= offset < PAGE:
                begin = (address + low) & -PAGE
                offset = address + low - begin
                page = self._memory.read(begin, PAGE)
            words = page[offset : offset + size]
            if len(words) < size and not (words := self._frame(address)):
                self._cut = True  # at the end of a page, and gone
                return
            yield words
            (address,) = _WORD.unpack_from(words, previous)

    def stack_address(self, state: int) -> int | None:
        """An address in the C stack of the thread that runs code with this PyThreadState: that of
        its newest _PyCFrame (3.11 and 3.12: Python/ceval.c, _PyEval_EvalFrameDefault). 0 where none
        does; None in other versions."""
        if not self._deep:
            return None
        at = self._memory.word(state + self._frames.path[0]) if self._frames else 0
        return 0 if state <= at < state + PAGE else at  # its first one is in itself
