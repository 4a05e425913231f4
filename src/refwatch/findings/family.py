"""Causes that lie in the processes together: children that compute side by side, one that does the
work, or one that hangs since its fork."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from refwatch.findings.blockers import MeasuredCause, lock_waits, short_place
from refwatch.readings.threads.state import ThreadRecord
from refwatch.session.process import ProcessState, span_of_lives
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration, fmt_percent, fmt_plural
from refwatch.wire.event import MAIN

HUNG_S = 3.0  # seconds without a move, from which on a child hangs
HUNG = 0.8  # the part of its life that this is
MOSTLY = 0.5  # of all computing, the part from which on it is the children's
SOME_S = 0.3  # seconds of computing, below which nothing is said of them
ALONGSIDE = 1.2  # mean number of processes that compute, from which on they do so side by side
PART = 0.1  # of what the others compute on average, from which on a process computes as well
OWN = 0.4  # of its time, from which on the program computes beside its children
BESIDE_S = 0.1  # how much earlier than a fork a thread may seem to have ended that outlived it
IN_USE = 0.5  # CPUs that they use together, from which on they compute whatever else is true
STEADY, STEADILY = 0.9, 0.3
"""Who computes wants a CPU for this part of a moment, and that in this part of its computing: else
it wakes for an instant, again and again, on a machine that is busy with something else."""
QUIET = 0.2  # CPUs that all processes want together, up to which nobody computes
STARVED = 0.3  # share of the computing processes' time in which they wait for a CPU
FORKS = ("fork", "forkserver")


class Work(Struct, frozen=True, kw_only=True):
    """Computing of one process, in seconds: on a CPU, and waiting for one."""

    process: ProcessState
    on_cpu_s: float
    cpu_wait_s: float
    steady_s: float
    """Of both, in moments that are nearly full of it."""

    @property
    def wanted_s(self) -> float:
        return self.on_cpu_s + self.cpu_wait_s


def family_cause(state: State) -> MeasuredCause | None:
    """What the children decide, if they do."""
    children = _children(state)
    if state.main is None or not children:
        return None
    return _hung(state, children) or _computing(state, state.main, children)


def quiet_cause(state: State) -> MeasuredCause | None:
    """The program waits, for its children it may be, and hardly a process computes."""
    children = _children(state)
    works = [_work(process) for process in state.processes.values()]
    lived_s = span_of_lives(children, state.now)
    wanted = sum(work.wanted_s for work in works)
    if lived_s < MOSTLY * state.now or wanted > QUIET * state.now:
        return None
    used = fmt_percent(sum(work.on_cpu_s for work in works) / state.now)
    sentence = f"{len(works):,} processes, mostly waiting: {used} of one CPU in use"
    advice = "Nothing to speed up here: they wait for time, for work or for one another."
    return MeasuredCause("idle", sentence, advice, 0.5)


def _children(state: State) -> list[ProcessState]:
    """Those that were sampled."""
    return [one for key, one in state.processes.items() if key != MAIN and one.samples]


def occasional_cause(state: State) -> MeasuredCause | None:
    """Children that mostly wait did most of what was computed: while they do, the program waits
    for them, which is no wait for input."""
    children = _children(state)
    wanted = sum(work.wanted_s for work in map(_work, state.processes.values()))
    theirs = sum(work.wanted_s for work in map(_work, children))
    if wanted <= QUIET * state.now or theirs < MOSTLY * wanted:
        return None
    share = fmt_percent(_together(children).span_s / state.now)
    number = fmt_plural(len(children), "child does", "children do")
    sentence = f"{number} most of the work, and compute {share} of the time"
    advice = "They mostly wait, for time or for work: more work at once helps, not more of them."
    return MeasuredCause("undecided", sentence, advice, 0.5)


def _hung(state: State, children: Sequence[ProcessState]) -> MeasuredCause | None:
    """A child that waits, since its fork, for a lock that no thread of it can hold."""
    found = [child for child in children if _waits_since_fork(child, state.now)]
    if not found:
        return None
    child = max(found, key=lambda one: one.unmoved_s)
    waits = _lock_waits(child)
    line = max(waits, key=lambda line: waits[line])
    who = f"child {child.pid}" if len(found) == 1 else f"{len(found)} children"
    verb = "has" if len(found) == 1 else "have"
    still = fmt_duration(child.unmoved_s)
    at = short_place(line, child.lines)
    sentence = f"{who} {verb} not moved for {still}, since the fork: it waits for a lock at {at}"
    holder = _holder(state, child)
    held = f" ({holder.name})" if holder is not None and holder.name else ""
    advice = (
        f"It waits for a lock that a thread of its parent{held} held at the fork, and that no "
        "thread of the child can release: fork before threads start, or use spawn or forkserver."
    )
    return MeasuredCause("undecided", sentence, advice, 0.9)


def _waits_since_fork(child: ProcessState, now: float) -> bool:
    """Its only thread has waited for one lock nearly all its life."""
    end = child.ended_s if child.ended_s is not None else now
    lived = end - child.began_s
    if child.started.start_method not in FORKS or len(child.threads) != 1 or child.crowds:
        return False
    waited = max(_lock_waits(child).values(), default=0.0)
    return child.unmoved_s >= HUNG_S and waited >= max(HUNG_S, HUNG * lived)


def _lock_waits(child: ProcessState) -> dict[int, float]:
    """Of its only thread."""
    (thread,) = child.threads.values()
    return lock_waits(thread, child.lines)


def _holder(state: State, child: ProcessState) -> ThreadRecord | None:
    """The only other thread that its parent had at the fork; None where there were more."""
    parents = [one for one in state.processes.values() if one.pid == child.started.ppid]
    at = child.began_s
    others = [
        thread
        for parent in parents
        for thread in parent.threads.values()
        if thread.started_s < at and (thread.ended_s is None or thread.ended_s > at - BESIDE_S)
        if thread.tid != parent.pid
    ]
    return others[0] if len(others) == 1 else None


def _computing(
    state: State, main: ProcessState, children: Iterable[ProcessState]
) -> MeasuredCause | None:
    works, own = [_work(child) for child in children], _work(main)
    wanted = sum(work.wanted_s for work in works)
    if wanted < SOME_S or wanted < MOSTLY * (wanted + own.wanted_s):
        return None
    least = PART * wanted / len(works)
    what = "child", "children"
    if own.wanted_s >= max(least, OWN * state.now):  # it computes as well, not only at its start
        works, wanted, what = [own, *works], wanted + own.wanted_s, ("process", "processes")
    busy = [work for work in works if work.wanted_s >= least]
    together = _together(work.process for work in busy)
    if together.alongside < ALONGSIDE:
        return _one_works(busy, wanted, together, state.now)
    on_cpu = sum(work.on_cpu_s for work in busy)
    in_use = on_cpu / together.span_s
    steady = sum(work.steady_s for work in busy)
    if in_use < IN_USE and steady < STEADILY * sum(work.wanted_s for work in busy):
        return None
    sentence = f"{fmt_plural(len(busy), *what)} compute side by side"
    starved = sum(work.cpu_wait_s for work in works)
    if starved >= STARVED * wanted:
        wait = fmt_percent(starved / wanted)
        sentence += f": {in_use:.1f} CPUs in use, they wait for one {wait} of the time"
        advice = "There are not enough CPUs for them: more processes would not help here."
    else:
        sentence += f", each with a GIL of its own: {in_use:.1f} CPUs in use"
        advice = "More processes help as long as there are CPUs for them and data to send is small."
    return MeasuredCause("process_parallel", sentence, advice, 0.9)


def _one_works(
    busy: Sequence[Work], wanted: float, together: _Together, now: float
) -> MeasuredCause | None:
    """Children compute, but hardly two at a time."""
    most = max(busy, key=lambda work: work.wanted_s)
    if most.wanted_s >= 0.8 * wanted:
        used_s = max(most.on_cpu_s, most.process.cpu_s)  # before an exec, too
        sentence = f"child {most.process.pid} does the work: {fmt_duration(used_s)} on a CPU"
        advice = "Look at it in panel Processes: what this process's own threads do says little."
        return MeasuredCause("single_thread_cpu", sentence, advice, 0.7)
    processes = [work.process for work in busy]
    lived_s = span_of_lives(processes, now)
    if together.span_s < MOSTLY * lived_s:  # they mostly wait
        return None
    number = fmt_plural(len(busy), "child", "children")
    lives_s = sum(span_of_lives([process], now) for process in processes)
    if together.at_most < ALONGSIDE or lives_s < ALONGSIDE * lived_s:
        sentence = f"{number} compute one after the other: hardly two at a time"
        advice = "Start them together, or keep them: what runs one after the other gains nothing."
    else:
        in_use = sum(work.on_cpu_s for work in busy) / lived_s
        sentence = f"{number} share the work: {in_use:.1f} CPUs in use by them together"
        advice = (
            "Each has a GIL of its own and time left: more work at once helps, not more of them."
        )
    return MeasuredCause("undecided", sentence, advice, 0.5)


class _Together(Struct, frozen=True, kw_only=True):
    """Computing of several processes by the clock: for how long at least one of them did it, and
    how many did so at once, on average over that time: at least and at most. Who was first within
    one step of the clock is not known."""

    span_s: float
    alongside: float
    at_most: float


def _together(processes: Iterable[ProcessState]) -> _Together:
    all_series = [process.work_series for process in processes]
    step = max((2 * series.span for series in all_series), default=1.0)
    sums: dict[int, float] = defaultdict(float)
    longest: dict[int, float] = defaultdict(float)
    for series in all_series:
        own: dict[int, float] = defaultdict(float)
        for (at, threads), seconds in zip(series, series.weights(), strict=True):
            for index, part in _over_steps(at, seconds, step):
                own[index] += min(threads, 1.0) * part
        for index, computed in own.items():
            sums[index] += computed
            longest[index] = max(longest[index], computed)
    span, total = sum(min(each, step) for each in sums.values()), sum(sums.values())
    if not total:
        return _Together(span_s=0.0, alongside=0.0, at_most=0.0)
    return _Together(span_s=span, alongside=total / span, at_most=total / sum(longest.values()))


def _over_steps(at: float, seconds: float, step: float) -> Iterator[tuple[int, float]]:
    """The steps that a time of this length goes through, and how much of each."""
    end = at + seconds
    for index in range(int(at // step), math.ceil(end / step)):
        yield index, min(end, (index + 1) * step) - max(at, index * step)


def _work(process: ProcessState) -> Work:
    on_cpu = process.on_cpu_s
    series = process.work_series
    moments = list(zip(series.column(0), series.weights(), strict=True))
    wanted = sum(threads * seconds for threads, seconds in moments)
    steady = sum(threads * seconds for threads, seconds in moments if threads >= STEADY)
    waited = max(0.0, wanted - on_cpu)
    return Work(process=process, on_cpu_s=on_cpu, cpu_wait_s=waited, steady_s=steady)
