"""Utilization of a process, in mean numbers of threads: the figures behind the verdict.

1.0 is one thread during the whole time under watch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from msgspec import Struct

from refwatch.findings.collecting import collecting_s
from refwatch.findings.gils import held_at_once, limiting_gil, used
from refwatch.findings.parties import BRIEF, ThreadParty, parties_of
from refwatch.findings.places import idle_server_s, io_wait_for_work, is_waiting_room
from refwatch.readings.threads.events import COLLECTOR
from refwatch.readings.threads.state import GilHold, Line
from refwatch.readings.threads.states import COMPUTING
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState

TAKES_PART = 0.2  # share of a thread's time in a state, from which on it counts
WAITING_ROOM = 0.95  # share in lock_wait above which, without known lines, it waits for work
Parties = tuple[ThreadParty, ...]


class Utilization(Struct, frozen=True):
    """Mean numbers of threads (``running``, ``io`` ...), counts of threads, and shares 0 to 1."""

    watched_s: float
    has_gil: bool
    threads: int
    held: float
    """Share of the time in which the GIL was locked. Of several GILs this and what follows is about
    that which limits the program most."""
    held_blocked: float
    """Share of the time in which a thread kept the GIL while blocked in a system call."""
    gil_wait: float
    native: float
    on_cpu: float
    """Threads that ran, with the GIL or in native code."""
    cpu: float
    """CPUs in use since the process started, by the kernel's count; else by states."""
    cpu_wait: float
    running: float
    """``on_cpu``, and the wait for a CPU of threads that mostly run: on a busy machine every thread
    waits a little whenever it wakes."""
    native_busy: float
    """In native code or waiting for a CPU; only threads that do little else."""
    io: float
    """In I/O, without waits for work that does not come."""
    idle_io: float
    """In ``io_wait`` for work that does not come: an idle server."""
    serves: bool
    """Whether a thread waits for connections or requests."""
    child: float
    lock_wait: float
    """In ``lock_wait`` for a lock that others work under; not in joins or on empty queues."""
    lock_active: float
    """Threads of that lock that are not waiting."""
    wanting: Parties
    """Threads that hold the GIL or wait for it."""
    busy: Parties
    reading: Parties
    """Threads in I/O."""
    lock: LockUse
    hold_s: float | None
    """Mean time in seconds that the GIL is held between two handoffs; None without any."""
    longest_hold: GilHold | None
    switch_interval_s: float
    collecting: float
    """Share of the time in which the cyclic collector ran, as far as known."""
    held_line: int | None
    blocked_line: int | None
    """Where a blocked thread keeps the GIL, if one does."""
    busy_line: int | None
    interpreter: int | None = None
    """Whose GIL that is, of several; 0 is the main interpreter. None where there is one GIL."""
    gils: float = 0.0
    """Mean number of GILs that were held, of several."""
    gils_used: int = 0


class LockUse(Struct, frozen=True):
    """The threads that wait for locks; the ``holders`` seen at work in the same functions; and the
    lines at which they wait and work."""

    waiters: Parties
    holders: Parties
    waits: tuple[float, ...]
    """Share of its time that each waiter waits."""
    waited_s: float
    active_s: float
    line: int | None
    work_line: int | None


def measure(process: ProcessState, lines: Mapping[int, Line]) -> Utilization:
    """The load of a process that has been sampled."""
    watched = process.sampled_s
    parties = parties_of(process)
    seconds: defaultdict[S, float] = defaultdict(float)
    for party in parties:
        for state, spent in party.states.items():
            seconds[state] += spent
    use = limiting_gil(process)
    gil = use.gil
    has_gil = process.gil.present is not False
    waiting = gil.contention if has_gil else 0.0
    held = gil.held_fraction if has_gil else 0.0
    if several := use.interpreter is not None:  # which was not there all the time
        waiting, held = gil.wait_s / watched, gil.held_s / watched
    users = [party for party in parties if use.concerns(party)]
    on_cpu = (seconds[S.GIL_HELD] + seconds[S.NATIVE]) / watched
    asked = {id(p): io_wait_for_work(p, lines) for p in parties}
    serves = any(serves for _, serves in asked.values())
    idle_io = sum(asked[id(p)][0] or (idle_server_s(p) if serves else 0.0) for p in parties)
    lock = _lock(parties, lines)
    blocked = max(parties, key=lambda party: party.holds_blocked_s, default=None)
    collector = {number for number, line in lines.items() if line.file == COLLECTOR}
    return Utilization(
        watched_s=watched,
        has_gil=has_gil,
        threads=sum(party.threads for party in parties),
        held=seconds[S.GIL_HELD] / watched if held is None else held,
        held_blocked=sum(party.holds_blocked_s for party in parties) / watched,
        gil_wait=seconds[S.GIL_WAIT] / watched if waiting is None else waiting,
        native=seconds[S.NATIVE] / watched,
        on_cpu=on_cpu,
        cpu=_cpu(process, on_cpu),
        cpu_wait=seconds[S.CPU_WAIT] / watched,
        running=on_cpu + sum(map(_kept_from_cpu_s, parties)) / watched,
        native_busy=sum(map(_native_s, parties)) / watched,
        io=max(0.0, seconds[S.IO_WAIT] - idle_io) / watched,
        idle_io=idle_io / watched,
        serves=serves,
        child=seconds[S.CHILD_WAIT] / watched,
        lock_wait=lock.waited_s / watched,
        lock_active=lock.active_s / watched,
        wanting=_wanting(users),
        busy=_taking_part(parties, *COMPUTING),
        reading=_taking_part(parties, S.IO_WAIT),
        lock=lock,
        hold_s=gil.held_s / gil.handoffs if gil.handoffs else None,
        longest_hold=gil.longest_hold,
        switch_interval_s=gil.switch_interval_s or 0.005,
        collecting=collecting_s(process) / process.sampled_s,
        held_line=hottest_line(users, S.GIL_HELD, but=collector),
        blocked_line=hottest_line([blocked], S.SLEEP, S.IO_WAIT, S.LOCK_WAIT, S.CHILD_WAIT, S.OTHER)
        if blocked is not None
        else None,
        busy_line=hottest_line(parties, *COMPUTING, but=collector),
        interpreter=use.interpreter,
        gils=held_at_once(process) if several else 0.0,
        gils_used=used(process) if several else 0,
    )


