"""Is what refwatch says true?

    python benchmarks/accuracy.py [--python EXE ..] [--only TARGET] [--seconds 5] [--json FILE]

Runs the programs of `benchmarks/targets`, which behave in known ways and measure themselves, under
`refwatch --headless -o`, and holds the snapshot against the truth, for each interpreter given. A
reading is OK or a MISS; the exit status is 1 on any MISS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.allocated import allocating
from benchmarks.common import (
    HERE,
    BenchmarkError,
    machine,
    print_machine,
    refwatch_command,
    run,
    table,
    write_json,
)
from benchmarks.counts import classes, references
from benchmarks.readings import Facts, Reading, at_least, at_most, near

from refwatch.export.schema_types import Process, Snapshot, Thread
from refwatch.readings.threads.states import ThreadState


def share(thread: Thread, state: ThreadState) -> float:
    """Share of the thread's life under watch."""
    total = sum(thread.states.values())
    return thread.states.get(state, 0.0) / total if total else 0.0


def named(process: Process, name: str) -> Thread:
    for thread in process.threads:
        if thread.name == name:
            return thread
    seen = ", ".join(sorted(thread.name for thread in process.threads))
    raise BenchmarkError(f"no thread {name!r} in the snapshot, only: {seen}")


def spinning(process: Process, facts: Facts) -> Iterator[Reading]:
    for name, cpu_s in sorted(facts["cpu_s"].items()):
        thread = named(process, name)
        held = thread.states.get(ThreadState.GIL_HELD, 0.0)
        yield near(f"{name} gil_held", held, cpu_s, 0.05 * cpu_s, " s of CPU")
        yield queued(thread)
        yield at_most(f"{name} native", share(thread, ThreadState.NATIVE), 0.03)
    yield at_least("held fraction", process.gil.held_fraction or 0.0, 0.97)


def queued(thread: Thread) -> Reading:
    """What the kernel counts as time on a run queue is ``cpu_wait``."""
    truth = thread.cpu_wait_s or 0.0
    waited = thread.states.get(ThreadState.CPU_WAIT, 0.0)
    return near(f"{thread.name} cpu_wait", waited, truth, 0.05 * truth + 0.05, " s on a run queue")


def compressing(process: Process, facts: Facts) -> Iterator[Reading]:
    for name, truth in sorted(facts["threads"].items()):
        thread = named(process, name)
        native = thread.states.get(ThreadState.NATIVE, 0.0)
        yield near(f"{name} native", native, truth["cpu_s"], 0.05 * truth["cpu_s"], " s of CPU")
        yield queued(thread)


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


def starved(process: Process, facts: Facts) -> Iterator[Reading]:
    """One CPU for all: a thread with the GIL and one without wait for it most of their time."""
    for name, truth in facts["threads"].items():
        thread = named(process, name)
        ran = sum(thread.states.get(s, 0.0) for s in (ThreadState.GIL_HELD, ThreadState.NATIVE))
        cpu_s = truth["cpu_s"]
        yield near(f"{name} gil_held + native", ran, cpu_s, 0.1 * cpu_s + 0.05, " s of CPU")
        queue_s = truth["queued_s"]
        waited = thread.states.get(ThreadState.CPU_WAIT, 0.0)
        yield near(f"{name} cpu_wait", waited, queue_s, 0.05 * queue_s, " s on a run queue")
        wanted = thread.states.get(ThreadState.GIL_WAIT, 0.0)
        yield at_most(f"{name} gil_wait, share", wanted / truth["lived_s"], 0.1)


def long_calls(process: Process, facts: Facts) -> Iterator[Reading]:
    for name in ("sum", "usleep"):
        held = named(process, name).holds_s or 0.0
        yield near(f"{name} held", held, facts[name], 0.03 * facts[name], " s")
    asleep = named(process, "usleep").states.get(ThreadState.SLEEP, 0.0)
    slept = facts["usleep"] + facts["rested"]
    yield near("usleep asleep", asleep, slept, 0.03 * slept, " s")
    both = facts["sum"] + facts["usleep"]
    waiter = named(process, "waiter").states
    waited = waiter.get(ThreadState.GIL_WAIT, 0.0) + waiter.get(ThreadState.CPU_WAIT, 0.0)
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


CHECKS: dict[str, Callable[[Process, Facts], Iterator[Reading]]] = {
    "spinning": spinning,
    "compressing": compressing,
    "waiting": waiting,
    "taking_turns": taking_turns,
    "starved": starved,
    "long_calls": long_calls,
    "handing_over": handing_over,
    "classes": classes,
    "references": references,
    "allocating": allocating,
}


# Which thread gets the GIL, and which block is looked at, is a matter of chance.
LEAST_S = {"spinning": 10.0, "allocating": 30.0}


def watch(target: str, python: str | None, seconds: float) -> tuple[Snapshot, Facts]:
    """Run a target under refwatch; return the snapshot and what the target says of itself."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        output = Path(folder) / "snapshot.json"
        lasts = max(seconds, LEAST_S.get(target, 0.0))
        command = [*refwatch_command(), "--headless", "-o", str(output)]
        if python is not None:
            command += ["--python", python]
        done = run([*command, str(HERE / "targets" / f"{target}.py"), str(lasts)])
        if not output.exists():
            raise BenchmarkError(f"no snapshot was written: {done.said.strip()[-300:]}")
        snapshot = msgspec.json.decode(output.read_bytes(), type=Snapshot)
        started = datetime.fromisoformat(snapshot.target.started_at).timestamp()
        return snapshot, {**done.facts, "started": started}


def check(target: str, python: str | None, seconds: float) -> tuple[str, list[Reading]]:
    """The target's readings, under a line that says how they were taken."""
    try:
        snapshot, facts = watch(target, python, seconds)
        readings = list(CHECKS[target](snapshot.processes[0], facts))
    except (BenchmarkError, msgspec.DecodeError, IndexError, KeyError) as error:
        return f"{target}: failed", [Reading("runs", f"{error!r}"[:300], "a snapshot", ok=False)]
    sampling = snapshot.sampling
    how = f"CPython {snapshot.target.python}, {sampling.method}, {sampling.mean_hz or 0:.0f} Hz"
    if sampling.torn_frames:
        how += f", {sampling.torn_frames} torn frames"
    return f"{target}: {how}", readings


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Holds refwatch's readings against the truth.")
    parser.add_argument(
        "--python", action="append", metavar="EXE", help="interpreter of the targets, repeatable"
    )
    parser.add_argument("--only", action="append", choices=list(CHECKS), help="this target alone")
    parser.add_argument("--seconds", type=float, default=5.0, help="per target (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the readings")
    return parser.parse_args()


def main() -> int:
    options = parse()
    print_machine()
    kept: list[dict[str, object]] = []
    misses = total = 0
    for python in options.python or [None]:
        if python is not None:
            print(f"## {python}", end="\n\n")
        for target in options.only or CHECKS:
            title, readings = check(target, python, options.seconds)
            rows = [[r.what, r.value, r.bound, "OK" if r.ok else "MISS"] for r in readings]
            print(title, table(["reading", "value", "bound", ""], rows), sep="\n\n", flush=True)
            print()
            misses += sum(not reading.ok for reading in readings)
            total += len(readings)
            found = [msgspec.to_builtins(reading) for reading in readings]
            kept.append({"python": python, "target": target, "how": title, "readings": found})
    print(f"{total - misses} of {total} readings OK, {misses} MISS")
    write_json(options.json, {"machine": machine(), "targets": kept})
    return int(misses > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"accuracy: {problem}")
