"""Sentences and advice for each kind of verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from refwatch.findings.load import LockUse, Utilization
from refwatch.findings.parties import ThreadParty
from refwatch.findings.thread_groups import TOO_SHORT
from refwatch.findings.types import VerdictKind
from refwatch.readings.threads.state import Line
from refwatch.readings.threads.states import ThreadState as S
from refwatch.text.formats import fmt_duration, fmt_percent, fmt_plural
from refwatch.text.sanitize import printable, shorten

LONG_HOLD = 4.0  # switch intervals; Python code releases the GIL after one, a C call when it ends
FEWER = 10  # times as long the GIL is held by those that are told apart from others
VERY_LONG_HOLD = 20.0  # switch intervals, above which the longest hold is named
ALIKE = 0.3  # largest difference between shares for which "each" is said
STARVED = 0.3  # share of the time waiting for a CPU, from which on that is the cause
NAME = 24  # characters of a thread's name, at most

Lines = Mapping[int, Line]


def sentence_of(kind: VerdictKind, load: Utilization) -> str:
    """Where the time goes, in about 100 characters at most."""
    return {
        "gil_bound": _say_gil_bound,
        "lock_bound": _say_lock_bound,
        "native_parallel": _say_native_parallel,
        "single_thread_cpu": _say_single,
        "io_bound": _say_io_bound,
        "idle": _say_idle,
    }.get(kind, _say_mixed)(load)


def advice_of(kind: VerdictKind, load: Utilization, lines: Lines) -> str:
    """What helps, and where."""
    if kind == "gil_bound":
        return _advise_gil(load, lines)
    if kind == "lock_bound":
        return _advise_lock(load.lock, lines)
    if kind == "single_thread_cpu":
        return _advise_single(load, lines)
    if kind == "native_parallel" and load.cpu_wait > 0.5:
        return "More threads want a CPU than are free: use fewer threads, or more CPUs."
    if kind == "io_bound" and _asks_again(load):
        return "The CPU has time to spare: more requests at once help, a faster CPU does not."
    if kind == "idle" and load.idle_io > 0.1:
        return "Nothing to speed up here: it waits for requests or answers, and few come."
    return _PLAIN_ADVICE[kind]


_PLAIN_ADVICE: dict[VerdictKind, str] = {
    "native_parallel": "It scales: more threads help as long as there are CPUs for them.",
    "io_bound": "The CPU has time to spare: it waits for others, and a faster CPU does not help.",
    "idle": "Nothing to speed up here: it waits for time, for work or for another thread.",
    "undecided": "No one cause stands out: sort the threads by state and look at their hot lines.",
}


def _asks_again(load: Utilization) -> bool:
    """Whether it waits for answers to its own requests: only then more at once would help."""
    waited = sum(party.states.get(S.IO_WAIT, 0.0) for party in load.reading)
    wakes = sum(party.wakes for party in load.reading)
    return not load.serves and wakes > waited


def _threads(number: int) -> str:
    return fmt_plural(number, "thread")


def the_gil(load: Utilization) -> str:
    """``the GIL``, and of several whose."""
    if load.interpreter is None:
        return "the GIL"
    return f"the GIL of interpreter {load.interpreter}" if load.interpreter else "the main GIL"


def name_of(party: ThreadParty) -> str:
    """``worker``, or ``30 short threads spin-*``."""
    name = shorten(party.name, NAME)
    if party.name == TOO_SHORT:
        return f"{party.threads} threads {name}"
    return name if party.single else f"{party.threads} short threads {name}".rstrip()


def names_of(parties: Sequence[ThreadParty]) -> str:
    """Names of one or two parties; the number of threads of more."""
    if all(not party.single for party in parties) and parties:
        most = max(parties, key=lambda party: (party.named, party.watched_s))
        return name_of(replace(most, threads=thread_count(parties)))
    if len(parties) > 2 or len(parties) == 0:
        return _threads(thread_count(parties))
    return " and ".join(map(name_of, parties))


def thread_count(parties: Sequence[ThreadParty]) -> int:
    """The number of threads."""
    return sum(party.threads for party in parties)


def at_line(line: int | None, lines: Lines, before: str = " at ") -> str:
    """File and number of a line; empty if unknown."""
    place = lines.get(line) if line is not None else None
    if place is None:
        return ""
    return before + printable(place.file) + (f":{place.number}" if place.number else "")


def _between(shares: Sequence[float]) -> str:
    low, high = fmt_percent(min(shares)), fmt_percent(max(shares))
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


def _mean(parties: Sequence[ThreadParty], *states: S) -> float:
    total = sum(party.watched_s for party in parties)
    spent = sum(party.states.get(state, 0.0) for party in parties for state in states)
    return spent / total if total else 0.0


def _alike(shares: Sequence[float]) -> bool:
    return not shares or max(shares) - min(shares) <= ALIKE


def _say_gil_bound(load: Utilization) -> str:
    waits = [party.share(S.GIL_WAIT) for party in load.wanting]
    if _alike(waits) and len(load.wanting) != 1 and not _one_kind_holds(load):
        each = f"each waits {fmt_percent(_mean(load.wanting, S.GIL_WAIT))} of its time"
        threads = _threads(thread_count(load.wanting))
        return f"{threads}: {fmt_percent(load.held)} of {the_gil(load)} held, {each}"
    holders, waiters = _sides(load)
    keeps = "keeps" if len(holders) == 1 and holders[0].single else "keep"
    keeps = f"{keeps} {the_gil(load)}"
    blocked = load.held_blocked > load.held / 2
    how = f"blocked, {fmt_percent(load.held_blocked)}" if blocked else fmt_percent(load.held)
    head = f"{names_of(holders)} {keeps} {how} of the time"
    if not waiters:
        return head
    shares = [party.share(S.GIL_WAIT) for party in waiters]
    verb = "waits" if thread_count(waiters) == 1 else "wait"
    return f"{head}; {names_of(waiters)} {verb} {_between(shares)}"


def _one_kind_holds(load: Utilization) -> bool:
    """Of several kinds of threads that come and go, all of which wait, one has the GIL."""
    held = [party.held_s for party in load.wanting]
    groups = any(not party.single for party in load.wanting)
    return groups and min(held, default=0.0) * FEWER < max(held, default=0.0)


def _sides(load: Utilization) -> tuple[list[ThreadParty], list[ThreadParty]]:
    """(those that hold the GIL most, those that wait for it)."""
    most = max((party.held_s for party in load.wanting), default=0.0)
    holders = [party for party in load.wanting if party.held_s >= most / 2]
    waits = [party for party in load.wanting if party not in holders]
    longest = max((party.share(S.GIL_WAIT) for party in waits), default=0.0)
    return holders, [party for party in waits if party.share(S.GIL_WAIT) >= longest / 4 > 0]


def _say_lock_bound(load: Utilization) -> str:
    lock = load.lock
    if not _alike(lock.waits) or (lock.holders and len(lock.waiters) > 0):
        verb = "waits" if thread_count(lock.waiters) == 1 else "wait"
        waits = f"{names_of(lock.waiters)} {verb} {_between(lock.waits)} of the time for a lock"
        if not lock.holders:
            return f"{waits}, one works at a time"
        works = "works" if thread_count(lock.holders) == 1 else "work"
        return f"{waits}; {names_of(lock.holders)} {works} under it"
    lived = sum(party.watched_s for party in lock.waiters)
    share = fmt_percent(lock.waited_s / lived if lived else 0.0)
    who = _threads(thread_count(lock.waiters))
    return f"{who}: each waits {share} of its time for a lock, one works at a time"


def _say_native_parallel(load: Utilization) -> str:
    who = _threads(thread_count(load.busy))
    if load.cpu_wait > load.on_cpu:
        shares = [party.share(S.CPU_WAIT) for party in load.busy]
        if _alike(shares):
            waits = fmt_percent(_mean(load.busy, S.CPU_WAIT))
            return f"{who} want a CPU, each waits {waits} of its time for one"
        return f"{who} want a CPU and wait {_between(shares)} of the time for one"
    cpus = f"{who} on {load.on_cpu:.1f} CPUs at once"
    if load.gils > max(1.0, load.native_busy):
        return f"{cpus}: {load.gils_used} interpreters, each with a GIL of its own"
    if not load.has_gil:
        return f"{cpus}, no GIL in the way"
    return f"{cpus}: native code, {fmt_percent(load.held)} of {the_gil(load)} held"


def _say_single(load: Utilization) -> str:
    if len(load.busy) != 1:
        used = fmt_percent(min(load.cpu, 1.0))
        groups = load.busy and not any(party.single for party in load.busy)
        who = names_of(load.busy) if groups else _threads(thread_count(load.busy))
        return f"{who} take turns: {used} of one CPU, one at a time"
    (party,) = load.busy
    cpu, queued = _of_kernel(party)
    who = name_of(party) if party.named or not party.single else "1 thread"
    if queued >= STARVED:
        had = f"had one {fmt_percent(cpu)} of the time, waited for one {fmt_percent(queued)}"
        return f"{who} with work for a CPU {had}"
    busy = f"{who} {'does' if party.single else 'do'} the work: {fmt_percent(cpu)} of one CPU"
    others = load.threads - thread_count(load.busy)
    return f"{busy}, {others} {'waits' if others == 1 else 'wait'} beside it" if others else busy


def _of_kernel(party: ThreadParty) -> tuple[float, float]:
    """(share of its time on a CPU, share waiting for one), by the kernel's count."""
    if not party.life_s or not party.cpu_s:
        return min(1.0, party.share(S.GIL_HELD) + party.share(S.NATIVE)), party.share(S.CPU_WAIT)
    return min(1.0, party.cpu_s / party.life_s), min(1.0, party.cpu_wait_s / party.life_s)


