"""Watched objects, followed without being kept alive.

A weak reference tells whether the object at an address is still the same. If the type allows none,
the probe holds one reference, untracked and taken off every count, and drops it once it is the
last. No code of an object is ever called.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found]
from _thread import RLock
from _weakref import ref

from .at_fork import keep_at_fork
from .audit_hooks import quietly
from .capi import ctypes, hold, let_go, untrack
from .own_memory import Memory
from .raw_access import (
    IMMORTAL,
    address_of,
    data_in,
    is_program,
    resolve,
    takes_weakref,
    text,
    type_name,
)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 20_000  # objects
MOST_OF_MAIN = 5_000
BATCH = 50  # objects in one report

Row = dict[str, object]


def untrack_own(*objects: object) -> None:
    """Untrack objects of the probe: thousands would make every collection longer. They are in no
    cycle, and refer to nothing that is tracked."""
    addresses = [address_of(obj) for obj in objects]
    quietly(partial(any, map(untrack, addresses)))


class _Cell:
    """Turns an address into an object without a call through ctypes, which raises an audit
    event."""

    def __init__(self) -> None:
        self._lock = RLock()
        keep_at_fork(self._lock)
        self._object = ctypes.py_object()
        self._word = ctypes.c_void_p.from_buffer(self._object)

    def at(self, address: int) -> object:
        """The object at this address; there must be one."""
        with self._lock:
            self._word.value = address
            try:
                return self._object.value
            finally:
                self._word.value = None


_CELL = _Cell()
object_at = _CELL.at
"""The object at an address; there must be one. Raises no audit event."""


class _Ref(ref):  # type: ignore[type-arg]
    """A type of our own: a plain weak reference may be shared with the target."""

    __slots__ = ()


class Hold:
    """The probe's hold on one object, which may be watched under several names: a weak reference
    or, if the type allows none, a reference. Neither for an immortal object."""

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
        untrack_own(self, self.entries, *([self.weak] if weak else ()))

    def subject(self) -> object:
        """The object; None if it has died."""
        if self.weak is not None:
            return self.weak()
        return _CELL.at(self.address)

    def let_go(self) -> None:
        """Drop the reference. If it was the last, the object dies when this function returns."""
        if self.held:
            self.held = False
            obj = self.subject()
            quietly(partial(let_go, self.address))
            del obj

    def is_of(self, obj: object) -> bool:
        """Whether it is this object's, not that of a dead object at the same address."""
        return self.weak is None or self.weak() is obj


class Entry:
    """A watched object under one name."""

    __slots__ = ("hold", "kind", "name", "source")

    def __init__(self, hold: Hold, name: str, kind: str, source: str) -> None:
        self.hold = hold
        self.name = name
        self.kind = kind
        self.source = source


