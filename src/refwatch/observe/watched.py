"""The references of watched objects, read from outside.

A count is published only when the object is known to have been alive when it was read: its weak
reference still leads to it afterwards, or the probe holds a reference of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.model.reports import FoundObject, ReferencesPlace
from refwatch.observe.memory import RemoteMemory
from refwatch.observe.records import RecordReader

IMMORTAL = 900_000_000  # as the probe has it
CHECKED = 100  # weak references that each reading looks at, whatever has changed
CHECKED_SHARE = 40  # and one in so many of all


@dataclass
class _Object:
    """What lies at one address: perhaps watched under several names."""

    address: int
    weak: int
    watches: list[int]
    word: int = -1
    """``ob_refcnt`` as it was judged last, a reference of the probe's included."""


@dataclass(frozen=True)
class Reading:
    """What one reading has found."""

    counts: list[tuple[int, int]]
    """(watch, references) of those that changed."""
    died: list[int]
    last: list[int]
    """Watches of objects that only the probe's reference keeps alive."""


class WatchedObjects:
    """The objects under watch in one process."""

    def __init__(self, memory: RemoteMemory, place: ReferencesPlace) -> None:
        self._memory = memory
        self._place = place
        self._objects: dict[int, _Object] = {}
        self._reader: RecordReader | None = None
        self._before: tuple[int, ...] = ()
        self._next_check = 0
        self._alone: set[int] = set()
        """Addresses of objects that only the probe's reference keeps alive."""

    def __len__(self) -> int:
        return len(self._objects)

    def add(self, found: FoundObject) -> list[int]:
        """Watch one more; return the watches of an object that was at its address and has died."""
        if found.immortal:
            return []
        there = self._objects.get(found.address)
        died: list[int] = []
        if there is not None and there.weak != found.weak:
            died = self._remove(there)
            there = None
        if there is not None:
            there.watches.append(found.watch)
            there.word = -1
            self._before = ()
            return died
        self._objects[found.address] = _Object(found.address, found.weak, [found.watch])
        self._reader = None
        return died

    def remove(self, watch: int) -> None:
        """It is no longer watched, or has died."""
        for one in self._objects.values():
            if watch in one.watches:
                one.watches.remove(watch)
                if not one.watches:
                    self._remove(one)
                return

    def _remove(self, one: _Object) -> list[int]:
        del self._objects[one.address]
        self._alone.discard(one.address)
        self._reader = None
        return one.watches

    def read(self) -> Reading:
        """Read all counts now. Raises MemoryGone and ReadingDenied."""
        if self._reader is None:
            self._reader = RecordReader(self._memory, list(self._objects), "I")
            self._before = ()
        addresses = self._reader.addresses
        now = self._reader.read()
        if now == self._before:
            changed: list[_Object] = []
        elif len(self._before) != len(now):
            changed = [
                self._objects[address]
                for address, count in zip(addresses, now, strict=True)
                if count != self._objects[address].word
            ]
        else:
            changed = [
                self._objects[addresses[index]]
                for index, (new, old) in enumerate(zip(now, self._before, strict=True))
                if new != old
            ]
        self._before = now
        values = dict(zip(addresses, now, strict=True)) if changed else {}
        return self._judge(changed, values)

    def _judge(self, changed: list[_Object], values: dict[int, int]) -> Reading:
        dead = self._dead([*changed, *self._to_check()])
        counts: list[tuple[int, int]] = []
        for one in changed:
            if one.address in dead or one.word == values[one.address]:
                continue
            one.word = values[one.address]
            count = one.word - (not one.weak)
            if 0 <= count < IMMORTAL:
                counts += [(watch, count) for watch in one.watches]
            if not one.weak and count == 0:
                self._alone.add(one.address)
            else:
                self._alone.discard(one.address)
        last = [watch for address in self._alone for watch in self._objects[address].watches]
        died = [watch for address in dead for watch in self._remove(self._objects[address])]
        return Reading(counts, died, last)

    def _to_check(self) -> list[_Object]:
        """Some of the objects in turn: a new one may have the address and the count of a dead."""
        everything = list(self._objects.values())
        count = CHECKED + len(everything) // CHECKED_SHARE
        if count >= len(everything):
            return everything
        start = self._next_check % len(everything)
        self._next_check = start + count
        return (everything + everything)[start : start + count]

    def _dead(self, objects: list[_Object]) -> set[int]:
        """Addresses of those whose weak reference no longer leads to them."""
        places = {one.weak + self._place.weak_offset: one.address for one in objects if one.weak}
        if not places:
            return set()
        reader = RecordReader(self._memory, list(places), "Q")
        found = zip(reader.addresses, reader.read(), strict=True)
        return {places[place] for place, word in found if word != places[place]}
