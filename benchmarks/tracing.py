"""What does exact mode cost beside tracemalloc itself, and how long does a count stop the program?

    python benchmarks/tracing.py [--rounds 5] [--frames 1 ..] [--traces 1000000 ..] [--json FILE]

Cost: programs that allocate all the time, under `python -X tracemalloc=N` and under `refwatch
--alloc exact --frames N`, in turn; the order turns round from one round to the next. The figures
are ratios of the programs' own times (work, CPU) and of the whole processes.

Stall: a program with so many traces has a thread that never rests and notes each gap of more than
half a millisecond between two looks at the clock (`benchmarks/targets/heap.py`). It runs under
refwatch, which counts the traces by itself; the longest gap around each count is its stall.

The exit status is 1 where a ratio of work is above 1.03, or a stall above 10 ms for each million.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import (
    HERE,
    BenchmarkError,
    Run,
    machine,
    print_machine,
    refwatch_command,
    run,
    table,
    write_json,
)
from benchmarks.readings import Facts

from refwatch.session import events as ev
from refwatch.session.recording import read_recording

RATIO_BOUND = 1.03
LIMIT_MS_PER_MILLION = 10.0
PROGRAMS = ("allocation", "growing")
FRAMES = (1, 25)
TRACES = (1_000_000,)
HEAP = str(HERE / "targets" / "heap.py")
TRACES_PER_OBJECT = 2.0  # of that program
EDGE_S = 0.02  # around a pause: between what refwatch says of its time and what the program felt

Pair = tuple[Run, Run]


@dataclass
class Stall:
    """What the busy thread felt in one run: milliseconds, one figure for each count."""

    traces: int
    longest: list[float]
    pauses: list[float]
    """What refwatch says."""
    took: list[float]
    """Seconds of work in the copies."""


def paired(program: str, frames: int, rounds: int, scale: float) -> list[Pair]:
    """(under -X tracemalloc, under refwatch) of each round."""
    script = [str(HERE / "programs" / f"{program}.py"), str(scale)]
    plain = [sys.executable, "-X", f"tracemalloc={frames}", *script]
    exact = ["--headless", "--alloc", "exact", "--frames", str(frames)]
    watched = [*refwatch_command(), *exact, *script]
    pairs: list[Pair] = []
    for number in range(rounds):
        if number % 2 == 0:
            first = run(plain)
            pairs.append((first, run(watched)))
        else:
            second = run(watched)
            pairs.append((run(plain), second))
        sys.stderr.write(f"\r{program}, {frames} frames: round {number + 1} of {rounds} ")
    sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "\n")
    return pairs


def ratio_row(program: str, frames: int, pairs: list[Pair]) -> list[str]:
    work = [watched.facts["work_s"] / plain.facts["work_s"] for plain, watched in pairs]
    cpu = [watched.facts["cpu_s"] / plain.facts["cpu_s"] for plain, watched in pairs]
    whole = [watched.whole_s / plain.whole_s for plain, watched in pairs]
    median = statistics.median(work)
    return [
        program,
        str(frames),
        f"{statistics.median(plain.facts['work_s'] for plain, _ in pairs):.2f}",
        f"{median:.3f}",
        f"{min(work):.3f}-{max(work):.3f}",
        f"{statistics.median(cpu):.3f}",
        f"{statistics.median(whole):.3f}",
        f"<= {RATIO_BOUND:.2f} " + ("OK" if median <= RATIO_BOUND else "MISS"),
    ]


def stall_of(traces: int, seconds: float) -> Stall:
    with tempfile.TemporaryDirectory(prefix="tracing-") as folder:
        recording = Path(folder) / "recording"
        command = [*refwatch_command(), "--headless", "--alloc", "exact", "--census", "off"]
        command += ["--record", str(recording), HEAP]
        objects = str(int(traces / TRACES_PER_OBJECT))
        facts = run([*command, objects, str(seconds), "nothing"]).facts
        stall = counts_of(recording, facts)
    if not stall.longest:
        raise BenchmarkError(f"no count of {traces} traces was made in {seconds} s")
    return stall


def counts_of(path: Path, facts: Facts) -> Stall:
    """The counts that were made while the thread looked, and the longest gap around each."""
    stall = Stall(0, [], [], [])
    zero = 0.0
    for event in read_recording(path).events:
        if isinstance(event, ev.TargetStarted):
            zero = datetime.fromisoformat(event.started_at).timestamp() - facts["clock"]
        elif isinstance(event, ev.TracesTaken):
            end = event.at + zero
            start = end - event.pause_s - EDGE_S
            if start < facts["ready"] or event.blocks < stall.traces:
                continue  # before the thread looks, or after: the heap is gone then
            near = [
                1e3 * gap for at, gap in facts["gaps"] if start < at + gap and at < end + EDGE_S
            ]
            stall.traces = event.blocks
            stall.longest.append(max(near, default=0.0))
            stall.pauses.append(1e3 * event.pause_s)
            stall.took.append(event.took_s)
    return stall


def stall_row(stalls: list[Stall]) -> list[str]:
    traces = max(stall.traces for stall in stalls)
    longest = [gap for stall in stalls for gap in stall.longest]
    pauses = [pause for stall in stalls for pause in stall.pauses]
    bound = LIMIT_MS_PER_MILLION * traces / 1e6
    return [
        f"{traces:,}",
        str(len(longest)),
        f"{statistics.median(longest):.1f} ({max(longest):.1f})",
        f"{statistics.median(pauses):.1f} ({max(pauses):.1f})",
        f"{statistics.median(took for stall in stalls for took in stall.took):.2f}",
        f"<= {bound:.0f} " + ("OK" if statistics.median(longest) <= bound else "MISS"),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What exact mode costs.")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind (default: 5)")
    parser.add_argument("--frames", type=int, action="append", help="repeatable (default: 1, 25)")
    parser.add_argument("--traces", type=int, action="append", help="repeatable (default: 1 M)")
    parser.add_argument("--program", action="append", choices=PROGRAMS, help="repeatable")
    parser.add_argument("--scale", type=float, default=0.3, help="of the programs' work (0.3)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a stall's run (30)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run")
    options = parser.parse_args()
    if options.rounds < 0 or options.seconds <= 0 or min(options.traces or TRACES) < 2:
        parser.error("--rounds must be at least 0, --seconds more than 0, --traces at least 2")
    return options


def main() -> int:
    options = parse()
    print_machine()
    cost: list[list[str]] = []
    kept: dict[str, list[tuple[dict[str, object], dict[str, object]]]] = {}
    for program in (options.program or PROGRAMS) if options.rounds else ():
        for frames in options.frames or FRAMES:
            pairs = paired(program, frames, options.rounds, options.scale)
            cost.append(ratio_row(program, frames, pairs))
            kept[f"{program} {frames}"] = [(asdict(a), asdict(b)) for a, b in pairs]
    head = ["program", "frames", "work s", "ratio", "spread", "CPU", "whole", "limit"]
    print(table(head, cost), end="\n\n", flush=True)
    stalls = {
        traces: [stall_of(traces, options.seconds) for _ in range(max(1, options.rounds))]
        for traces in options.traces or TRACES
    }
    rows = [stall_row(own) for own in stalls.values()]
    head = ["traces", "counts", "longest gap ms", "pause ms", "work in the copy s", "limit"]
    print(table(head, rows), flush=True)
    told = {traces: [asdict(stall) for stall in own] for traces, own in stalls.items()}
    write_json(options.json, {"machine": machine(), "cost": kept, "stalls": told})
    return int(any(row[-1].endswith("MISS") for row in cost + rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"tracing: {problem}")
