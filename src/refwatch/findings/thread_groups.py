"""Groups of threads that do the same, and which of them come and go.

Threads are of one group if their names are the same but for numbers (``worker-*``); without a name
if they run the same function (``in handle``). Tables, Overview, summary, verdict and snapshot all
use these groups. Where threads of a group come and go, the group is told in place of its threads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from refwatch.readings.threads.state import (
    RECENT_S,
    Hot,
    Kind,
    Line,
    ThreadGroup,
    ThreadRecord,
    kind_of,
)
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState

FEW_GONE = 5  # ended threads of a group from which on they can come and go
MANY_GONE = 20  # from which on nobody reads a row for each
TURNS = 2  # times as many threads as there ever were at once
TOO_SHORT = "too short to be seen"
UNNAMED = "unnamed"


class Group(Struct, frozen=True, kw_only=True, eq=False):
    """``gone`` has those ended threads that are kept, oldest first; ``crowds`` the sums of
    others."""

    name: str
    alive: tuple[ThreadRecord, ...] = ()
    gone: tuple[ThreadRecord, ...] = ()
    crowds: tuple[ThreadGroup, ...] = ()

    @property
    def threads(self) -> int:
        """How many there ever were."""
        return len(self.alive) + len(self.gone) + sum(crowd.threads for crowd in self.crowds)

    @property
    def named(self) -> bool:
        """Whether it is called by a name that was given in Python."""
        return not self.name.startswith("in ") and self.name not in (UNNAMED, TOO_SHORT)

    @property
    def comes_and_goes(self) -> bool:
        """Whether it is told in place of its threads. A few that live long, or a pool that ends as
        a whole, are told one by one."""
        if self.crowds or len(self.gone) >= MANY_GONE:
            return True
        if len(self.gone) < FEW_GONE:
            return False
        return self.threads >= TURNS * most_at_once([*self.alive, *self.gone])

    def sums(self) -> ThreadGroup:
        """Over all of them, without their paths."""
        return sums_of(self.name, (*self.alive, *self.gone), self.crowds)

    def recent(self, now: float) -> dict[ThreadState, float]:
        """Seconds in each state for about the last two seconds before ``now``."""
        sums: defaultdict[ThreadState, float] = defaultdict(float)
        for thread in self.alive:
            for state, seconds in thread.recent.items():
                sums[state] += seconds
        for thread in self.gone_lately(now):
            part = min(1.0, RECENT_S / (thread.watched_s or 1.0))
            for state, seconds in thread.states.items():
                sums[state] += seconds * part
        return dict(sums)

    def gone_lately(self, now: float) -> list[ThreadRecord]:
        """Those that have ended in the last two seconds."""
        return [each for each in self.gone if (each.ended_s or 0.0) > now - RECENT_S]

    def cpu_now(self, now: float) -> float:
        """CPUs that they use now, on average; 0.5 is half of one."""
        gone = sum(each.counters.cpu_s for each in self.gone_lately(now))
        return sum(each.cpu_now for each in self.alive) + gone / RECENT_S


def sums_of(
    name: str, threads: Iterable[ThreadRecord], crowds: Iterable[ThreadGroup]
) -> ThreadGroup:
    """What these threads and those behind the sums did together, without their paths."""
    sums = ThreadGroup(name=name)
    for thread in threads:
        sums.add(thread, paths=False)
    for each in crowds:
        sums.join(each, paths=False)
    return sums


def most_at_once(threads: Iterable[ThreadRecord]) -> int:
    """How many of these lived at the same time, at most."""
    changes: list[tuple[float, int]] = []
    for thread in threads:
        changes.append((thread.started_s, 1))
        if thread.ended_s is not None:
            changes.append((thread.ended_s, -1))
    changes.sort()
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


class Grouping:
    """The threads of a process by group."""

    def __init__(self, process: ProcessState) -> None:
        self._lines = lines = process.lines
        threads: defaultdict[Kind, list[ThreadRecord]] = defaultdict(list)
        for thread in process.threads.values():
            threads[kind_of(thread, lines)].append(thread)
        crowds: defaultdict[Kind, list[ThreadGroup]] = defaultdict(list)
        for kind, crowd in process.crowds.items():
            crowds[kind].append(crowd)
        kinds: defaultdict[str, list[Kind]] = defaultdict(list)
        for kind in [*threads, *(kind for kind in crowds if kind not in threads)]:
            kinds[_name(kind, lines)].append(kind)
        self._join_nameless(kinds, threads, crowds)
        self.groups = [_group(name, some, threads, crowds) for name, some in kinds.items()]
        """Each thread is in one of them; one may have a single thread."""
        if process.unseen.threads:
            self.groups.append(Group(name=TOO_SHORT, crowds=(process.unseen,)))
        self._of = {
            thread.serial: group for group in self.groups for thread in (*group.alive, *group.gone)
        }

    def of(self, thread: ThreadRecord) -> Group:
        """The group of a thread of the process."""
        return self._of[thread.serial]

    @property
    def singles(self) -> list[ThreadRecord]:
        """The threads that are told one by one, in the order in which they were seen."""
        told = [group for group in self.groups if not group.comes_and_goes]
        threads = [thread for group in told for thread in (*group.alive, *group.gone)]
        return sorted(threads, key=lambda thread: thread.serial)

    @property
    def crowds(self) -> list[Group]:
        """The groups that are told in place of their threads."""
        return [group for group in self.groups if group.comes_and_goes]

    def _join_nameless(
        self,
        kinds: dict[str, list[Kind]],
        threads: Mapping[Kind, list[ThreadRecord]],
        crowds: Mapping[Kind, list[ThreadGroup]],
    ) -> None:
        """Threads that ended before their names were read are of the named group that is mostly in
        the same function, where there is only one."""
        nameless = [name for name, (kind, *_) in kinds.items() if not kind[0] and name != UNNAMED]
        if not nameless:
            return
        homes: defaultdict[str, list[str]] = defaultdict(list)
        for name, (kind, *_) in kinds.items():
            if kind[0]:
                hot = [thread.hot for thread in threads.get(kind, ())]
                hot += [crowd.hot for crowd in crowds.get(kind, ())]
                homes[_function(hot, self._lines)].append(name)
        for name in nameless:
            some = homes.get(name, [])
            if len(some) == 1:
                kinds[some[0]] += kinds.pop(name)


def _function(hot: Iterable[Hot], lines: Mapping[int, Line]) -> str:
    """``in f`` for the function where most of that time was spent."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for each in hot:
        for (line, _), spent in each.items():
            seconds[_name(("", line), lines)] += spent
    return max(seconds, key=lambda name: seconds[name], default=UNNAMED)


def _name(kind: Kind, lines: Mapping[int, Line]) -> str:
    name, line = kind
    place = lines.get(line)
    return name or (f"in {place.function}" if place is not None else UNNAMED)


def _group(
    name: str,
    kinds: Iterable[Kind],
    threads: Mapping[Kind, list[ThreadRecord]],
    crowds: Mapping[Kind, list[ThreadGroup]],
) -> Group:
    some = [thread for kind in kinds for thread in threads.get(kind, ())]
    some.sort(key=lambda thread: thread.serial)
    return Group(
        name=name,
        alive=tuple(thread for thread in some if thread.alive),
        gone=tuple(thread for thread in some if not thread.alive),
        crowds=tuple(crowd for kind in kinds for crowd in crowds.get(kind, ())),
    )
