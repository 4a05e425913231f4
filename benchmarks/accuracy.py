"""Is what refwatch says true?

    python benchmarks/accuracy.py [--python EXE ..] [--only ROW ..] [--seconds 5] [--json FILE]
                                  [--runs N] [--beside N]

Runs the programs of `benchmarks/targets`, which behave in known ways and measure themselves, under
`refwatch --headless -o`, and holds the snapshot against the truth, for each interpreter given. A
reading is OK or a MISS; the exit status is 1 on any MISS. `--runs 20` runs each target so often,
and a reading is OK only where it was right each time; `--beside 2` keeps two processes computing
beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import to_builtins

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks import judges_gil, judges_stacks, judges_threads
from benchmarks.allocated import allocating
from benchmarks.beside import busy_processes
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
from benchmarks.readings import Facts, Reading

from refwatch.export.schema_types import Process, Snapshot


@dataclass(frozen=True)
class Row:
    """A target, who judges what refwatch says of it, and how long it must run at least: which
    thread gets the GIL, and which block or line is looked at, is a matter of chance."""

    judge: Callable[[Process, Facts], Iterator[Reading]]
    least_s: float = 0.0
    target: str = ""
    """The program, where it is not named as the row is."""
    arguments: tuple[str, ...] = ()
    """Of the program, after its seconds."""


ROWS = {
    "spinning": Row(judges_threads.spinning, 10.0),
    "compressing": Row(judges_threads.compressing),
    "without_gil": Row(judges_threads.without_gil),
    "waiting": Row(judges_threads.waiting),
    "taking_turns": Row(judges_threads.taking_turns),
    "two_waits": Row(judges_threads.two_waits),
    "short_bursts": Row(judges_threads.short_bursts, 12.0),
    "starved": Row(judges_threads.starved),
    "short_threads": Row(judges_threads.short_threads),
    "long_calls": Row(judges_gil.long_calls),
    "long_hold": Row(judges_gil.long_hold),
    "holder_states": Row(judges_gil.holder_states, 8.0),
    "handing_over": Row(judges_gil.handing_over),
    "gil_turns_5ms": Row(judges_gil.gil_turns, 0.0, "gil_turns", ("5",)),
    "gil_turns_20ms": Row(judges_gil.gil_turns, 0.0, "gil_turns", ("20",)),
    "collecting": Row(judges_gil.collecting, 8.0),
    "deep_stacks": Row(judges_stacks.deep_stacks),
    "callers": Row(judges_stacks.callers, 10.0),
    "classes": Row(classes),
    "references": Row(references),
    "allocating": Row(allocating, 30.0),
}


def watch(name: str, python: str | None, seconds: float) -> tuple[Snapshot, Facts]:
    """Run a row's target under refwatch; return the snapshot and what the target says of itself."""
    row = ROWS[name]
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        output = Path(folder) / "snapshot.json"
        command = [*refwatch_command(), "--headless", "-o", str(output)]
        if python is not None:
            command += ["--python", python]
        target = HERE / "targets" / f"{row.target or name}.py"
        lasts = max(seconds, row.least_s)
        done = run([*command, str(target), str(lasts), *row.arguments])
        if not output.exists():
            raise BenchmarkError(f"no snapshot was written: {done.said.strip()[-300:]}")
        snapshot = msgspec.json.decode(output.read_bytes(), type=Snapshot)
        started = datetime.fromisoformat(snapshot.target.started_at).timestamp()
        return snapshot, {**done.facts, "started": started}


def check(name: str, python: str | None, seconds: float) -> tuple[str, list[Reading]]:
    """The row's readings, under a line that says how they were taken."""
    try:
        snapshot, facts = watch(name, python, seconds)
        readings = list(ROWS[name].judge(snapshot.processes[0], facts))
    except (BenchmarkError, msgspec.DecodeError, IndexError, KeyError) as error:
        return f"{name}: failed", [Reading("runs", f"{error!r}"[:300], "a snapshot", ok=False)]
    sampling = snapshot.sampling
    how = f"CPython {snapshot.target.python}, {sampling.method}, {sampling.mean_hz or 0:.0f} Hz"
    if sampling.torn_frames:
        how += f", {sampling.torn_frames} torn frames"
    return f"{name}: {how}", readings


def repeated(runs: Sequence[list[Reading]]) -> list[list[str]]:
    """A line for each reading: a value, its bound, in how many of the runs it was right. The value
    is that of the first run that was wrong, or of the last."""
    by_name: dict[str, list[Reading]] = {}
    for readings in runs:
        for reading in readings:
            by_name.setdefault(reading.what, []).append(reading)
    lines: list[list[str]] = []
    for what, same in by_name.items():
        right = sum(reading.ok for reading in same)
        shown = next((reading for reading in same if not reading.ok), same[-1])
        said = "OK" if right == len(runs) else "MISS"
        times = "" if len(runs) == 1 else f"{right} of {len(runs)} "
        lines.append([what, shown.value, shown.bound, times + said])
    return lines


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Holds refwatch's readings against the truth.")
    parser.add_argument(
        "--python", action="append", metavar="EXE", help="interpreter of the targets, repeatable"
    )
    parser.add_argument("--only", action="append", choices=list(ROWS), help="this row alone")
    parser.add_argument("--skip", action="append", choices=list(ROWS), help="all but this row")
    parser.add_argument("--seconds", type=float, default=5.0, help="per target (default: 5)")
    parser.add_argument("--runs", type=int, default=1, help="of each target (default: 1)")
    parser.add_argument(
        "--beside", type=int, default=0, metavar="N", help="N busy processes beside (default: 0)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the readings")
    options = parser.parse_args()
    if options.runs < 1 or options.beside < 0:
        parser.error("--runs must be at least 1, and --beside not less than 0")
    return options


def main() -> int:
    options = parse()
    print_machine()
    kept: list[dict[str, object]] = []
    misses = total = 0
    chosen = [name for name in options.only or ROWS if name not in (options.skip or ())]
    for python in options.python or [None]:
        if python is not None:
            print(f"## {python}", end="\n\n")
        for name in chosen:
            with busy_processes(options.beside):
                done = [check(name, python, options.seconds) for _ in range(options.runs)]
            runs = [readings for _, readings in done]
            title = done[-1][0]
            if options.runs > 1:
                right = sum(all(reading.ok for reading in readings) for readings in runs)
                title += f"; {right} of {options.runs} runs right"
            rows = repeated(runs)
            print(title, table(["reading", "value", "bound", ""], rows), sep="\n\n", flush=True)
            print()
            misses += sum(row[-1].endswith("MISS") for row in rows)
            total += len(rows)
            kept += [
                {"python": python, "target": name, "how": how, "readings": to_builtins(readings)}
                for how, readings in done
            ]
    print(f"{total - misses} of {total} readings OK, {misses} MISS")
    write_json(options.json, {"machine": machine(), "beside": options.beside, "targets": kept})
    return int(misses > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"accuracy: {problem}")
