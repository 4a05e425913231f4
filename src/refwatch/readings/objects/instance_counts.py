"""Live instances of classes defined in Python, read from outside.

Each instance holds a reference to its class, so that the class's own count moves one for one with
them (CPython's Objects/typeobject.c: PyType_GenericAlloc, subtype_dealloc). What else refers to the
class, its offset, the census has counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import compress, count
from operator import ne, sub

from msgspec import Struct, field

from refwatch.target.memory import RemoteMemory
from refwatch.target.probe_messages import CensusReport
from refwatch.target.records import RecordReader

RECORD = "I4xQ8xQ"  # ob_refcnt, ob_type, ob_size, tp_name: struct _typeobject
KEPT = 3  # censuses, of which the least hidden references count
IMMORTAL = 900_000_000  # as the probe has it


class _Class(Struct, kw_only=True):
    """One class: several may have the same name, and are counted together."""

    serial: int
    identity: tuple[int, int]
    """Metaclass and address of the name: another class at its address has others."""
    offset: int
    hidden: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    """References that no object's traversal shows, at the last censuses: most are those of a call
    under way, so that the least is what stays."""
    instances: int = 0
    anchored: int = 0
    """Instances at the newest census."""


class CalibratedClass(Struct, frozen=True, kw_only=True):
    """What a census has changed."""

    found: list[tuple[int, str, str]]
    """(serial, module, name)"""
    ended: list[int]
    moved: list[tuple[int, int]]
    """(serial, by how much) where the offset is not what it was at the census before: the instances
    that were read since then were as many too many."""


class _Rows:
    """Reads all of ``classes``, thousands of times the same: column by column, in C."""

    def __init__(self, memory: RemoteMemory, classes: dict[int, _Class]) -> None:
        self._reader = RecordReader(memory, list(classes), RECORD)
        self._classes = [classes[address] for address in self._reader.addresses]
        self._offsets = [one.offset for one in self._classes]
        self._identities = [one.identity for one in self._classes]
        self._before: tuple[int, ...] = ()
        self._instances: list[int] = [-1] * len(self._classes)

    def changed(self) -> Iterator[tuple[_Class, int]]:
        """Each class with its instances, where they are not what they were. Raises MemoryGone."""
        now = self._reader.read()
        if now == self._before:
            return
        self._before = now
        # A call under way refers to the class for a moment: of two readings the lower one.
        least = map(min, now[::3], self._reader.read()[::3])
        instances = list(map(sub, least, self._offsets))
        identities = list(zip(now[1::3], now[2::3], strict=True))
        if identities != self._identities:  # others lie there, or nothing does
            for index in compress(count(), map(ne, identities, self._identities)):
                instances[index] = 0
        before, self._instances = self._instances, instances
        for index in compress(count(), map(ne, instances, before)):
            yield self._classes[index], max(0, instances[index])


class LiveClasses:
    """The classes of one process."""

    def __init__(self, memory: RemoteMemory) -> None:
        self._memory = memory
        self._classes: dict[int, _Class] = {}
        self._by_serial: dict[int, list[_Class]] = {}
        self._serials: dict[tuple[str, str], int] = {}
        self._last_serial = 0
        self._counts: dict[int, int] = {}
        """Serial -> instances as published."""
        self._rows: _Rows | None = None

    def __len__(self) -> int:
        return len(self._classes)

    def anchor(self, report: CensusReport) -> CalibratedClass:
        """Take in a census: new classes, gone ones, and what else refers to each."""
        found: list[tuple[int, str, str]] = []
        moved: dict[int, int] = {}
        classes: dict[int, _Class] = {}
        for (
            address,
            name_at,
            metaclass,
            references,
            others,
            instances,
            module,
            name,
        ) in report.classes:
            if references >= IMMORTAL or module.startswith("_refwatch_probe"):
                continue
            serial = self._serials.get((module, name))
            if serial is None:
                serial = self._serials[module, name] = self._next_serial()
                found.append((serial, module, name))
            identity = (metaclass, name_at)
            one = self._classes.get(address)
            known = one is not None and one.identity == identity
            if one is None or not known:
                one = _Class(serial=serial, identity=identity, offset=0)
            one.serial = serial
            before, one.offset = one.offset, _offset(one, references, others, instances)
            one.anchored = references - one.offset
            if known and one.offset != before:
                moved[serial] = moved.get(serial, 0) + one.offset - before
            classes[address] = one
        self._classes = classes
        self._rows = None
        self._by_serial = {}
        for one in classes.values():
            self._by_serial.setdefault(one.serial, []).append(one)
        return CalibratedClass(found=found, ended=self._ended(), moved=list(moved.items()))

    def _next_serial(self) -> int:
        self._last_serial += 1
        return self._last_serial

    def _ended(self) -> list[int]:
        """Serials of names that no class has any more."""
        gone = [name for name, serial in self._serials.items() if serial not in self._by_serial]
        ended = [self._serials.pop(name) for name in gone]
        for serial in ended:
            self._counts.pop(serial, None)
        return ended

    def read(self) -> list[tuple[int, int]]:
        """(serial, instances) of each whose number has changed. Raises MemoryGone."""
        if self._rows is None:
            self._rows = _Rows(self._memory, self._classes)
        changed: set[int] = set()
        for one, instances in self._rows.changed():
            one.instances = instances
            changed.add(one.serial)
        return self._sums(changed)

    def at_census(self, serials: set[int]) -> list[tuple[int, int]]:
        """(serial, instances) of these as the newest census has them."""
        for serial in serials:
            for one in self._by_serial[serial]:
                one.instances = one.anchored
        return self._sums(serials)

    def _sums(self, wanted: set[int]) -> list[tuple[int, int]]:
        """(serial, instances) of these, where it is not what was told."""
        sums = [
            (serial, sum(one.instances for one in self._by_serial[serial])) for serial in wanted
        ]
        different = [
            (serial, number) for serial, number in sums if self._counts.get(serial) != number
        ]
        self._counts.update(different)
        return different


def _offset(one: _Class, references: int, others: int, instances: int) -> int:
    """How many of its references are no instance's."""
    if others < 0:
        return references - max(instances, 0)
    if instances < 0:  # the collector does not track them: whatever is no other's is an instance's
        return others
    one.hidden.append(max(0, references - others - instances))
    return others + min(one.hidden)
