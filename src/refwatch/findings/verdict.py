"""Verdict on a state: where the time goes, in one sentence.

Each kind gets a score from 0 to 1. The best is the verdict, and its lead over the next is the
confidence; too close a race is ``undecided``, because a wrong verdict costs more than none. Scores
are computed from seconds, never from samples or threads, over the whole time under watch: a thread
that lived for a moment counts for a moment, and a finished run reads like a running one.
What children do comes first, where it is more than the program's own (family.py). Other causes that
need no scores are in blockers.py, the words in sentences.py.
"""

from __future__ import annotations

from refwatch.findings import locks
from refwatch.findings.blockers import (
    CHILD,
    MeasuredCause,
    children_sentence,
    deadlock_cause,
    measured_cause,
    own_share,
)
from refwatch.findings.family import family_cause, occasional_cause, quiet_cause
from refwatch.findings.load import Utilization, measure
from refwatch.findings.sentences import advice_of, sentence_of
from refwatch.findings.types import Verdict, VerdictKind
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import printable

MIN_WATCHED_S = 0.1  # a shorter time shows start-up, not behaviour
HALF_SURE_S = 1.0  # time under watch at which confidence is halved; nine times it: 90 %
MIN_SCORE = 0.3  # of a kind that describes the program


def diagnose(state: State) -> Verdict:
    """The verdict on the main process, over its whole time under watch.

    ``confidence`` is 0 to 1. It grows with the time under watch and with the lead over the next
    kind; it is low where child processes did most of the work. The sentence has about 100
    characters at most.
    """
    process = state.main
    if process is None or process.sampled_s < MIN_WATCHED_S or not process.samples:
        return _no_data(state, process)
    load = measure(process, process.lines)
    (kind, best), (_, second) = _ranking(load)[:2]
    if best < MIN_SCORE:
        kind, best, second = "undecided", MIN_SCORE, 0.0
    plain = deadlock_cause(state) or family_cause(state)
    plain = plain or measured_cause(kind, load, process, process.lines)
    if plain is None and kind in {"undecided", "idle"}:
        plain = quiet_cause(state)
    if plain is None and kind == "io_bound":
        plain = occasional_cause(state)
    if plain is None:
        advice = advice_of(kind, load, process.lines)
        having = locks.owner(process) if kind == "lock_bound" else None
        advice += f" {having}." if having else ""
        plain = MeasuredCause(None, sentence_of(kind, load), advice, best - second)
    evidence = _evidence(load, process)
    if stuck := sum(one.locks.deadlocked for one in state.processes.values()):
        evidence["deadlocked"] = stuck
    trust = process.sampled_s / (process.sampled_s + HALF_SURE_S)
    trust *= min(1.0, max(own_share(process), load.running))  # the work of children is unknown
    return Verdict(
        kind=plain.kind or kind,
        sentence=plain.sentence,
        advice=plain.advice,
        confidence=round(trust * plain.sure, 3),
        evidence={name: round(value, 6) for name, value in evidence.items()},
    )


