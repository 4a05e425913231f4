"""Live instances of classes defined in Python, read from outside.

Each instance holds a reference to its class, so that the class's own count moves one for one with
them (CPython's Objects/typeobject.c: PyType_GenericAlloc, subtype_dealloc). What else refers to the
class, its offset, the census has counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import compress, count
from operator import ne

from refwatch.model.reports import CensusReport
from refwatch.observe.memory import RemoteMemory
from refwatch.observe.records import RecordReader

RECORD = "I4xQ8xQ"  # ob_refcnt, ob_type, ob_size, tp_name: struct _typeobject
KEPT = 3  # censuses, of which the least hidden references count
IMMORTAL = 900_000_000  # as the probe has it


@dataclass
class _Class:
    """One class: several may have the same name, and are counted together."""

    serial: int
    identity: tuple[int, int]
    """Metaclass and address of the name: another class at its address has others."""
    offset: int
    hidden: deque[int] = field(default_factory=lambda: deque(maxlen=KEPT))
    """References that no object's traversal shows, at the last censuses: most are those of a call
    under way, so that the least is what stays."""
    instances: int = 0


@dataclass(frozen=True)
class Anchored:
    """What a census has changed."""

    found: list[tuple[int, str, str]]
    """(serial, module, name)"""
    ended: list[int]


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
        self._reader: RecordReader | None = None
        self._before: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self._classes)

    def anchor(self, report: CensusReport) -> Anchored:
        """Take in a census: new classes, gone ones, and what else refers to each."""
        found: list[tuple[int, str, str]] = []
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
            if one is None or one.identity != identity:
                one = _Class(serial, identity, 0)
            one.serial = serial
            one.offset = _offset(one, references, others, instances)
            classes[address] = one
        if classes.keys() != self._classes.keys():
            self._reader = None
        self._classes = classes
        self._by_serial = {}
        for one in classes.values():
            self._by_serial.setdefault(one.serial, []).append(one)
        self._before = ()
        return Anchored(found, self._ended())

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
        if self._reader is None:
            self._reader = RecordReader(self._memory, list(self._classes), RECORD)
        now = self._reader.read()
        if now == self._before:
            return []
        addresses = self._reader.addresses
        if len(self._before) == len(now):
            differ = compress(count(), map(ne, now, self._before))
            wanted = {place // 3 for place in differ}
        else:
            wanted = set(range(len(addresses)))
        again = self._reader.read()[::3]
        self._before = now
        changed: set[int] = set()
        for index in wanted:
            one = self._classes[addresses[index]]
            references, metaclass, name_at = now[3 * index : 3 * index + 3]
            # A call under way refers to the class for a moment: of two readings the lower one.
            least = min(references, again[index])
            instances = max(0, least - one.offset) if (metaclass, name_at) == one.identity else 0
            if instances != one.instances:
                one.instances = instances
                changed.add(one.serial)
        return self._sums(changed)

    def _sums(self, changed: set[int]) -> list[tuple[int, int]]:
        """(serial, instances) of these and of those that were never told, where it is another."""
        wanted = changed | (self._by_serial.keys() - self._counts.keys())
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
