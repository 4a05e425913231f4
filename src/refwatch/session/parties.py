"""Who is told apart in a verdict: each thread, and of those that live for a moment each kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from msgspec import Struct

from refwatch.model.states import ThreadState
from refwatch.session.process import Crowd, Hot, ProcessState, ThreadRecord, kind_of
from refwatch.session.state import Line

BRIEF = 0.1  # of the longest life: a thread that lived shorter is counted with those of its kind
FEW = 3  # of a kind, from which on they are told together


class Party(Struct, frozen=True, eq=False):
    """A thread, or the short-lived ones of one kind, whose times are added up."""

    name: str
    threads: int
    states: Mapping[ThreadState, float]
    """Seconds in each state."""
    hot: Hot
    watched_s: float
    """Time under watch, seconds: of several the sum of their lives."""
    wakes: int = 0
    """How often it waited for something and went on, as the kernel counted it."""
    cpu_s: float = 0.0
    """As the kernel counted them, as far as it is known of threads that have ended."""
    cpu_wait_s: float = 0.0
    life_s: float = 0.0
    """From when on the kernel counts them, seconds."""
    holds_s: float = 0.0
    """Time with the GIL, running or not, seconds; 0 where only the states tell."""
    holds_blocked_s: float = 0.0
    stack: tuple[int, ...] = ()
    serial: int | None = None
    """Of a single thread."""
    named: bool = True
    """Its name is Python's, or of a kind of threads that had one."""

    @property
    def held_s(self) -> float:
        """Time with the GIL, seconds."""
        return max(self.holds_s, self.states.get(ThreadState.GIL_HELD, 0.0))

    @property
    def single(self) -> bool:
        return self.serial is not None

    def share(self, state: ThreadState) -> float:
        """Share of its time under watch in this state, 0 to 1."""
        return self.states.get(state, 0.0) / self.watched_s if self.watched_s else 0.0


def parties_of(process: ProcessState, lines: Mapping[int, Line]) -> list[Party]:
    """All threads that were sampled, the forgotten ones too."""
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
    told = {thread.serial for key in together for thread in brief.get(key, ())}
    parties = [_single(thread, process) for thread in threads if thread.serial not in told]
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