def ramp(value: float, low: float, high: float) -> float:
    """0 below ``low``, 1 above ``high``, linear in between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _ranking(load: Utilization) -> list[tuple[VerdictKind, float]]:
    scores: dict[VerdictKind, float] = {
        "gil_bound": _gil_bound(load),
        "lock_bound": _lock_bound(load),
        "native_parallel": _native_parallel(load),
        "single_thread_cpu": _single_thread_cpu(load),
        "io_bound": _io_bound(load),
        "idle": _idle(load),
    }
    return sorted(scores.items(), key=lambda item: -item[1])


def _gil_bound(load: Utilization) -> float:
    # It limits the program only if it is nearly always held and a thread nearly always waits.
    return ramp(load.held, 0.5, 0.85) * ramp(load.gil_wait, 0.1, 0.6) * _over(load, load.gil_wait)


def _lock_bound(load: Utilization) -> float:
    # One thread works at a time; with two or more the lock is no bottleneck.
    one_holder = ramp(load.lock_active, 0.3, 0.6) * (1 - ramp(load.lock_active, 1.4, 2.0))
    return ramp(load.lock_wait, 0.25, 0.75) * one_holder * _over(load, load.lock_wait)


def _over(load: Utilization, waited: float) -> float:
    """Weight of one of the two queues, GIL and lock: 1 for the only one, 0 for much the shorter."""
    both = load.gil_wait + load.lock_wait
    return ramp(waited / both, 0.3, 0.6) if both else 0.0


def _native_parallel(load: Utilization) -> float:
    # More than one thread runs or wants to, which native code allows, or GILs of their own.
    own_gils = ramp(load.gils, 1.2, 1.6) * (1 - ramp(load.gil_wait, 0.1, 0.6))
    return ramp(load.running, 1.1, 1.5) * max(ramp(load.native_busy, 0.3, 0.7), own_gils)


def _single_thread_cpu(load: Utilization) -> float:
    alone = (1 - ramp(load.gil_wait, 0.1, 0.6)) * (1 - ramp(load.lock_wait, 0.25, 0.75))
    return ramp(load.running, 0.3, 0.7) * (1 - ramp(load.running, 1.2, 1.5)) * alone


def _io_bound(load: Utilization) -> float:
    return ramp(load.io, 0.2, 0.7) * (1 - ramp(load.running, 0.5, 0.9))


def _idle(load: Utilization) -> float:
    nobody_waits = (1 - ramp(load.io, 0.1, 0.5)) * (1 - ramp(load.lock_wait, 0.25, 0.75))
    nobody_waits *= 1 - ramp(load.gil_wait, 0.1, 0.6)
    no_child = 1 - ramp(load.child, CHILD, 3 * CHILD)
    return (1 - ramp(load.running, 0.05, 0.5)) * nobody_waits * no_child


def _evidence(load: Utilization, process: ProcessState) -> dict[str, float]:
    numbers = {
        "watched_s": load.watched_s,
        "threads": load.threads,
        "contention": load.gil_wait,
        "cpu": load.cpu,
        "native": load.native,
        "cpu_wait": load.cpu_wait,
        "io_wait": load.io,
        "lock_wait": load.lock_wait,
    }
    if load.has_gil:
        numbers["held_fraction"] = load.held
    if load.interpreter is not None:
        numbers |= {"interpreter": load.interpreter, "gils_held": load.gils}
    if load.hold_s is not None:
        numbers["hold_s"] = load.hold_s
    if load.longest_hold is not None:
        numbers["longest_hold_s"] = load.longest_hold.seconds
    if load.collecting:
        numbers["collecting"] = load.collecting
    if process.unmoved_s:
        numbers["unmoved_s"] = process.unmoved_s
    if children_sentence(process) and process.memory is not None:
        numbers["children"] = process.memory.children
        numbers["children_cpu_s"] = process.memory.children_cpu_s or 0.0
    return numbers


def _no_data(state: State, process: ProcessState | None) -> Verdict:
    sentence = _missing(state, process)
    advice = "Watch for a second or longer; refwatch doctor says what this machine allows."
    watched = process.sampled_s if process else 0.0
    return Verdict(
        kind="undecided",
        sentence=sentence,
        advice=advice,
        confidence=0.0,
        evidence={"watched_s": round(watched, 6)},
    )


def _missing(state: State, process: ProcessState | None) -> str:
    if process is None:
        return "no target has started yet"
    if process.samples:
        return f"only {fmt_duration(process.sampled_s)} of samples: too few to judge"
    for reading in ("outside reading", "threads", "thread states"):
        if reading in process.limits:
            return f"no samples: {printable(process.limits[reading])}"
    ended = process.ended_s is not None or state.ended is not None
    return "no samples: the target ended too soon" if ended else "no samples yet"
