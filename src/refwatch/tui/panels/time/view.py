"""View of the Time panel: where the threads of a program spend their time, by function or line, and
as the stacks of a flame graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from refwatch.readings.threads.path_history import Times
from refwatch.readings.threads.state import Line as SourceLine
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState
from refwatch.tui.subject import Subject
from refwatch.tui.views.weighted_tree import WHOLE, Node

UNKNOWN = SourceLine(file="?", number=0, function="?")


class By(StrEnum):
    """What the time is added up by."""

    FUNCTION = "function"
    LINE = "line"


class What(NamedTuple):
    """Time of which kind is shown. ``words`` follow a number of seconds."""

    words: str
    states: frozenset[S]


TIME_KINDS = (
    What("on a CPU", frozenset({S.GIL_HELD, S.NATIVE})),
    What("holding the GIL", frozenset({S.GIL_HELD})),
    What("waiting for the GIL", frozenset({S.GIL_WAIT})),
    What("waiting for a CPU", frozenset({S.CPU_WAIT})),
    What("in input and output", frozenset({S.IO_WAIT})),
    What("waiting for locks", frozenset({S.LOCK_WAIT})),
    What("in all", frozenset(S)),
)


class Span(StrEnum):
    """The time that is looked at; the first begins at the mark that the user chose."""

    MARK = "since"
    MINUTE = "the last minute"
    MOMENT = "the last 10 s"


SPANS_S = {Span.MINUTE: 60.0, Span.MOMENT: 10.0}


@dataclass(frozen=True)
class TimeOptions:
    """``kind``: only threads of this kind; None for all. ``since``: time of the mark, seconds."""

    what: int = 0
    by: By = By.FUNCTION
    span: Span = Span.MARK
    kind: str | None = None
    since: float = 0.0


class Place(NamedTuple):
    """A function, whose line is 0, or a line."""

    file: str
    line: int
    function: str


@dataclass
class TimeRow:
    """Seconds at a place itself, and with what it calls."""

    site: int
    own: float = 0.0
    total: float = 0.0
    states: dict[S, float] = field(default_factory=dict)
    """Of ``own``."""
    longest_s: float | None = None
    """The longest hold of the GIL that was seen to end at it with a handoff, seconds."""


@dataclass(frozen=True, eq=False)
class TimeView:
    """``stacks`` has the sites of ``places``, outermost callers on top."""

    options: TimeOptions
    rows: tuple[TimeRow, ...] = ()
    places: tuple[Place, ...] = ()
    stacks: Node = field(default_factory=lambda: Node(WHOLE))
    kinds: tuple[str, ...] = ()
    """Kinds of threads, those first that spent most of such time."""
    reason: str = ""
    """Why there is nothing to see."""

    @property
    def what(self) -> What:
        return TIME_KINDS[self.options.what]

    @property
    def holds(self) -> bool:
        """It is about holds of the GIL, which have a length since the watch began."""
        return self.what.states == {S.GIL_HELD}

    @property
    def total(self) -> float:
        """Seconds of all threads that are looked at."""
        return self.stacks.weight


def view_time(subject: Subject, options: TimeOptions) -> TimeView:
    """Add up the time of the subject's processes."""
    builder = _Builder(options)
    for process in subject.processes:
        builder.add(process, _times(process, options, subject.now))
    stacks = builder.top
    rows = _rows(stacks, builder.states)
    for row in rows:
        row.longest_s = builder.holds.get(row.site)
    kinds = sorted(builder.kinds, key=lambda kind: (-builder.kinds[kind], kind))
    return TimeView(
        options, tuple(rows), tuple(builder.places), stacks, tuple(kinds), _reason(subject, stacks)
    )


def _times(process: ProcessState, options: TimeOptions, now: float) -> Times:
    history = process.path_history
    if options.span is not Span.MARK:
        return history.since(now - SPANS_S[options.span])
    times = process.path_times()
    return history.since_mark(options.since, times) if options.since else times


