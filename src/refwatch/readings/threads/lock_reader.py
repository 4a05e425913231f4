"""Which lock a thread waits for, and who has it: read from outside.

A wait is told by the futex on which the thread sleeps, which leads to one lock and no other: since
3.14 by the address beside it; before, a lock that points to that futex is looked for in the
innermost frames. An RLock has its owner's ident. A Lock has none; but a thread whose frame is
inside ``with lock`` has taken it, and has it still unless something in between releases locks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from refwatch.target.code_objects import CODE_SIZE, CodeObject, CodeObjects
from refwatch.target.exception_table import Handler, decode_handlers, depth_at
from refwatch.target.layout import FramesLayout, LocksLayout, TextLayout
from refwatch.target.memory import RemoteMemory

Kind = Literal["Lock", "RLock", "Condition", "Thread"]
"""What is waited for: ``Condition``, a notification, by whatever stands on threading.Condition;
``Thread``, a thread's end."""

TAG = 7  # low bits of a reference in a frame, which are tags since 3.14
LOWEST, HIGHEST = 1 << 16, 1 << 47  # where objects lie
INNERMOST = 2  # frames in which the lock is looked for that a thread waits for
MOST_FRAMES = 200
MOST_WORDS = 400  # of a frame
KEEP = 2_000  # code objects
THREADING = "threading.py"
CONDITION_WAIT = "Condition.wait"
RELEASE = "release"
MOST_NAMES = 2_000  # of a code object
JOINS = frozenset({"Thread.join", "Thread._wait_for_tstate_lock", "_shutdown"})


class Wait(NamedTuple):
    """``address``: of the lock; of a thread's handle or lock where its end is waited for."""

    kind: Kind
    address: int
    timed: bool
    """It ends by itself after some time."""
    joined: int = 0
    """Ident of the thread whose end is waited for; 0 where that is not in memory beside it."""


class _Frame(NamedTuple):
    address: int
    code: int
    instruction: int


class _Blocks(NamedTuple):
    """Of a code object; ``key`` is what it was read from."""

    key: bytes
    locals: int
    stack: int
    releases: bool
    """It has the name ``release``: what it was inside of it may have left."""
    handlers: list[Handler]


Entered = frozenset[tuple[int, int, int, bool]]
"""(address of a frame, of its code, of a Lock, whether the innermost frame releases locks): a frame
inside ``with lock``."""