def _say_io_bound(load: Utilization) -> str:
    shares = [party.share(S.IO_WAIT) for party in load.reading]
    share = fmt_percent(_mean(load.reading, S.IO_WAIT)) if _alike(shares) else _between(shares)
    who = f"{_threads(thread_count(load.reading))}: {share} of the time in I/O"
    return f"{who}, {fmt_percent(load.held)} of {the_gil(load)} held" if load.has_gil else who


def _say_idle(load: Utilization) -> str:
    return f"{_threads(load.threads)}, mostly waiting: {fmt_percent(load.cpu)} of one CPU in use"


def _say_mixed(load: Utilization) -> str:
    gil = f"{fmt_percent(load.held)} of {the_gil(load)} held, " if load.has_gil else ""
    return f"mixed: {gil}{load.cpu:.1f} CPUs in use, {load.io:.1f} threads in I/O"


def _advise_gil(load: Utilization, lines: Lines) -> str:
    if load.held_blocked > load.held / 2:
        where = at_line(load.blocked_line, lines)
        return f"A call keeps the GIL while it is blocked{where}: make it release it."
    mean, longest, switch = load.hold_s, load.longest_hold, load.switch_interval_s
    where = at_line(load.held_line, lines)
    if longest is not None and longest.seconds > VERY_LONG_HOLD * switch:
        where = at_line(longest.line, lines) or where
        long = fmt_duration(longest.seconds)
        often = f" ({fmt_duration(mean)} on average)" if mean else ""
        return f"A call keeps the GIL {long}{often}{where}: make it release it."
    if longest is None and mean is not None and mean > LONG_HOLD * switch:
        return f"A call keeps the GIL {fmt_duration(mean)} at a time{where}: make it release it."
    where = where or " by Python code"
    if load.interpreter:
        return f"Spread the work over more interpreters or processes; the GIL is held most{where}."
    return f"Use processes or a free-threaded build; the GIL is held most{where}."


def _advise_lock(lock: LockUse, lines: Lines) -> str:
    if lock.work_line is not None:
        where = at_line(lock.work_line, lines, " for less at ")
        waits = at_line(lock.line, lines, " (waited for at ") if lock.line != lock.work_line else ""
        return f"Hold the lock{where}{waits + ')' if waits else ''}, or split it into several."
    where = at_line(lock.line, lines, ": they wait at ")
    return f"See what is done under that lock{where}; do less under it, or split it."


def _advise_single(load: Utilization, lines: Lines) -> str:
    where = at_line(load.busy_line, lines)
    if len(load.busy) == 1 and _of_kernel(load.busy[0])[1] >= STARVED:
        return f"It gets too little CPU (others use it, or a quota is used up); it works{where}."
    if load.has_gil:
        return f"Make the work faster{where}, or spread it over processes."
    return f"This interpreter has no GIL: spread the work{where} over threads."
