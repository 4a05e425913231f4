"""Parties of a verdict: single threads, and groups of short-lived threads of one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from refwatch.readings.threads.state import Crowd, Hot, Line, ThreadRecord, kind_of
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState

BRIEF = 0.1  # of the longest life, below which a thread is grouped with others of its kind
FEW = 3  # threads of a kind that make a group


@dataclass(frozen=True, eq=False)
class Party:
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


def parties_of(process: ProcessState, lines: Mapping[int, Line]) -> list[Party]:
    """Parties of all threads ever sampled."""
    threads = [thread for thread in process.threads.values() if thread.watched_s > 0]
    longest = max((thread.watched_s for thread in threads), default=0.0)
    brief: defaultdict[tuple[str, int], list[ThreadRecord]] = defaultdict(list)
    for thread in threads:
        if thread.watched_s < BRIEF * longest or kind_of(thread) in process.crowds:
            brief[kind_of(thread)].append(thread)
    crowds = {key: [crowd] for key, crowd in process.crowds.items()}
    together = {
        key for key in brief.keys() | crowds.keys() if key in crowds or len(brief[key]) >= FEW
    }
    grouped = {thread.serial for key in together for thread in brief.get(key, ())}
    parties = [_single(thread, process) for thread in threads if thread.serial not in grouped]
    for key in together:
        sums = Crowd(key[0])
        for thread in brief.get(key, ()):
            sums.add(thread)
        parties.append(_several([sums, *crowds.get(key, ())], lines))
    return [party for party in parties if party.watched_s > 0]


def _single(thread: ThreadRecord, process: ProcessState) -> Party:
    started = thread.started_s if thread.tid == process.pid else 0.0
    return Party(
        thread.name or f"tid {thread.tid}",
        1,
        thread.states,
        thread.hot,
        thread.watched_s,
        thread.voluntary_switches,
        thread.cpu_s,
        thread.cpu_wait_s,
        thread.watched_s + started,
        thread.holds.total_s,
        thread.holds.blocked_s,
        tuple(thread.stack),
        thread.serial,
        thread.named,
    )


def _several(crowds: Iterable[Crowd], lines: Mapping[int, Line]) -> Party:
    sums = Crowd("")
    for crowd in crowds:
        sums.name = sums.name or crowd.name
        sums.join(crowd)
    line, _ = max(sums.hot, key=lambda key: sums.hot[key], default=(0, None))
    place = lines.get(line)
    name = sums.name or (f"in {place.function}" if place else "")
    watched = sum(sums.states.values())
    return Party(name, sums.threads, sums.states, sums.hot, watched, named=bool(sums.name))
