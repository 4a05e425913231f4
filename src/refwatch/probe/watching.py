"""The objects under watch: kept in sight without being kept alive.

Where a type allows it, a weak reference tells whether the object is still the one at its address.
Where not, the probe holds one reference, which the collector does not see and no count has, and
lets it go as soon as it is the last. Nothing of an object's own is ever called.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]
from _thread import RLock, allocate_lock
from _weakref import ref

from .capi import ctypes, hold, let_go, untrack
from .peek import Memory
from .plain import (
    IMMORTAL,
    address_of,
    data_in,
    is_program,
    resolve,
    takes_weakref,
    text,
    type_name,
)
from .quiet import quietly

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 20_000  # objects
MOST_OF_MAIN = 5_000
TOLD_AT_ONCE = 50

Row = dict[str, object]


def untracked(*ours: object) -> None:
    """Hide objects of the probe's own from the collector: else thousands of watched objects would
    make each of its rounds longer. They are in no cycle, and refer to nothing that it tracks."""
    addresses = [address_of(one) for one in ours]
    quietly(partial(any, map(untrack, addresses)))


class _Cell:
    """Makes an object of an address without a call through ctypes, of which an audit hook would
    hear."""

    def __init__(self) -> None:
        self._object = ctypes.py_object()
        self._word = ctypes.c_void_p.from_buffer(self._object)
        self._lock = allocate_lock()

    def at(self, address: int) -> object:
        """The object there; there must be one."""
        with self._lock:
            self._word.value = address
            try:
                return self._object.value
            finally:
                self._word.value = None


_CELL = _Cell()


class _Ref(ref):  # type: ignore[type-arg]
    """One of our own: a plain weak reference may be one that the target has, and that dies too."""

    __slots__ = ()


class Hold:
    """What the probe has of one object, which may be watched under several names: a weak reference,
    or, where the type allows none, a reference of its own. Neither of an immortal one."""

    __slots__ = ("address", "entries", "held", "immortal", "weak")

    def __init__(self, obj: object) -> None:
        self.address = address_of(obj)
        self.entries: set[int] = set()
        self.immortal = sys.getrefcount(obj) >= IMMORTAL
        weak = not self.immortal and takes_weakref(obj)
        self.weak: ref[object] | None = _Ref(obj) if weak else None
        self.held = not self.immortal and not weak
        if self.held:
            quietly(partial(hold, self.address))
        untracked(self, self.entries, *([self.weak] if weak else ()))

    def subject(self) -> object:
        """The object; None when it has died."""
        if self.weak is not None:
            return self.weak()
        return _CELL.at(self.address)

    def let_go(self) -> None:
        """Give up the reference. If it is the last, the object's end comes with this function's."""
        if self.held:
            self.held = False
            obj = self.subject()
            quietly(partial(let_go, self.address))
            del obj

    def is_of(self, obj: object) -> bool:
        """Whether it is this object's, not that of a dead one at the same address."""
        return self.weak is None or self.weak() is obj


class Entry:
    """One object under one name."""

    __slots__ = ("hold", "kind", "name", "source")

    def __init__(self, hold: Hold, name: str, kind: str, source: str) -> None:
        self.hold = hold
        self.name = name
        self.kind = kind
        self.source = source


