"""What was known of a process's references and allocations when a viewer came: events that a late
viewer is sent in place of all those that led there. They are never recorded."""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.model.allocations import FileUse, LineUse, MemorySplit, Mode, TracebackUse
from refwatch.model.event import TimedEvent
from refwatch.model.references import Garbage, Largest, Referenced, Site, TypeCount
from refwatch.model.states import ThreadState


class Points(Struct, frozen=True, array_like=True):
    """A count over time: each of ``counts`` held from the time in the same place of ``times``
    (seconds) on. ``limit`` is how many points there may be."""

    limit: int
    times: list[float]
    counts: list[int]


class CrowdKept(TimedEvent, frozen=True, tag="crowd_kept"):
    """What threads of one kind add up to that ended too long ago to be known one by one: their
    ``name`` with ``*`` for numbers, empty where they had none, and then the ``line`` at which they
    were most. ``hot`` is (line, state, seconds)."""

    pid: int
    name: str
    line: int
    threads: int
    states: dict[ThreadState, float]
    hot: list[tuple[int, ThreadState, float]]


class ReferencesKept(TimedEvent, frozen=True, tag="references_kept"):
    """The first of these events: what is known of the process's references is what they say.
    Those that have ended are named in the order of their ends. Times and pauses in seconds."""

    pid: int
    offset: int | None
    pauses: list[float]
    ended_watched: list[int]
    ended_classes: list[int]
    counting_since: float | None = None
    failure: str | None = None
    counted_from: float | None = None
    counted_s: float = 0.0
    over: bool = False


class WatchedKept(TimedEvent, frozen=True, tag="watched_kept"):
    """A watched object, as WatchedFound and all that was read of it since have it."""

    pid: int
    watch: int
    name: str
    type: str
    address: str
    source: str
    held: bool
    immortal: bool
    found_s: float
    points: Points
    references: int | None = None
    ctypes: int | None = None
    getrefcount: int | None = None
    ended_s: float | None = None
    died: bool = False


class ClassKept(TimedEvent, frozen=True, tag="class_kept"):
    """A class, and its live instances over time."""

    pid: int
    serial: int
    module: str
    name: str
    found_s: float
    points: Points
    ended_s: float | None = None
    moved: int | None = None


class CensusKept(TimedEvent, frozen=True, tag="census_kept"):
    """The newest census, with the numbers of all types; and how many were ``taken``, the newest of
    them at ``times``."""

    pid: int
    number: int
    taken_s: float
    took_s: float
    pause_s: float
    method: str
    objects: int
    untracked: bool
    taken: int
    types: list[TypeCount]
    most_referenced: list[Referenced]
    times: list[float]
    garbage: Garbage | None = None
    garbage_sizes: list[tuple[float, int]] = field(default_factory=list)
    largest: list[Largest] = field(default_factory=list)


class TypeKept(TimedEvent, frozen=True, tag="type_kept"):
    """The number of objects of a type at the censuses."""

    pid: int
    module: str
    name: str
    points: Points


class BaselineKept(TimedEvent, frozen=True, tag="baseline_kept"):
    """The counts at a mark: (class, instances), (module, name of a type, objects),
    (watched object, references). ``complete`` says that ``types`` are those of a census since;
    ``awaited`` are classes whose first count will be theirs at this mark."""

    pid: int
    name: str
    marked_s: float
    classes: list[tuple[int, int]]
    types: list[tuple[str, str, int]]
    watched: list[tuple[int, int]]
    complete: bool
    awaited: list[int]


class SeriesKept(Struct, frozen=True, array_like=True):
    """Points of a series: (time, weight, sums), and how long a point is, seconds."""

    span: float
    points: list[tuple[float, float, tuple[float, ...]]]


class TracesKept(Struct, frozen=True, array_like=True):
    """A count of the traces, as TracesTaken has it."""

    number: int
    taken_s: float
    took_s: float
    pause_s: float
    frames: int
    traced: int
    peak: int
    blocks: int
    lines: list[LineUse]
    files: list[FileUse]
    tracebacks: list[TracebackUse]


class AllocationsKept(TimedEvent, frozen=True, tag="allocations_kept"):
    """The first of these events: what is known of the process's allocations is what they say."""

    pid: int
    mode: Mode
    frames: int
    note: str
    switched_s: float | None
    sites: list[tuple[int, Site]]
    tracebacks: list[tuple[int, list[int]]]
    rates: SeriesKept
    traced: SeriesKept
    splits: SeriesKept
    failure: str | None
    split: MemorySplit | None
    split_s: float | None


class TallyKept(TimedEvent, frozen=True, tag="tally_kept"):
    """The figures of a mark, the oldest first; last those of now, with no ``name``. ``lines``,
    ``files`` and ``tracebacks`` are pairs of a key and the values of its tally: those that are not
    what they were in the event before."""

    pid: int
    name: str | None
    marked_s: float
    windows: tuple[int, float, float, float, int]
    lines: list[tuple[int, list[float]]]
    files: list[tuple[str, list[float]]]
    tracebacks: list[tuple[int, list[float]]]
    traces: TracesKept
    awaited: bool