class LockReader:
    """Reads by a calibrated layout. Every method may raise MemoryGone."""

    def __init__(
        self, memory: RemoteMemory, locks: LocksLayout, frames: FramesLayout, text: TextLayout
    ) -> None:
        self._memory = memory
        self._locks = locks
        self._frames = frames
        self._text = text
        self._codes = CodeObjects(memory, frames, text)
        self._blocks: dict[int, _Blocks] = {}
        self._types: dict[int, str] = {}
        names = (locks.lock_name, locks.rlock_name, locks.method_name, locks.descriptor_name)
        self._names = tuple((name, name.encode() + b"\0") for name in names)
        slots = (frames.code_offset, frames.previous_offset, frames.instruction_offset)
        self._size = max(slots) + 8

    def wait_of(self, state: int, call: bytes) -> Wait | None:
        """What a thread waits for that sleeps on a futex; ``state`` is its PyThreadState, ``call``
        its line of /proc/PID/task/TID/syscall. None where that is no lock of Python's."""
        words = call.split()
        if len(words) < 5:
            return None
        futex, timed = int(words[1], 16), words[4] != b"0x0"
        frames = list(self._walk(state, INNERMOST))
        function = self._function(frames[0]) if frames else ""
        found = self._parked(futex) if self._locks.distance else self._pointing(futex, frames)
        if found is not None:
            kind, address = found
            if kind == "Lock" and function == CONDITION_WAIT:
                kind = "Condition"
            elif kind == "Lock" and function in JOINS:
                kind = "Thread"
            return Wait(kind, address, timed)
        return self._join(futex, timed=timed) if function in JOINS else None

    def owner(self, rlock: int) -> int:
        """The ident of an RLock's owner; 0 where it has none."""
        return self._memory.word(rlock + self._locks.owner_offset)

    def ended_by(self, lock: int, states: Iterable[int]) -> int:
        """The thread state, of these, whose thread releases this lock when it ends; else 0."""
        slot, inner = self._locks.end_lock_offset, self._locks.end_lock_object_offset
        if slot is None or inner is None:
            return 0
        for state in states:
            reference = self._memory.word(state + slot)
            if reference and self._memory.word(reference + inner) == lock:
                return state
        return 0

    def entered(self, state: int) -> Entered:
        """The Locks that a thread is inside of by ``with``, up to what waits for a condition, which
        has released one, or is the ``__exit__`` of something, which may take one again. Of what
        calls others and releases locks itself nobody knows which."""
        found: set[tuple[int, int, int, bool]] = set()
        releases, called = False, False
        for frame in self._walk(state, MOST_FRAMES):
            blocks = self._blocks_of(frame.code)
            if blocks is None or (blocks.releases and called) or self._leaves(frame):
                break
            releases, called = releases or blocks.releases, True
            offset = frame.instruction - frame.code - self._frames.bytecode_offset
            depth = depth_at(blocks.handlers, offset)
            if depth:
                words = self._words(frame, blocks.locals, depth)
                locks = self._exits(words)
                found.update((frame.address, frame.code, lock, releases) for lock in locks)
        return frozenset(found)

    def _leaves(self, frame: _Frame) -> bool:
        code = self._codes.get(frame.code)
        return (
            code is None
            or code.function.endswith("__exit__")
            or (code.function == CONDITION_WAIT and code.file.endswith(THREADING))
        )

    def _walk(self, state: int, most: int) -> Iterator[_Frame]:
        """The thread's frames, innermost first; without those of the interpreter's own."""
        layout = self._frames
        address = state
        for step in layout.path:
            address = self._memory.word(address + step) if address else 0
        for _ in range(MOST_FRAMES):
            data = self._memory.read(address, self._size) if address else b""
            if not data or most <= 0:
                return
            code = _word(data, layout.code_offset) & ~TAG
            if code != layout.none and self._codes.get(code) is not None:
                yield _Frame(address, code, _word(data, layout.instruction_offset))
                most -= 1
            address = _word(data, layout.previous_offset)

    def _function(self, frame: _Frame) -> str:
        """Its name if it is one of threading's; else empty."""
        code: CodeObject | None = self._codes.get(frame.code)
        if code is None or not code.file.endswith(THREADING):
            return ""
        if not self._codes.still(frame.code):
            return ""
        return code.function

    def _parked(self, futex: int) -> tuple[Kind, int] | None:
        locks = self._locks
        waited = self._memory.word(futex + locks.distance)
        if not LOWEST < waited < HIGHEST:
            return None
        if self._type(waited - locks.lock_offset) == locks.lock_name:
            return "Lock", waited - locks.lock_offset
        if self._type(waited - locks.rlock_offset) == locks.rlock_name:
            return "RLock", waited - locks.rlock_offset
        return None

    def _pointing(self, futex: int, frames: list[_Frame]) -> tuple[Kind, int] | None:
        """A lock that points to this futex, among what these frames have."""
        for frame in frames:
            blocks = self._blocks_of(frame.code)
            if blocks is None:
                continue
            words = self._words(frame, 0, blocks.locals + blocks.stack)
            for word in dict.fromkeys(words):
                if not LOWEST < word < HIGHEST:
                    continue
                found = self._points(word, futex)
                if found is None and self._type(word) == self._locks.method_name:
                    bound = self._memory.word(word + self._locks.self_offset)
                    found = self._points(bound, futex) if bound else None
                if found is not None:
                    return found
        return None

    def _points(self, address: int, futex: int) -> tuple[Kind, int] | None:
        locks = self._locks
        kinds: tuple[tuple[Kind, int, str], ...] = (
            ("Lock", locks.lock_offset, locks.lock_name),
            ("RLock", locks.rlock_offset, locks.rlock_name),
        )
        for kind, offset, name in kinds:
            if self._memory.word(address + offset) == futex and self._type(address) == name:
                return kind, address
        return None

    def _join(self, futex: int, *, timed: bool) -> Wait | None:
        locks = self._locks
        if locks.join_distance is None or locks.joined_offset is None:
            return None
        event = self._memory.word(futex + locks.join_distance)
        ident = self._memory.word(event + locks.joined_offset) if event else 0
        return Wait("Thread", event, timed, ident) if ident else None

    def _exits(self, words: list[int]) -> Iterator[int]:
        """Locks whose ``__exit__`` is among these words of a stack."""
        locks = self._locks
        for index, word in enumerate(words):
            if not LOWEST < word < HIGHEST:
                continue
            kind = self._type(word)
            if locks.exit_is_bound and kind == locks.method_name:
                lock = self._memory.word(word + locks.self_offset)
                definition = self._memory.word(word + locks.definition_offset)
            elif not locks.exit_is_bound and kind == locks.descriptor_name:
                lock = words[index + 1] if index + 1 < len(words) else 0
                definition = self._memory.word(word + locks.descriptor_offset)
            else:
                continue
            if self._type(lock) == locks.lock_name and self._names_exit(definition):
                yield lock

    def _names_exit(self, definition: int) -> bool:
        name = self._memory.word(definition) if definition else 0
        return self._memory.read(name, 9) == b"__exit__\0"

    def _type(self, address: int) -> str:
        """The name of an object's type if it is one that is looked for here; else empty."""
        kind = self._memory.word(address + self._locks.type_offset)
        if not LOWEST < kind < HIGHEST:
            return ""
        known = self._types.get(kind)
        if known is not None:
            return known
        pointer = self._memory.word(kind + self._locks.name_offset)
        if pointer:
            for name, text in self._names:
                if self._memory.read(pointer, len(text)) == text:
                    self._types[kind] = name  # these types live as long as the interpreter
                    return name
        return ""

    def _words(self, frame: _Frame, first: int, count: int) -> list[int]:
        """So many words of the frame's locals and its stack, without their tags."""
        start = frame.address + self._locks.locals_offset + 8 * first
        words = self._memory.words(start, min(count, MOST_WORDS)) if count > 0 else ()
        return [word & ~TAG for word in words]

    def _blocks_of(self, address: int) -> _Blocks | None:
        locks = self._locks
        head = self._memory.read(address, CODE_SIZE)
        if not head or _word(head, 8) != self._frames.code_type:
            return None
        table = _word(head, locks.handlers_offset)
        key = head[8:16] + head[locks.handlers_offset : locks.handlers_offset + 8]
        key += head[self._frames.linetable_offset : self._frames.linetable_offset + 8]
        known = self._blocks.get(address)
        if known is not None and known.key == key:
            return known
        length = self._memory.word(table + self._text.length_offset) if table else 0
        if length > 1 << 16:
            return None
        data = self._memory.read(table + self._text.bytes_data, length) if length else b""
        if len(data) != length:
            return None
        local_count, stack_size = (
            struct.unpack_from("<i", head, offset)[0]
            for offset in (locks.local_count_offset, locks.stack_size_offset)
        )
        if len(self._blocks) >= KEEP:
            self._blocks.clear()
        found = self._blocks[address] = _Blocks(
            key,
            local_count,
            stack_size,
            self._releases(_word(head, locks.names_offset)),
            decode_handlers(data),
        )
        return found

    def _releases(self, names: int) -> bool:
        """Whether a tuple of names has ``release``; a tuple that is too long may have it."""
        count = self._memory.word(names + self._text.length_offset)
        if count > MOST_NAMES:
            return True
        items = self._memory.words(names + self._locks.items_offset, count) if count else ()
        return len(items) != count or any(self._codes.text(item) == RELEASE for item in items)


def _word(data: bytes, offset: int) -> int:
    (word,) = struct.unpack_from("<Q", data, offset)
    return int(word)