class _Builder:
    """Joins the trees of several processes, whose paths have numbers of their own."""

    def __init__(self, options: TimeOptions) -> None:
        self.top = Node(WHOLE)
        self.states: defaultdict[int, defaultdict[S, float]]
        self.states = defaultdict(lambda: defaultdict(float))
        self.kinds: defaultdict[str, float] = defaultdict(float)
        self.holds: dict[int, float] = {}
        """Site -> seconds of the longest hold of the GIL at it."""
        self._options = options
        self._sites: dict[Place, int] = {}

    @property
    def places(self) -> Collection[Place]:
        """By their sites."""
        return self._sites.keys()

    def add(self, process: ProcessState, times: Mapping[tuple[str, int, S], float]) -> None:
        wanted, kind = TIME_KINDS[self._options.what].states, self._options.kind
        tree = process.tree
        for line, seconds in process.gil.longest_by_line.items():
            if line in process.lines:
                site = self._site(process.lines[line])
                self.holds[site] = max(seconds, self.holds.get(site, 0.0))
        own: defaultdict[int, float] = defaultdict(float)
        sites = [self._site(process.lines.get(line, UNKNOWN)) for line in tree.lines]
        for (thread, node, state), seconds in times.items():
            if state not in wanted or not 0 < node < len(tree):
                continue
            self.kinds[thread] += seconds
            if kind in (None, thread):
                own[node] += seconds
                self.states[sites[node]][state] += seconds
        sums = tree.sums(own)
        nodes = {0: self.top}
        self.top.weight += sums[0]
        for node in range(1, len(tree)):
            if sums[node] > 0:
                site, above = sites[node], nodes[tree.parents[node]]
                below = above.below.get(site)
                if below is None:
                    below = above.below[site] = Node(site)
                below.weight += sums[node]
                below.ends += own.get(node, 0.0)
                nodes[node] = below

    def _site(self, line: SourceLine) -> int:
        number = line.number if self._options.by is By.LINE else 0
        return self._sites.setdefault(Place(line.file, number, line.function), len(self._sites))


def _rows(top: Node, states: Mapping[int, dict[S, float]]) -> list[TimeRow]:
    """A place that calls itself, however indirectly, has its time once."""
    rows: dict[int, TimeRow] = {}
    waiting = [(node, frozenset[int]()) for node in top.below.values()]
    while waiting:
        node, above = waiting.pop()
        row = rows.get(node.site)
        if row is None:
            row = rows[node.site] = TimeRow(node.site, states=dict(states.get(node.site, {})))
        row.own += node.ends
        if node.site not in above:
            row.total += node.weight
            above = above | {node.site}
        waiting += [(below, above) for below in node.below.values()]
    return list(rows.values())


class Kin(NamedTuple):
    """A caller or callee, and the seconds that a place spends below or in it."""

    site: int
    seconds: float


def callers_of(top: Node, site: int) -> list[Kin]:
    """Who calls the place, most time first; WHOLE where it is called by nobody."""
    found: defaultdict[int, float] = defaultdict(float)
    waiting = [(top, False)]
    while waiting:
        node, inside = waiting.pop()
        for below in node.below.values():
            if below.site == site and not inside:
                found[node.site] += below.weight
            waiting.append((below, inside or below.site == site))
    return _most_first(found)


def callees_of(top: Node, site: int) -> list[Kin]:
    """What the place calls, most time first."""
    found: defaultdict[int, float] = defaultdict(float)
    waiting = [(top, False)]
    while waiting:
        node, inside = waiting.pop()
        here = node.site == site
        for below in node.below.values():
            if here and not inside and below.site != site:
                found[below.site] += below.weight
            waiting.append((below, inside or here))
    return _most_first(found)


def _most_first(found: Mapping[int, float]) -> list[Kin]:
    return sorted((Kin(*each) for each in found.items()), key=lambda kin: (-kin.seconds, kin.site))


def _reason(subject: Subject, stacks: Node) -> str:
    if stacks.weight:
        return ""
    processes = subject.processes
    for process in processes:
        for reading in ("outside reading", "interpreter", "threads"):
            if reading in process.limits:
                return f"No stacks are read: {process.limits[reading]}"
    if any(len(process.tree) > 1 for process in processes):
        return ""
    return "No stack was read." if subject.over else "No stack was read yet."
