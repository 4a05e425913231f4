"""Who holds the GIL, for how long, and what the holder does meanwhile, held against the truth."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.common import BenchmarkError
from benchmarks.judges_threads import RUNNING, named, seconds_in
from benchmarks.readings import Facts, Reading, near

from refwatch.export.schema_types import Holds, Process
from refwatch.readings.threads.states import ThreadState


def holds_of(process: Process) -> Holds:
    if process.holds is None:
        raise BenchmarkError("no holds in the snapshot")
    return process.holds


def long_calls(process: Process, facts: Facts) -> Iterator[Reading]:
    for name in ("sum", "usleep"):
        held = named(process, name).holds_s or 0.0
        yield near(f"{name} held", held, facts[name], 0.03 * facts[name], " s")
    asleep = seconds_in(named(process, "usleep"), ThreadState.SLEEP)
    slept = facts["usleep"] + facts["rested"]
    yield near("usleep asleep", asleep, slept, 0.03 * slept, " s")
    both = facts["sum"] + facts["usleep"]
    waiter = named(process, "waiter")
    waited = seconds_in(waiter, ThreadState.GIL_WAIT, ThreadState.CPU_WAIT)
    yield near("waiter gil_wait + cpu_wait", waited, both, 0.03 * both, " s")
    longest = process.holds.longest_s if process.holds else None
    most = max(facts["sum"], facts["usleep"])
    yield near("longest hold", longest or 0.0, most, 0.03 * most, " s")


def handing_over(process: Process, facts: Facts) -> Iterator[Reading]:
    """The watch covers the busy phase and more: what refwatch counts is at least the program's own
    difference, and at most what the GIL has counted in its whole life, and a few at the end."""
    counted = process.gil.handoffs or 0
    low, high = facts["after"] - facts["before"], facts["after"] + 20
    bound = f"{low} to {high} (the GIL's own count)"
    yield Reading("handoffs", str(counted), bound, low <= counted <= high)


def holder_states(process: Process, facts: Facts) -> Iterator[Reading]:
    """A holder runs, waits for a CPU or is blocked in C: by thread, and in sum in ``holds``."""
    threads = facts["threads"]
    for name, truth in threads.items():
        thread = named(process, name)
        cpu_s, queued_s = truth["cpu_s"], truth["queued_s"]
        blocked = truth["inside_s"] - queued_s if truth["inside_s"] else 0.0
        if blocked:
            waits = seconds_in(thread, ThreadState.SLEEP, ThreadState.IO_WAIT, ThreadState.OTHER)
            yield near(f"{name} asleep or at I/O", waits, blocked, 0.05 * blocked, " s")
        else:
            ran = seconds_in(thread, *RUNNING)
            yield near(f"{name} gil_held + native", ran, cpu_s, 0.05 * cpu_s, " s of CPU")
        if name == "starved":
            waited = seconds_in(thread, ThreadState.CPU_WAIT)
            yield near(f"{name} cpu_wait", waited, queued_s, 0.05 * queued_s, " s on a run queue")
        lived = truth["inside_s"] or cpu_s + queued_s
        yield near(f"{name} holds", thread.holds_s or 0.0, lived, 0.05 * lived, " s")
    holds, everyone = holds_of(process), [*threads.values(), facts["main"]]
    cpu_s = sum(truth["cpu_s"] for truth in everyone)
    yield near("holds running", holds.running_s, cpu_s, 0.05 * cpu_s, " s of CPU")
    queued_s = sum(truth["queued_s"] for truth in everyone)
    yield near("holds cpu_wait", holds.cpu_wait_s, queued_s, 0.05 * queued_s, " s on a run queue")
    blocked = sum(truth["inside_s"] - truth["queued_s"] for truth in _blocked(facts))
    yield near("holds blocked", holds.blocked_s, blocked, 0.05 * blocked, " s")


def _blocked(facts: Facts) -> list[dict[str, float]]:
    return [truth for truth in facts["threads"].values() if truth["inside_s"]]


def gil_turns(process: Process, facts: Facts) -> Iterator[Reading]:
    """Threads that compute have the GIL for a switch interval each, and longer where the holder
    waits for a CPU: their own clock says how much."""
    p50 = holds_of(process).p50_s or 0.0
    least, most = 0.95 * facts["least_s"], 1.05 * facts["most_s"]
    bound = f"{1e3 * least:.2f} to {1e3 * most:.2f} ms"
    interval_ms = 1e3 * facts["interval_s"]
    yield Reading(
        f"p50, interval {interval_ms:.0f} ms", f"{1e3 * p50:.2f} ms", bound, least <= p50 <= most
    )


def long_hold(process: Process, facts: Facts) -> Iterator[Reading]:
    holds, took = holds_of(process), facts["took_s"]
    yield near("longest hold", holds.longest_s or 0.0, took, 0.05 * took, " s")
    right = f"{facts['function']}:{facts['line']}"
    at = holds.longest_at
    said = f"{at.function}:{at.line}" if at is not None else "none"
    yield Reading("its line", said, right, said == right)
    longest = [
        line.longest_s or 0.0
        for line in holds.by_line
        if f"{line.function}:{line.line}" == right and line.file.endswith("long_hold.py")
    ]
    yield near("longest of that line", max(longest, default=0.0), took, 0.05 * took, " s")


def collecting(process: Process, facts: Facts) -> Iterator[Reading]:
    """The collector's time by the clock in the program's own `gc.callbacks`."""
    truth = facts["collecting_s"]
    yield near("collecting_s", process.collecting_s or 0.0, truth, 0.05 * truth, " s")
