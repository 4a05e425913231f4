"""Records of what is known of references: watched objects, classes, censuses, marks, holders."""

from __future__ import annotations

from collections import deque

from msgspec import Struct, field

from refwatch.readings.objects.events import ReferrersFound, WatchedFound
from refwatch.series.step_series import StepSeries
from refwatch.wire.heap_values import (
    Garbage,
    Largest,
    Referenced,
    TypeCount,
)

MUCH_GARBAGE, MUCH_GARBAGE_BYTES = 2000, 1 << 20

TypeName = tuple[str, str]
"""(module, name)"""


class WatchedRecord(Struct, kw_only=True):
    """One watched object."""

    found: WatchedFound
    references: int | None = None
    """Its true count; None until it was read, and for an immortal one."""
    ctypes: int | None = None
    getrefcount: int | None = None
    ended_s: float | None = None
    died: bool = False
    """Else, if it has ended, it is only no longer watched."""
    series: StepSeries = field(default_factory=StepSeries)

    @property
    def alive(self) -> bool:
        return not self.died


class ClassRecord(Struct, kw_only=True):
    """A class defined in Python, and its live instances."""

    serial: int
    module: str
    name: str
    found_s: float
    ended_s: float | None = None
    series: StepSeries = field(default_factory=StepSeries)
    moved: int | None = None
    """By how much the live count was wrong at the newest census, since the one before; None where
    no second census has looked yet."""

    @property
    def instances(self) -> int:
        return self.series.last() or 0


class CensusRecord(Struct, kw_only=True):
    """The newest census, and the numbers of each type over all of them."""

    number: int = 0
    taken_s: float = 0.0
    took_s: float = 0.0
    pause_s: float = 0.0
    method: str = "copy"
    objects: int = 0
    untracked: bool = False
    taken: int = 0
    """How many there were."""
    types: dict[TypeName, TypeCount] = field(default_factory=dict)
    most_referenced: list[Referenced] = field(default_factory=list)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=600))
    """When each was taken, seconds."""
    garbage: Garbage | None = None
    """What the collector would have freed then; None where it is not known."""
    garbage_sizes: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=600))
    """(time, bytes) of that at each census at which it was looked for."""
    largest: list[Largest] = field(default_factory=list)
    """The largest single objects, the largest first."""

    def garbage_of(self, name: TypeName) -> int:
        """How many objects of a type nobody held."""
        types = self.garbage.types if self.garbage is not None else ()
        return sum(one.count for one in types if (one.module, one.name) == name)


def is_much(garbage: Garbage) -> bool:
    """Whether a user wants to know: a usual program has some hundred objects at any time."""
    return garbage.objects >= MUCH_GARBAGE or garbage.bytes >= MUCH_GARBAGE_BYTES


class Baseline(Struct, kw_only=True):
    """The counts at a mark. Mark 0 is the beginning: the first count of everything."""

    name: str
    at: float
    classes: dict[int, int] = field(default_factory=dict)
    types: dict[TypeName, int] = field(default_factory=dict)
    watched: dict[int, int] = field(default_factory=dict)
    complete: bool = False
    """A census has been taken since, and ``types`` are its numbers."""
    awaited: set[int] = field(default_factory=set)
    """Classes that nobody had counted yet: their first count is theirs at this mark."""


class Inspection(Struct, kw_only=True):
    """A tree of referrers, as far as it was opened. Its copy is gone when ``ended`` says why."""

    name: str
    at: float
    nodes: dict[int, ReferrersFound] = field(default_factory=dict)
    ended: str | None = None
