"""Reports of the probe and of hidden copies: one line of JSON each, named by ``message``.

The probe has the same messages as a table (probe/messages.py), because it imports nothing of ours:
a test holds the two together.
"""

from __future__ import annotations

from msgspec import Struct

from refwatch.target.layout import Layout
from refwatch.wire.heap_values import ChainLink, Garbage, Referenced, Referrer, Site


class _Report(Struct, frozen=True, kw_only=True, tag_field="message", tag=True):
    pass


class BlocksPlace(Struct, frozen=True, kw_only=True):
    """Where the blocks that were looked at are told of: ``count`` is the address of the word that
    says how many there were, ``records`` of the first of ``room`` records of ``size`` bytes, the
    oldest of which are overwritten. The frames begin ``head`` bytes into a record. ``extra`` bytes
    are added to a block's size before chance decides."""

    count: int
    records: int
    room: int
    size: int
    head: int
    extra: int


class Opened(Struct, frozen=True, kw_only=True):
    """Burst mode looks at blocks. ``pass_s``: what one that is not looked at costs, as measured in
    the target; ``look_s``: what looking at one does. ``cpu_s``: what opening has. ``lost``: it did
    so already, but somebody has taken its functions away meanwhile. ``count`` of them were looked
    at before this, at ``monotonic_s`` (CLOCK_MONOTONIC)."""

    place: BlocksPlace
    pass_s: float
    look_s: float
    cpu_s: float
    lost: bool
    count: int
    monotonic_s: float


class EarlyBurst(Struct, frozen=True, kw_only=True):
    """Blocks are looked at since before the target's first line, one in ``mean`` bytes."""

    opened: Opened
    mean: int


class Hello(_Report, frozen=True, kw_only=True, tag="hello"):
    pid: int
    python: str
    executable: str
    free_threaded: bool
    gil_enabled: bool
    switch_interval_s: float
    layout: Layout
    limits: list[tuple[str, str]]
    """(reading, reason)"""
    calibration_s: float
    cpu_s: float
    probe_tid: int
    """The probe's own thread."""
    burst: EarlyBurst | None = None


class Stranger(_Report, frozen=True, kw_only=True, tag="stranger"):
    """A Python that has the target's environment, and that the launcher has not started."""


class ProbeThread(_Report, frozen=True, kw_only=True, tag="thread"):
    """The probe's thread began, perhaps again after a fork."""

    tid: int


class Answer(_Report, frozen=True, kw_only=True, tag="answer"):
    """``threads``: (ident, native id, name, daemon) of every thread that threading knows.
    ``gc``: (collections, collected, uncollectable), youngest generation first."""

    threads: list[tuple[int, int | None, str, bool]]
    gc: list[tuple[int, int, int]]
    cpu_s: float
    gc_pauses: list[tuple[int, float, float]] | None = None
    """(collections, sum, longest) of each generation, seconds, once they are timed."""
    alone: bool = True
    """There is no other interpreter in the process."""


class InsideThread(Struct, frozen=True, kw_only=True):
    """One thread at one sample from inside. ``call`` is its line of /proc/self/task/TID/syscall."""

    ident: int
    tid: int | None
    file: str
    line: int
    function: str
    moved: bool
    """Whether it has run Python since the sample before."""
    call: str = ""
    sched: str = ""
    """Its line of /proc/self/task/TID/schedstat."""


class InsideSample(_Report, frozen=True, kw_only=True, tag="inside_sample"):
    """All threads, seen by the probe because the daemon may not look."""

    threads: list[InsideThread]


class FoundObject(Struct, frozen=True, kw_only=True):
    """An object that the probe now watches. ``weak`` is the address of a weak reference to it, 0
    where its type allows none."""

    watch: int
    name: str
    type: str
    address: int
    weak: int
    held: bool
    immortal: bool
    source: str


