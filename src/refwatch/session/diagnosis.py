"""Where the time goes, in one sentence: the verdict over a state.

It weighs seconds, never samples or threads, over the whole life under watch, so that a thread that
lived for a moment counts for a moment and a finished run reads as a running one does. Every kind
gets a score from 0 to 1; the best one is the verdict, and its lead over the next is the confidence.
What cannot be told apart is ``undecided``: a wrong sentence costs the reader more than none.
``process_parallel`` needs readings of child processes and is never given without them.
"""

from __future__ import annotations

from refwatch.model.snapshot import Verdict, VerdictKind
from refwatch.session.load import Load, measure
from refwatch.session.process import ProcessState
from refwatch.session.state import Line, State

MIN_WATCHED_S = 0.1  # less than this is one slice: start-up, not behaviour
HALF_SURE_S = 1.0  # watched for this long, a clear case is half believed; for nine times it, 90 %
MIN_SCORE = 0.3  # below it no kind describes the program
MOSTLY_IDLE = 0.5  # CPUs in use, below which a wait for a child tells where the time goes
CHILD = 0.2  # threads that wait for a child process: then it does the work, unseen
LONG_HOLD = 4.0  # switch intervals; Python code hands over after one, a C call when it ends


def diagnose(state: State) -> Verdict:
    """The verdict over all that was watched of the main process.

    ``confidence`` is 0 to 1 and grows with the time watched and with the lead over the next kind;
    ``evidence`` has the numbers that the decision used. The sentence fits a line of 100 characters.
    """
    process = state.main
    if process is None or process.sampled_s < MIN_WATCHED_S or not process.samples:
        return _no_data(state, process)
    load = measure(process, state.lines)
    (kind, best), (_, second) = _ranking(load)[:2]
    if best < MIN_SCORE:
        kind, best, second = "undecided", MIN_SCORE, 0.0
    trust = process.sampled_s / (process.sampled_s + HALF_SURE_S)
    return Verdict(
        kind=kind,
        sentence=_SENTENCES[kind](load),
        advice=_advice(kind, load, state.lines),
        confidence=round(trust * (best - second), 3),
        evidence={name: round(value, 6) for name, value in _evidence(load).items()},
    )


