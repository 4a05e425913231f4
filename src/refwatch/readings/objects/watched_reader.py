"""The references of watched objects, read from outside.

A count is published only when the object is known to have been alive when it was read: its weak
reference still leads to it afterwards, or the probe holds a reference of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress, count
from operator import ne

from msgspec import Struct

from refwatch.target.layout import ReferencesLayout
from refwatch.target.memory import RemoteMemory
from refwatch.target.probe_messages import FoundObject
from refwatch.target.records import RecordReader

IMMORTAL = 900_000_000  # as the probe has it


class _Object(Struct, kw_only=True):
    """What lies at one address: perhaps watched under several names."""

    address: int
    weak: int
    watches: list[int]
    word: int = -1
    """``ob_refcnt`` as it was judged last, a reference of the probe's included."""


class Reading(Struct, frozen=True, kw_only=True):
    """What one reading has found."""

    counts: list[tuple[int, int]]
    """(watch, references) of those that changed."""
    died: list[int]
    last: list[int]
    """Watches of objects that only the probe's reference keeps alive."""


class _Readers:
    """What reads all of ``objects``: the counts first, then the weak references."""

    def __init__(
        self, memory: RemoteMemory, objects: dict[int, _Object], place: ReferencesLayout
    ) -> None:
        self._counts = RecordReader(memory, list(objects), "I")
        self.objects = [objects[address] for address in self._counts.addresses]
        places = {one.weak + place.weak_offset: one.address for one in self.objects if one.weak}
        self._weak = RecordReader(memory, list(places), "Q")
        self._referents = tuple(places[place] for place in self._weak.addresses)

    def read(self) -> tuple[tuple[int, ...], set[int]]:
        """(count of each object, addresses of those to which no weak reference leads any more)."""
        counts = self._counts.read()
        found = self._weak.read()
        if found == self._referents:
            return counts, set()
        return counts, set(compress(self._referents, map(ne, found, self._referents)))


class WatchedObjects:
    """The objects under watch in one process."""

    def __init__(self, memory: RemoteMemory, place: ReferencesLayout) -> None:
        self._memory = memory
        self._place = place
        self._objects: dict[int, _Object] = {}
        self._readers: _Readers | None = None
        self._before: tuple[int, ...] = ()
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
        self._objects[found.address] = _Object(
            address=found.address, weak=found.weak, watches=[found.watch]
        )
        self._readers = None
        return died

    def remove(self, watch: int) -> None:
        """It is no longer watched, or has died."""
        for one in self._objects.values():
            if watch in one.watches:
                one.watches.remove(watch)
                if not one.watches:
                    self._remove(one)
                return

    def tell_again(self, watch: int) -> None:
        """The next reading has its count, though it be what it was."""
        for one in self._objects.values():
            if watch in one.watches:
                one.word = -1
                self._before = ()

    def _remove(self, one: _Object) -> list[int]:
        del self._objects[one.address]
        self._alone.discard(one.address)
        self._readers = None
        return one.watches

    def read(self) -> Reading:
        """Read all counts now. Raises MemoryGone and ReadingDenied."""
        if self._readers is None:
            self._readers = _Readers(self._memory, self._objects, self._place)
            self._before = ()
        objects = self._readers.objects
        now, dead = self._readers.read()
        before, self._before = self._before, now
        changed: Iterable[int] = range(len(now))
        if len(before) == len(now):
            changed = compress(count(), map(ne, now, before))
        counts = self._judge([(objects[index], now[index]) for index in changed], dead)
        last = [watch for address in self._alone for watch in self._objects[address].watches]
        died = [watch for address in dead for watch in self._remove(self._objects[address])]
        return Reading(counts=counts, died=died, last=last)

    def _judge(self, read: list[tuple[_Object, int]], dead: set[int]) -> list[tuple[int, int]]:
        """(watch, references) of the objects that are alive and whose count has changed."""
        counts: list[tuple[int, int]] = []
        for one, word in read:
            if one.word == word or one.address in dead:
                continue
            one.word = word
            references = word - (not one.weak)
            if 0 <= references < IMMORTAL:
                counts += [(watch, references) for watch in one.watches]
            if not one.weak:
                change = self._alone.discard if references else self._alone.add
                change(one.address)
        return counts