class Namespace(Struct, frozen=True, kw_only=True):
    """Where the names of ``__main__`` lie: ``keys_at`` is the address of the word that leads to the
    table, ``keys`` what it held, ``entries`` the first of ``count`` pairs of a name and a value."""

    keys_at: int
    keys: int
    entries: int
    count: int


class Scanned(_Report, frozen=True, kw_only=True, tag="scanned"):
    """``__main__`` was looked through. ``left_out``: names bound in it that are too many; ``full``:
    so many objects are watched that there can be no other."""

    namespace: Namespace | None
    found: list[FoundObject]
    cpu_s: float
    left_out: int = 0
    full: bool = False


class Watching(_Report, frozen=True, kw_only=True, tag="watching"):
    """The script, or a viewer by the daemon, has asked for these; none where nothing was found."""

    found: list[FoundObject]


class Raw(_Report, frozen=True, kw_only=True, tag="raw"):
    """(watch, ctypes, sys.getrefcount)"""

    readings: list[tuple[int, int, int]]


class LetGo(_Report, frozen=True, kw_only=True, tag="let_go"):
    """These were held by the probe alone, and are no more."""

    dead: list[int]


class Trouble(_Report, frozen=True, kw_only=True, tag="trouble"):
    """A command was not obeyed, which is a bug of the probe's; it goes on."""

    reason: str


class Ending(_Report, frozen=True, kw_only=True, tag="ending"):
    """The interpreter is about to end, and waits a moment for the last reading. ``found`` is new to
    the watch, and ``readings`` are raw ones of it."""

    found: list[FoundObject]
    readings: list[tuple[int, int, int]]
    failure: str = ""
    """Why no line of the program has run; empty where one has."""
    missing: str = ""
    """The module for want of which it has ended or not begun; empty where that was not why."""


class MarkSet(_Report, frozen=True, kw_only=True, tag="mark"):
    """``refwatch.mark`` was called. ``monotonic_s`` is CLOCK_MONOTONIC."""

    name: str
    monotonic_s: float


class BurstOpened(_Report, frozen=True, kw_only=True, tag="burst_opened"):
    """Some blocks are looked at from now on."""

    opened: Opened


class BurstClosed(_Report, frozen=True, kw_only=True, tag="burst_closed"):
    """None is looked at any more. ``seen`` is false when somebody had taken the functions away, so
    that what was seen since they were put there is not all."""

    seen: bool
    cpu_s: float


class NoBurst(_Report, frozen=True, kw_only=True, tag="no_burst"):
    """No block can be looked at here."""

    reason: str


class Tracing(_Report, frozen=True, kw_only=True, tag="tracing"):
    """What is so with tracemalloc in the target."""

    on: bool
    frames: int
    """How many of a traceback it keeps; 0 where it is not on."""
    ours: bool
    """Whether refwatch has begun it."""
    early: bool
    """Whether that was before the target's first line."""
    lost: int
    """How often the target has stopped what refwatch had begun, and it was begun again."""
    used: bool
    """Whether the target has loaded tracemalloc itself."""
    missing: str
    """Why there is none; empty where there is."""


class _Work(_Report, frozen=True, kw_only=True):
    work: str
    """The name that the daemon gave the work."""


class Copied(_Work, frozen=True, kw_only=True, tag="copied"):
    """A copy was made, 0 for the target itself; the target stood still for ``pause_s``."""

    pid: int
    pause_s: float


class NoCopy(_Work, frozen=True, kw_only=True, tag="no_copy"):
    """``passing``: it may well be done in a moment."""

    reason: str
    passing: bool = False


class CopyHere(_Work, frozen=True, kw_only=True, tag="copy"):
    """The copy's first words, on a connection of its own."""

    pid: int


class Progress(_Work, frozen=True, kw_only=True, tag="progress"):
    text: str
    share: float | None