class WatchedObjects:
    """All watched objects. ``tell`` gets, in whichever thread of the target has called
    ``refwatch.watch``, a function that makes the report."""

    def __init__(self, tell: Callable[[Callable[[], Row]], object], memory: Memory) -> None:
        self.paths: list[str] = []
        self.closed = False
        self.left_out = 0
        """Number of names in ``__main__`` that the last scan had no room for."""
        self._tell = tell
        self._memory = memory
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._holds: dict[int, Hold] = {}
        self._kinds: dict[str, str] = {}
        self._news: list[int] = []
        """Numbers to be reported."""
        self._inherited: list[int] = []
        """The same, of what a parent had watched before it forked."""
        self._last = 0
        self._lock = RLock()  # reentrant: the collector may run a finalizer that watches something
        keep_at_fork(self._lock)

    def watch(self, obj: object, name: str, source: str) -> int | None:
        """Watch an object; return its number, None if it is watched already or there is no room."""
        with self._lock:
            address = address_of(obj)
            hold = self._holds.get(address)
            if hold is not None and hold.is_of(obj) and (name, address) in self._numbers:
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
            self._numbers[name, address] = self._last
            untrack_own(entry, self._entries, self._numbers, self._holds)
            return self._last

    @property
    def full(self) -> bool:
        """Whether there is no room for another object."""
        return len(self._entries) >= MOST

    def rows(self, numbers: list[int]) -> list[Row]:
        """Rows of a report about these."""
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

    def watch_for_script(self, obj: object, name: str) -> None:
        """Watch an object for a script. The probe's thread reports them in batches: a report made
        here would leave holes in the target's memory between objects that stay."""
        number = self.watch(obj, name or type_name(obj), "script")
        if number is not None:
            self._news.append(number)
            if len(self._news) == 1:
                self._tell(self._tell_news)

    def _tell_news(self) -> Row:
        news = self._news[:BATCH]
        del self._news[:BATCH]
        if self._news:
            self._tell(self._tell_news)
        return {"message": "watching", "found": self.rows(news)}

    def scan(self) -> list[int]:
        """Watch what is newly bound in ``__main__`` and what the paths now lead to; return the
        numbers, in the child of a fork at first those of all that its parent had watched."""
        found = [*self._inherited, *self._scan_main(), *self._scan_paths()]
        self._inherited = []
        return [number for number in found if number is not None]

    def forked(self) -> None:
        """In the child of a fork: what was watched is watched on, and is news to the daemon."""
        self._news = []
        self._inherited = [*self._entries]

    def _scan_main(self) -> list[int | None]:
        main = sys.modules.get("__main__")
        names = data_in(main.__dict__) if type(main) is type(sys) else []
        self.left_out = max(0, len(names) - MOST_OF_MAIN)
        return [
            self.watch(value, text(name), "main")
            for name, value in names[:MOST_OF_MAIN]
            if type(name) is str and not _is_special(name) and not is_program(value)
        ]

    def _scan_paths(self) -> list[int | None]:
        found: list[int | None] = []
        for path in self.paths:
            try:
                name = path.removeprefix("__main__.")
                found.append(self.watch(resolve(path), path if "." in name else name, "option"))
            except LookupError:
                continue
        return found

    def read(self, numbers: list[int]) -> list[list[int]]:
        """[number, count by ctypes, count by sys.getrefcount] of those that are alive."""
        rows: list[list[int]] = []
        for number in numbers:
            entry = self._entries.get(number)
            reading = raw_reading(entry.hold, self._memory) if entry is not None else None
            if reading is not None:
                rows.append([number, *reading])
        return rows

    def address(self, number: int) -> int:
        """The object's address; 0 if it has died or is no longer watched."""
        entry = self._entries.get(number)
        if entry is None or (entry.hold.weak is not None and entry.hold.weak() is None):
            return 0
        return entry.hold.address

    def let_go(self, numbers: list[int]) -> list[int]:
        """Drop those references that are the last; return the numbers of the objects that died."""
        dead: list[int] = []
        with self._lock:
            for number in numbers:
                entry = self._entries.get(number)
                if entry is None or not entry.hold.held:
                    continue
                count = int.from_bytes(self._memory.read(entry.hold.address, 4), "little")
                if count == 1:
                    for each in sorted(entry.hold.entries):
                        self._forget(each)
                        dead.append(each)
        return dead

    def forget(self, watches: list[int]) -> None:
        """Stop watching these."""
        with self._lock:
            for number in watches:
                self._forget(number)

    def close(self) -> None:
        """Stop watching: the interpreter ends, or this is the child of a fork."""
        self.closed = True
        for number in list(self._entries):
            self._forget(number)

    def _forget(self, number: int) -> None:
        entry = self._entries.pop(number, None)
        if entry is None:
            return
        hold = entry.hold
        if self._numbers.get((entry.name, hold.address)) == number:
            del self._numbers[entry.name, hold.address]
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
    """(``ob_refcnt`` as ctypes reads it, sys.getrefcount); None if the object is dead.

    The first is read before this function has a reference of its own, and by a checked read,
    because the object may be dead.
    """
    word = memory.read(hold.address, 4)
    obj = hold.subject()
    if len(word) < 4 or (obj is None and hold.weak is not None):
        return None
    return int.from_bytes(word, "little"), sys.getrefcount(obj)


def measured_offset() -> int:
    """How much higher sys.getrefcount is than ctypes in :func:`raw_reading`: 2 if the local
    variable and the argument both count, 1 if the load borrows (3.14)."""
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
