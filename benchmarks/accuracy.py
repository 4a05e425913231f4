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

from refwatch.model.snapshot import Process, Snapshot, Thread
from refwatch.model.states import ThreadState


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
    # A thread that only computes is on a CPU while it holds the GIL, unless the kernel lets another
    # program go first: so it is the threads' parts of their common CPU time that are compared.
    in_all = sum(facts["cpu_s"].values())
    for name, cpu_s in sorted(facts["cpu_s"].items()):
        thread = named(process, name)
        held = share(thread, ThreadState.GIL_HELD)
        yield near(f"{name} gil_held", held, 0.25, 0.03)
        yield near(f"{name} gil_held, by CPU time", held, cpu_s / in_all, 0.03)
        yield at_most(f"{name} native", share(thread, ThreadState.NATIVE), 0.03)
    yield at_least("held fraction", process.gil.held_fraction or 0.0, 0.97)


def compressing(process: Process, facts: Facts) -> Iterator[Reading]:
    """The kernel may give a thread less than 0.9 of a CPU where others want it too: then native and
    cpu_wait must together be its life, and native what the kernel says."""
    for name, truth in sorted(facts["threads"].items()):
        thread = named(process, name)
        on_cpu = truth["cpu_s"] / truth["lived_s"]
        native = share(thread, ThreadState.NATIVE)
        waited = share(thread, ThreadState.CPU_WAIT)
        note = f" (the kernel says {on_cpu:.3f})"
        yield at_least(f"{name} native", native, min(0.9, on_cpu - 0.05), note)
        yield at_least(f"{name} native + cpu_wait ({waited:.3f})", native + waited, 0.9)


def waiting(process: Process, facts: Facts) -> Iterator[Reading]:
    for name in facts["threads"]:
        state = ThreadState(name.partition("/")[0])
        yield at_least(f"{name} {state}", share(named(process, name), state), 0.97)


def long_calls(process: Process, facts: Facts) -> Iterator[Reading]:
    for name in ("sum", "usleep"):
        held = named(process, name).states.get(ThreadState.GIL_HELD, 0.0)
        yield near(f"{name} held", held, facts[name], 0.03 * facts[name], " s")
    both = facts["sum"] + facts["usleep"]
    waited = named(process, "waiter").states.get(ThreadState.GIL_WAIT, 0.0)
    yield near("waiter gil_wait", waited, both, 0.03 * both, " s")


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