class LargestRow(Struct, frozen=True, kw_only=True):
    """As Largest; ``chain`` is None where it was not looked for, as they were known."""

    type: str
    address: str
    size: int
    filled: float | None
    chain: list[ChainLink] | None = None


class CensusReport(_Work, frozen=True, kw_only=True, tag="census"):
    """``classes``: (address, tp_name, metaclass, references, references that are no instance's or
    -1, instances that the collector tracks or -1, module, name). ``types``: (module, name, count,
    size)."""

    objects: int
    classes: list[tuple[int, int, int, int, int, int, str, str]]
    types: list[tuple[str, str, int, int]]
    most_referenced: list[Referenced]
    untracked: bool
    took_s: float
    garbage: list[int] = []
    """Addresses of watched objects that only the probe's references keep from being collected."""
    unreachable: Garbage | None = None
    """None where it was not looked for: in the target itself, or because the heap is too large."""
    largest: list[LargestRow] = []
    """The largest single objects, the largest first."""


class MemoryReport(_Work, frozen=True, kw_only=True, tag="memory"):
    """What the allocators had when the copy was made; None is what could not be asked, with its
    reason among ``reasons``."""

    python: tuple[int, int, int] | None
    """Python's small-object allocator: (bytes in blocks, other bytes in its arenas, arenas)"""
    c: tuple[int, int] | None
    """malloc: (bytes in blocks, free bytes)"""
    reasons: list[str]


class ChainsReport(_Work, frozen=True, kw_only=True, tag="chains"):
    """As ChainsFound; ``spread`` is for a later look, where only two tell what has become more."""

    module: str
    name: str
    looked: int
    chains: list[list[ChainLink]]
    allocated_at: list[Site]
    missing: str = ""
    garbage: int = 0
    spread: list[tuple[int, int]] | None = None


class ReferrersReport(_Work, frozen=True, kw_only=True, tag="referrers"):
    """As the ReferrersFound event has it."""

    node: int
    type: str
    label: str
    address: str
    references: int | None
    seen: int | None
    referrers: list[Referrer]
    left_out: int


class ObjectPath(Struct, frozen=True, kw_only=True):
    """How the probe finds an object in the target: ("module", name), then further steps."""

    address: int
    steps: list[tuple[str, str | int]]


class PathReport(_Work, frozen=True, kw_only=True, tag="path"):
    """``path`` is None where names, keys and indices do not lead to the object."""

    node: int
    path: ObjectPath | None


class GraphReport(_Work, frozen=True, kw_only=True, tag="graph"):
    dot: str


class TracesReport(_Work, frozen=True, kw_only=True, tag="traces"):
    """What the traces of tracemalloc add up to, refwatch's own left out. ``sites`` are the places
    that the groups name by their index, ``lines`` (site, size, count), ``files`` (file, size,
    count), ``tracebacks`` (sites, innermost first, size, count): the largest ones of each."""

    frames: int
    traced: int
    peak: int
    blocks: int
    sites: list[tuple[str, int, str]]
    lines: list[tuple[int, int, int]]
    files: list[tuple[str, int, int]]
    tracebacks: list[tuple[list[int], int, int]]
    took_s: float


class Done(_Work, frozen=True, kw_only=True, tag="done"):
    """The copy ends."""


class Failed(_Work, frozen=True, kw_only=True, tag="failed"):
    reason: str


WorkReport = (
    CopyHere
    | Progress
    | CensusReport
    | MemoryReport
    | ChainsReport
    | ReferrersReport
    | PathReport
    | GraphReport
    | TracesReport
    | Done
    | Failed
)
"""What a copy says on its own connection."""

Report = (
    Hello
    | Stranger
    | ProbeThread
    | Answer
    | InsideSample
    | Scanned
    | Watching
    | Raw
    | LetGo
    | Trouble
    | Ending
    | MarkSet
    | BurstOpened
    | BurstClosed
    | NoBurst
    | Tracing
    | Copied
    | NoCopy
    | WorkReport
)
