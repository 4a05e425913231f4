"""Parties of a verdict: single threads, and groups of short-lived threads that do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from refwatch.findings.thread_groups import Group, Grouping, sums_of
from refwatch.readings.threads.state import Hot, ThreadRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState

BRIEF = 0.1  # of the longest life, below which a thread is grouped with others of its kind
FEW = 3  # threads of a kind that make a group


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


def parties_of(process: ProcessState) -> list[ThreadParty]:
    """Parties of all threads ever sampled: those of a group that comes and goes together, as are
    those that lived briefly beside others; the rest one by one."""
    longest = max((thread.watched_s for thread in process.threads.values()), default=0.0)
    parties: list[ThreadParty] = []
    for group in Grouping(process).groups:
        threads = [*group.alive, *group.gone]
        some = threads
        if not group.comes_and_goes:
            some = [thread for thread in threads if thread.watched_s < BRIEF * longest]
            some = some if len(some) >= FEW else []
        if some or group.crowds:
            parties.append(_several(group, some))
        told = {thread.serial for thread in some}
        parties += [_single(each, process) for each in threads if each.serial not in told]
    return [party for party in parties if party.watched_s > 0]


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


def _several(group: Group, threads: Sequence[ThreadRecord]) -> ThreadParty:
    """These threads of a group, and those that are only known as sums."""
    sums = sums_of(group.name, threads, group.crowds)
    watched, named = sum(sums.states.values()), group.named
    return ThreadParty(group.name, sums.threads, sums.states, sums.hot, watched, named=named)