def _cpu(process: ProcessState, on_cpu: float) -> float:
    used = process.memory
    if used is None or used.at <= 0 or not used.user_s + used.system_s:
        return on_cpu
    return (used.user_s + used.system_s) / used.at


def _wanting(parties: Iterable[ThreadParty]) -> Parties:
    """Those that have the GIL or wait for it, for much of their time."""
    return _most_of(
        [(p, (p.held_s + p.states.get(S.GIL_WAIT, 0.0)) / p.watched_s) for p in parties]
    )


def _taking_part(parties: Iterable[ThreadParty], *states: S) -> Parties:
    """Those that spend much of their time in these states."""
    return _most_of([(party, sum(party.share(state) for state in states)) for party in parties])


def _most_of(shares: list[tuple[ThreadParty, float]]) -> Parties:
    """Those with a large share, or with no less than a quarter of the largest."""
    most = max((share for _, share in shares), default=0.0)
    least = min(TAKES_PART, most / 4)
    crowd = [party for party, share in shares if share >= least > 0]
    longest = max((party.watched_s for party in crowd), default=0.0)
    return tuple(party for party in crowd if party.watched_s >= BRIEF * longest)


def _native_s(party: ThreadParty) -> float:
    seconds = party.states.get(S.NATIVE, 0.0) + party.states.get(S.CPU_WAIT, 0.0)
    in_gil = party.states.get(S.GIL_HELD, 0.0)
    alone = party.states.get(S.NATIVE, 0.0) >= in_gil or not in_gil
    return seconds if alone and seconds >= party.watched_s / 2 else 0.0


def _kept_from_cpu_s(party: ThreadParty) -> float:
    waited = party.states.get(S.CPU_WAIT, 0.0)
    ran = party.states.get(S.GIL_HELD, 0.0) + party.states.get(S.NATIVE, 0.0)
    return waited if waited + ran >= party.watched_s / 2 else 0.0


def hottest_line(
    parties: Iterable[ThreadParty], *states: S, but: Container[int] = ()
) -> int | None:
    """The line at which most time was spent in these states, ``but`` for some."""
    seconds: defaultdict[int, float] = defaultdict(float)
    for party in parties:
        for (line, state), spent in party.hot.items():
            if state in states and line not in but:
                seconds[line] += spent
    return max(seconds, key=lambda line: seconds[line]) if seconds else None


def _lock(parties: list[ThreadParty], lines: Mapping[int, Line]) -> LockUse:
    """The threads that wait for a lock, and those that work under it."""
    waits = {id(party): _lock_seconds(party, lines) for party in parties}
    queue = [p for p in parties if waits[id(p)] >= TAKES_PART * p.watched_s > 0]
    line = hottest_line(queue, S.LOCK_WAIT)
    holders = [p for p in parties if p not in queue and _works_at(p, lines, line)]
    crowd = [*queue, *holders]
    waiting = sum(p.states.get(s, 0.0) for p in crowd for s in (S.LOCK_WAIT, S.GIL_WAIT))
    return LockUse(
        tuple(queue),
        tuple(holders),
        tuple(waits[id(p)] / p.watched_s for p in queue),
        sum(waits[id(p)] for p in queue),
        sum(p.watched_s for p in crowd) - waiting,
        line,
        _work_line(crowd, lines, line),
    )


def _lock_seconds(party: ThreadParty, lines: Mapping[int, Line]) -> float:
    """Its time in ``lock_wait``, without joins and empty queues as far as lines tell."""
    at_lines = {line: s for (line, state), s in party.hot.items() if state is S.LOCK_WAIT}
    if at_lines:
        return sum(s for line, s in at_lines.items() if not is_waiting_room(lines.get(line)))
    share = party.share(S.LOCK_WAIT)
    return party.states[S.LOCK_WAIT] if 0 < share < WAITING_ROOM else 0.0


def _same_function(lines: Mapping[int, Line], first: int, second: int | None) -> bool:
    a, b = lines.get(first), lines.get(second) if second is not None else None
    return a is not None and b is not None and (a.file, a.function) == (b.file, b.function)


def _works_at(party: ThreadParty, lines: Mapping[int, Line], line: int | None) -> bool:
    """Whether it worked in the function in which others wait for the lock."""
    return any(
        state is not S.LOCK_WAIT and _same_function(lines, number, line)
        for number, state in party.hot
    )


def _work_line(
    crowd: Iterable[ThreadParty], lines: Mapping[int, Line], line: int | None
) -> int | None:
    """The line of that function at which most time was spent working."""
    seconds: defaultdict[int, float] = defaultdict(float)
    for party in crowd:
        for (number, state), spent in party.hot.items():
            if state not in (S.LOCK_WAIT, S.GIL_WAIT) and _same_function(lines, number, line):
                seconds[number] += spent
    return max(seconds, key=lambda number: seconds[number]) if seconds else None