def ramp(value: float, low: float, high: float) -> float:
    """0 below ``low``, 1 above ``high``, straight between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _ranking(load: Load) -> list[tuple[VerdictKind, float]]:
    scores: dict[VerdictKind, float] = {
        "gil_bound": _gil_bound(load),
        "lock_bound": _lock_bound(load),
        "native_parallel": _native_parallel(load),
        "single_thread_cpu": _single_thread_cpu(load),
        "io_bound": _io_bound(load),
        "idle": _idle(load),
    }
    return sorted(scores.items(), key=lambda item: -item[1])


def _gil_bound(load: Load) -> float:
    # It limits the program only when it is nearly always taken and somebody nearly always waits.
    return ramp(load.held, 0.5, 0.85) * ramp(load.gil_wait, 0.1, 0.6) * _over(load, load.gil_wait)


def _lock_bound(load: Load) -> float:
    # One works at a time; two or more would mean that the lock is no bottleneck.
    one_holder = ramp(load.lock_active, 0.3, 0.6) * (1 - ramp(load.lock_active, 1.4, 2.0))
    return ramp(load.lock_wait, 0.25, 0.75) * one_holder * _over(load, load.lock_wait)


def _over(load: Load, waited: float) -> float:
    """Which of the two queues is the longer one: 1 for the only one, 0 for far the shorter."""
    both = load.gil_wait + load.lock_wait
    return ramp(waited / both, 0.3, 0.6) if both else 0.0


def _native_parallel(load: Load) -> float:
    # More than one thread runs or wants to, and it is native code that lets them.
    return ramp(load.running, 1.1, 1.5) * ramp(load.native_busy, 0.3, 0.7)


def _single_thread_cpu(load: Load) -> float:
    alone = (1 - ramp(load.gil_wait, 0.1, 0.6)) * (1 - ramp(load.lock_wait, 0.25, 0.75))
    return ramp(load.running, 0.3, 0.7) * (1 - ramp(load.running, 1.2, 1.5)) * alone


def _io_bound(load: Load) -> float:
    return ramp(load.io, 0.2, 0.7) * (1 - ramp(load.running, 0.5, 0.9))


def _idle(load: Load) -> float:
    nobody_waits = (1 - ramp(load.io, 0.1, 0.5)) * (1 - ramp(load.lock_wait, 0.25, 0.75))
    no_child = 1 - ramp(load.child, CHILD, 3 * CHILD)
    return (1 - ramp(load.running, 0.05, 0.5)) * nobody_waits * no_child


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _say_gil_bound(load: Load) -> str:
    who = f"{_threads(load.gil_threads)}: {_percent(load.held)} of the GIL held"
    return f"{who}, each waits {_percent(load.gil_wait_share)} of its time"


def _say_lock_bound(load: Load) -> str:
    waits = f"waits {_percent(load.lock_wait_share)} of its time for a lock"
    return f"{_threads(load.lock_threads)}: each {waits}, one works at a time"


def _say_native_parallel(load: Load) -> str:
    if load.cpu_wait > load.held + load.native:
        waits = _percent(load.cpu_wait / load.running)
        return f"{_threads(load.busy_threads)} want a CPU, each waits {waits} of its time for one"
    who = f"{_threads(load.busy_threads)} on {load.held + load.native:.1f} CPUs at once"
    if not load.has_gil:
        return f"{who}, no GIL in the way"
    return f"{who}: native code, {_percent(load.held)} of the GIL held"


def _say_single(load: Load) -> str:
    cpu = f"{_percent(min(load.running, 1.0))} of one CPU"
    if load.busy_threads != 1:
        return f"{_threads(load.busy_threads)} take turns: {cpu}, one at a time"
    busy = f"1 thread does the work: {cpu}"
    others = load.threads - 1
    return f"{busy}, {others} {'waits' if others == 1 else 'wait'} beside it" if others else busy


def _say_io_bound(load: Load) -> str:
    who = f"{_threads(load.io_threads)}: {_percent(load.io_share)} of the time in input and output"
    return f"{who}, {_percent(load.held)} of the GIL held" if load.has_gil else who


def _say_idle(load: Load) -> str:
    return f"{_threads(load.threads)}, mostly waiting: {_percent(load.running)} of one CPU in use"


def _child_works(load: Load) -> bool:
    """Whether the work is done by a child process, which nobody reads, and little is done here."""
    return load.child > CHILD and load.running < MOSTLY_IDLE


def _say_undecided(load: Load) -> str:
    if _child_works(load):
        return f"waits for a child process {_percent(load.child)} of the time"
    gil = f"{_percent(load.held)} of the GIL held, " if load.has_gil else ""
    return f"mixed: {gil}{load.running:.1f} CPUs in use, {load.io:.1f} threads in input and output"


_SENTENCES = {
    "gil_bound": _say_gil_bound,
    "lock_bound": _say_lock_bound,
    "native_parallel": _say_native_parallel,
    "single_thread_cpu": _say_single,
    "io_bound": _say_io_bound,
    "idle": _say_idle,
    "undecided": _say_undecided,
}


def _advice(kind: VerdictKind, load: Load, lines: dict[int, Line]) -> str:
    if kind == "gil_bound":
        return _advise_gil(load, lines)
    if kind == "lock_bound":
        return f"Hold the lock for less{_at(load.lock_line, lines)}, or split it into several."
    if kind == "single_thread_cpu":
        return _advise_single(load, lines)
    if kind == "native_parallel":
        if load.cpu_wait > 0.5:
            return "More threads want a CPU than are free: use fewer threads, or more CPUs."
        return "It scales: more threads help as long as there are CPUs for them."
    if kind == "undecided" and _child_works(load):
        return "Watch the child itself: only this process is read."
    return _PLAIN_ADVICE[kind]


_PLAIN_ADVICE: dict[VerdictKind, str] = {
    "io_bound": "The CPU has time to spare: more requests at once help, a faster CPU does not.",
    "idle": "Nothing to speed up here: it waits for time, for work or for another thread.",
    "undecided": "No one cause stands out: sort the threads by state and look at their hot lines.",
}


def _advise_gil(load: Load, lines: dict[int, Line]) -> str:
    where = _at(load.held_line, lines)
    if load.hold_s is not None and load.hold_s > LONG_HOLD * load.switch_interval_s:
        return (
            f"A call keeps the GIL {load.hold_s * 1e3:.0f} ms at a time{where}: make it release it."
        )
    return (
        f"Use processes or a free-threaded build; the GIL is held most{where or ' by Python code'}."
    )


def _advise_single(load: Load, lines: dict[int, Line]) -> str:
    where = _at(load.busy_line, lines)
    if load.has_gil:
        return f"Make the work faster{where}, or spread it over processes."
    return f"This interpreter has no GIL: spread the work{where} over threads."


def _at(line: int | None, lines: dict[int, Line]) -> str:
    known = lines.get(line) if line is not None else None
    return f" at {printable(known.file)}:{known.number}" if known else ""


def printable(text: str) -> str:
    """The text with every character that a terminal could act upon written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _evidence(load: Load) -> dict[str, float]:
    numbers = {
        "watched_s": load.watched_s,
        "threads": load.threads,
        "contention": load.gil_wait,
        "cpu": load.running,
        "native": load.native,
        "cpu_wait": load.cpu_wait,
        "io_wait": load.io,
        "lock_wait": load.lock_wait,
    }
    if load.has_gil:
        numbers["held_fraction"] = load.held
    if load.hold_s is not None:
        numbers["hold_s"] = load.hold_s
    return numbers


def _no_data(state: State, process: ProcessState | None) -> Verdict:
    sentence = _missing(state, process)
    advice = "Watch for a second or longer; refwatch doctor says what this machine allows."
    watched = process.sampled_s if process else 0.0
    return Verdict("undecided", sentence, advice, 0.0, {"watched_s": round(watched, 6)})


def _missing(state: State, process: ProcessState | None) -> str:
    if process is None:
        return "no target has started yet"
    if process.samples:
        return f"only {process.sampled_s:.2f} s of samples: too few to judge"
    for reading in ("outside reading", "threads", "thread states"):
        if reading in state.limits:
            return f"no samples: {printable(state.limits[reading])}"
    ended = process.ended_s is not None or state.ended is not None
    return "no samples: the target ended too soon" if ended else "no samples yet"
