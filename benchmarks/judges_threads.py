"""Where threads spend their time, in which state, held against what they measured themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from benchmarks.common import BenchmarkError
from benchmarks.readings import Facts, Reading, at_least, at_most, near

from refwatch.export.schema_types import Process, Thread
from refwatch.readings.threads.states import ThreadState

RUNNING = (ThreadState.GIL_HELD, ThreadState.NATIVE)


def share(thread: Thread, *states: ThreadState) -> float:
    """Share of the thread's life under watch."""
    total = sum(thread.states.values())
    return seconds_in(thread, *states) / total if total else 0.0


def seconds_in(thread: Thread, *states: ThreadState) -> float:
    return sum(thread.states.get(state, 0.0) for state in states)


def named(process: Process, name: str) -> Thread:
    for thread in process.threads:
        if thread.name == name:
            return thread
    seen = ", ".join(sorted(thread.name for thread in process.threads))
    raise BenchmarkError(f"no thread {name!r} in the snapshot, only: {seen}")


def queued(thread: Thread) -> Reading:
    """What the kernel counts as time on a run queue is ``cpu_wait``."""
    truth = thread.cpu_wait_s or 0.0
    waited = seconds_in(thread, ThreadState.CPU_WAIT)
    return near(f"{thread.name} cpu_wait", waited, truth, 0.05 * truth + 0.05, " s on a run queue")


def spinning(process: Process, facts: Facts) -> Iterator[Reading]:
    for name, cpu_s in sorted(facts["cpu_s"].items()):
        thread = named(process, name)
        held = seconds_in(thread, ThreadState.GIL_HELD)
        yield near(f"{name} gil_held", held, cpu_s, 0.05 * cpu_s, " s of CPU")
        yield queued(thread)
        yield at_most(f"{name} native", share(thread, ThreadState.NATIVE), 0.03)
    yield at_least("held fraction", process.gil.held_fraction or 0.0, 0.97)


def compressing(process: Process, facts: Facts) -> Iterator[Reading]:
    for name, truth in sorted(facts["threads"].items()):
        thread = named(process, name)
        native = seconds_in(thread, ThreadState.NATIVE)
        yield near(f"{name} native", native, truth["cpu_s"], 0.05 * truth["cpu_s"], " s of CPU")
        yield queued(thread)


def without_gil(process: Process, facts: Facts) -> Iterator[Reading]:
    """Nobody wants the GIL but for some microseconds, whatever else the machine does."""
    for name, truth in sorted(facts["threads"].items()):
        thread = named(process, name)
        cpu_s, queued_s = truth["cpu_s"], truth["queued_s"]
        native = seconds_in(thread, *RUNNING)
        waited = seconds_in(thread, ThreadState.CPU_WAIT)
        yield at_most(f"{name} gil_wait", share(thread, ThreadState.GIL_WAIT), 0.02)
        yield near(f"{name} native + gil_held", native, cpu_s, 0.05 * cpu_s, " s of CPU")
        slack = 0.05 * queued_s + 0.01 * truth["lived_s"]
        yield near(f"{name} cpu_wait", waited, queued_s, slack, " s on a run queue")


def waiting(process: Process, facts: Facts) -> Iterator[Reading]:
    for name in facts["threads"]:
        state = ThreadState(name.partition("/")[0])
        yield at_least(f"{name} {state}", share(named(process, name), state), 0.97)


def taking_turns(process: Process, facts: Facts) -> Iterator[Reading]:
    """A thread that waits in turn at three lines, each in its own way, and computes between."""
    thread = named(process, "turns")
    for state, truth in facts["waited_s"].items():
        waited = sum(hot.seconds for hot in thread.hot if hot.state == state)
        own = [hot for hot in thread.hot if hot.function.endswith(f".{state}")]
        here = sum(hot.seconds for hot in own if hot.state == state)
        yield near(f"{state} {facts['each']}", here, truth, 0.03 * truth + 0.02, " s")
        yield at_most(f"{state} {facts['each']} at other lines", (waited - here) / truth, 0.03)
    yield queued(thread)


WAITS = (ThreadState.SLEEP, ThreadState.IO_WAIT, ThreadState.LOCK_WAIT)


def two_waits(process: Process, facts: Facts) -> Iterator[Reading]:
    """What a thread has at a line, in any state, is what it was there for; each line has a way to
    wait of its own, after which it is named."""
    for name, truth in facts["threads"].items():
        thread = named(process, name)
        lived = truth.pop("lived_s")
        found: defaultdict[str, float] = defaultdict(float)
        for hot in thread.hot:
            found[hot.function] += hot.seconds
        wrong = sum(max(0.0, found[line] - seconds) for line, seconds in truth.items())
        yield at_most(f"{name}: at lines where it was not", wrong / lived, 0.02)
        missing = sum(max(0.0, seconds - found[line]) for line, seconds in truth.items())
        yield at_most(f"{name}: not at lines where it was", missing / lived, 0.02)
        amiss = sum(hot.seconds for hot in thread.hot if _is_amiss(hot.function, hot.state))
        yield at_most(f"{name}: waits of another kind than the line's", amiss / lived, 0.02)


def _is_amiss(function: str, state: ThreadState) -> bool:
    return state in WAITS and function in (*WAITS, "work") and state != function


def short_bursts(process: Process, facts: Facts) -> Iterator[Reading]:
    """CPU time of runs that are shorter than the time between two samples, by function."""
    whole = facts["all"]
    found: defaultdict[str, float] = defaultdict(float)
    for thread in process.threads:
        if thread.name.startswith("serve-"):
            for hot in thread.hot:
                found["all"] += hot.seconds if hot.state in RUNNING else 0.0
                found[hot.function] += hot.seconds if hot.state in RUNNING else 0.0
    for function in ("shorter", "longer", "wait", "wait_and_hash", "all"):
        yield near(function, found[function], facts[function], 0.05 * whole, " s of CPU")


def starved(process: Process, facts: Facts) -> Iterator[Reading]:
    """One CPU for all: a thread with the GIL and one without wait for it most of their time."""
    for name, truth in facts["threads"].items():
        thread = named(process, name)
        ran = seconds_in(thread, *RUNNING)
        cpu_s = truth["cpu_s"]
        yield near(f"{name} gil_held + native", ran, cpu_s, 0.1 * cpu_s + 0.05, " s of CPU")
        queue_s = truth["queued_s"]
        waited = seconds_in(thread, ThreadState.CPU_WAIT)
        yield near(f"{name} cpu_wait", waited, queue_s, 0.05 * queue_s, " s on a run queue")
        wanted = seconds_in(thread, ThreadState.GIL_WAIT)
        yield at_most(f"{name} gil_wait, share", wanted / truth["lived_s"], 0.1)


def short_threads(process: Process, facts: Facts) -> Iterator[Reading]:
    """CPU time of threads that lived for milliseconds, in sum over groups and the others."""
    truth = facts["cpu_s"]
    alone = [thread for thread in process.threads if thread.group is None]
    cpu_s = [group.cpu_s for group in process.groups] + [thread.cpu_s or 0.0 for thread in alone]
    yield near("CPU of all groups and threads", sum(cpu_s), truth, 0.05 * truth, " s")
    states = [group.states for group in process.groups] + [thread.states for thread in alone]
    ran = sum(one.get(state, 0.0) for one in states for state in RUNNING)
    yield near("gil_held + native of all", ran, truth, 0.05 * truth, " s of CPU")
