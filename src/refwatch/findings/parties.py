"""Parties of a verdict: single threads, and groups of short-lived threads of one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from refwatch.readings.threads.state import Hot, Line, ThreadGroup, ThreadRecord, kind_of
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState

BRIEF = 0.1  # of the longest life, below which a thread is grouped with others of its kind
FEW = 3  # threads of a kind that make a group

Kind = tuple[str, int]
"""As ``kind_of`` has it."""


class ThreadParty(Struct, frozen=True, eq=False):
    """A thread, or the sums over short-lived threads of one kind."""

    name: str
    threads: int
    states: Mapping[ThreadState, float]
    """Seconds in each state."""
    hot: Hot
    watched_s: float
    """Seconds under watch; of a group the sum."""
    wakes: int = 0
    """Voluntary context switches, by the kernel's count."""
    cpu_s: float = 0.0
    """By the kernel's count; for ended threads as far as known."""
    cpu_wait_s: float = 0.0
    life_s: float = 0.0
    """Seconds over which the kernel has counted."""
    holds_s: float = 0.0
    """Seconds with the GIL, running or not; 0 where only the states tell."""
    holds_blocked_s: float = 0.0
    stack: tuple[int, ...] = ()
    serial: int | None = None
    """Of a single thread; None for a group."""
    named: bool = True
    """Whether the name was given in Python."""

    @property
    def held_s(self) -> float:
        """Seconds with the GIL."""
        return max(self.holds_s, self.states.get(ThreadState.GIL_HELD, 0.0))

    @property
    def single(self) -> bool:
        return self.serial is not None

    def share(self, state: ThreadState) -> float:
        """Share of the time under watch in this state, 0 to 1."""
        return self.states.get(state, 0.0) / self.watched_s if self.watched_s else 0.0


def parties_of(process: ProcessState, lines: Mapping[int, Line]) -> list[ThreadParty]:
    """Parties of all threads ever sampled."""
    threads = [thread for thread in process.threads.values() if thread.watched_s > 0]
    longest = max((thread.watched_s for thread in threads), default=0.0)
    brief: defaultdict[Kind, list[ThreadRecord]] = defaultdict(list)
    for thread in threads:
        if thread.watched_s < BRIEF * longest or kind_of(thread) in process.crowds:
            brief[kind_of(thread)].append(thread)
    crowds: dict[Kind, ThreadGroup] = {}
    for kind in brief.keys() | process.crowds.keys():
        crowds[kind] = ThreadGroup(kind[0])
        for thread in brief.get(kind, ()):
            crowds[kind].add(thread)
        if kind in process.crowds:
            crowds[kind].join(process.crowds[kind])
    parties: list[ThreadParty] = []
    told: set[int] = set()
    for kinds in _alike(crowds, lines):
        some = [crowds[kind] for kind in kinds]
        forgotten = any(kind in process.crowds for kind in kinds)
        if forgotten or sum(crowd.threads for crowd in some) >= FEW:
            parties.append(_several(some, lines))
            told |= {thread.serial for kind in kinds for thread in brief.get(kind, ())}
    parties += [_single(thread, process) for thread in threads if thread.serial not in told]
    return [party for party in parties if party.watched_s > 0]


def _alike(crowds: Mapping[Kind, ThreadGroup], lines: Mapping[int, Line]) -> list[list[Kind]]:
    """The kinds that are one. Threads that ended before their names were read are of the named kind
    that is mostly in the same function, where there is only one."""
    of_function: defaultdict[tuple[str, str], list[Kind]] = defaultdict(list)
    alone: list[list[Kind]] = []
    for kind, crowd in crowds.items():
        place = _function(crowd, lines)
        if place is None:
            alone.append([kind])
        else:
            of_function[place].append(kind)
    for kinds in of_function.values():
        named = [kind for kind in kinds if crowds[kind].name]
        nameless = [kind for kind in kinds if not crowds[kind].name]
        alone += [kinds] if len(named) <= 1 else [*([kind] for kind in named), nameless]
    return [kinds for kinds in alone if kinds]


def _function(crowd: ThreadGroup, lines: Mapping[int, Line]) -> tuple[str, str] | None:
    """The (file, function) in which they were most; None where that is not known."""
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for (line, _), spent in crowd.hot.items():
        if line in lines:
            seconds[lines[line].file, lines[line].function] += spent
    return max(seconds, key=lambda place: seconds[place], default=None)


def _single(thread: ThreadRecord, process: ProcessState) -> ThreadParty:
    started = thread.started_s if thread.tid == process.pid else 0.0
    return ThreadParty(
        thread.name or f"tid {thread.tid}",
        1,
        thread.states,
        thread.hot,
        thread.watched_s,
        thread.counters.voluntary_switches,
        thread.counters.cpu_s,
        thread.counters.cpu_wait_s,
        thread.watched_s + started,
        thread.holds.total_s,
        thread.holds.blocked_s,
        tuple(thread.stack),
        thread.serial,
        thread.named,
    )


def _several(crowds: Sequence[ThreadGroup], lines: Mapping[int, Line]) -> ThreadParty:
    """Called by their name if all have one, else after the function in which they are most."""
    sums = ThreadGroup(crowds[0].name if len(crowds) == 1 else "")
    for crowd in crowds:
        sums.join(crowd)
    place = _function(sums, lines)
    name = sums.name or (f"in {place[1]}" if place else "")
    watched = sum(sums.states.values())
    return ThreadParty(name, sums.threads, sums.states, sums.hot, watched, named=bool(sums.name))