class Watching:
    """All objects under watch. ``tell`` is given, in whatever thread of the target has asked for a
    watch, what makes the message to the daemon."""

    def __init__(self, tell: Callable[[Callable[[], Row]], object], memory: Memory) -> None:
        self.paths: list[str] = []
        self.closed = False
        self.left_out = 0
        """Names bound in ``__main__`` that the last scan had no room for."""
        self._tell = tell
        self._memory = memory
        self._entries: dict[int, Entry] = {}
        self._known: dict[tuple[str, int], int] = {}
        self._holds: dict[int, Hold] = {}
        self._kinds: dict[str, str] = {}
        self._news: list[int] = []
        """Numbers that the daemon is to be told of."""
        self._last = 0
        self._lock = RLock()  # of all: the collector may run a finalizer that watches something

    def watch(self, obj: object, name: str, source: str) -> int | None:
        """Take an object in: its number, None where it is known or there are enough."""
        with self._lock:
            address = address_of(obj)
            hold = self._holds.get(address)
            if hold is not None and hold.is_of(obj) and (name, address) in self._known:
                return None
            if self.closed or self.full:
                return None
            if hold is None or not hold.is_of(obj):
                hold = self._holds[address] = Hold(obj)
            self._last += 1
            hold.entries.add(self._last)
            kind = type_name(obj)
            kind = self._kinds.setdefault(kind, kind)
            self._entries[self._last] = entry = Entry(hold, name, kind, source)
            self._known[name, address] = self._last
            untracked(entry, self._entries, self._known, self._holds)
            return self._last

    @property
    def full(self) -> bool:
        """No other object can be watched."""
        return len(self._entries) >= MOST

    def rows(self, numbers: list[int]) -> list[Row]:
        """What the daemon is told of these."""
        with self._lock:
            return [
                {
                    "watch": number,
                    "name": entry.name,
                    "type": entry.kind,
                    "address": entry.hold.address,
                    "weak": address_of(entry.hold.weak) if entry.hold.weak is not None else 0,
                    "held": entry.hold.held,
                    "immortal": entry.hold.immortal,
                    "source": entry.source,
                }
                for number in numbers
                if (entry := self._entries.get(number)) is not None
            ]

    def called(self, obj: object, name: str) -> None:
        """``refwatch.watch`` of a script. The daemon is told some at a time, by the probe's thread:
        what is made for that lies between what stays, and the holes would be the target's."""
        number = self.watch(obj, name or type_name(obj), "script")
        if number is not None:
            self._news.append(number)
            if len(self._news) == 1:
                self._tell(self._tell_news)

    def _tell_news(self) -> Row:
        news = self._news[:TOLD_AT_ONCE]
        del self._news[:TOLD_AT_ONCE]
        if self._news:
            self._tell(self._tell_news)
        return {"message": "watching", "found": self.rows(news)}

    def scan(self) -> list[int]:
        """What is newly bound in ``__main__``, and what the paths now lead to."""
        found = [*self._bound_in_main(), *self._at_paths()]
        return [number for number in found if number is not None]

    def _bound_in_main(self) -> list[int | None]:
        main = sys.modules.get("__main__")
        names = data_in(main.__dict__) if type(main) is type(sys) else []
        self.left_out = max(0, len(names) - MOST_OF_MAIN)
        return [
            self.watch(value, text(name), "main")
            for name, value in names[:MOST_OF_MAIN]
            if type(name) is str and not _is_special(name) and not is_program(value)
        ]

    def _at_paths(self) -> list[int | None]:
        found: list[int | None] = []
        for path in self.paths:
            try:
                name = path.removeprefix("__main__.")
                found.append(self.watch(resolve(path), path if "." in name else name, "option"))
            except LookupError:
                continue
        return found

    def read(self, numbers: list[int]) -> list[list[int]]:
        """[number, ctypes, sys.getrefcount] of those that are alive."""
        rows: list[list[int]] = []
        for number in numbers:
            entry = self._entries.get(number)
            reading = raw_reading(entry.hold, self._memory) if entry is not None else None
            if reading is not None:
                rows.append([number, *reading])
        return rows

    def address(self, number: object) -> int:
        """Where this object is; 0 where it is no longer watched, or has died."""
        entry = self._entries.get(number) if type(number) is int else None
        if entry is None or (entry.hold.weak is not None and entry.hold.weak() is None):
            return 0
        return entry.hold.address

    def let_go(self, numbers: list[int]) -> list[int]:
        """Give up the references that are the last; the numbers whose objects have died of it."""
        dead: list[int] = []
        with self._lock:
            for number in numbers:
                entry = self._entries.get(number)
                if entry is None or not entry.hold.held:
                    continue
                count = int.from_bytes(self._memory.read(entry.hold.address, 4), "little")
                if count == 1:
                    for one in sorted(entry.hold.entries):
                        self._forget(one)
                        dead.append(one)
        return dead

    def forget(self, numbers: list[int]) -> None:
        """No longer watch these."""
        with self._lock:
            for number in numbers:
                self._forget(number)

    def close(self) -> None:
        """Let everything go: the interpreter ends, or this is the child of a fork."""
        self.closed = True
        self._lock = RLock()  # another thread may have had it at the fork
        for number in list(self._entries):
            self._forget(number)

    def _forget(self, number: int) -> None:
        entry = self._entries.pop(number, None)
        if entry is None:
            return
        hold = entry.hold
        if self._known.get((entry.name, hold.address)) == number:
            del self._known[entry.name, hold.address]
        hold.entries.discard(number)
        if hold.entries:
            return
        if self._holds.get(hold.address) is hold:
            del self._holds[hold.address]
        if hold.held:
            hold.let_go()


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def raw_reading(hold: Hold, memory: Memory) -> tuple[int, int] | None:
    """(as ctypes reads ``ob_refcnt``, as sys.getrefcount says it); None when the object is dead.

    The first is read before there is a reference of this function's own, and by a checked reading:
    the object may be dead.
    """
    word = memory.read(hold.address, 4)
    obj = hold.subject()
    if len(word) < 4 or (obj is None and hold.weak is not None):
        return None
    return int.from_bytes(word, "little"), sys.getrefcount(obj)


def measured_offset() -> int:
    """By how much sys.getrefcount reads more than ctypes in :func:`raw_reading`: by two where the
    local variable and the argument both count, by one where the load borrows (3.14)."""
    fresh = [object()]
    hold = Hold(fresh[0])
    memory = Memory()
    try:
        readings = {_difference(raw_reading(hold, memory)) for _ in range(3)}
    finally:
        memory.close()
        hold.let_go()
    if len(readings) != 1:
        raise RuntimeError(f"sys.getrefcount is not steady: {sorted(readings)}")
    return readings.pop()


def _difference(reading: tuple[int, int] | None) -> int:
    read, counted = reading or (0, 0)
    return counted - read
