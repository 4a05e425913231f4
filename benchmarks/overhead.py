"""How much slower does a program run under refwatch?

    python benchmarks/overhead.py [--rounds 7] [--only NAME] [--peers] [--control] [--json FILE]

Runs the programs of `benchmarks/programs` bare and under `refwatch --headless`, in turn, the order
turned round from one round to the next, and prints the median of the paired ratios, with the
smallest and the largest. Each program measures its own work (`work`: start-up aside) and the CPU
time it took; `whole` is the ratio of the whole processes. Start-up (`--only startup`) is the
difference in seconds for a program that does nothing, from the first process to the end of the
last, and `CPU` the same of the CPU time of all processes. `--peers` puts beside it the other tools
that are installed, and `--control` a second bare run, whose ratio to the first is the noise of the
machine. refwatch runs as it does by default (allocations seen in bursts), with `--alloc off`, and,
where `--exact` is given, with `--alloc exact`, which is held against `python -X tracemalloc` alone.
The exit status is 1 where refwatch missed a bound.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
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

PROGRAMS = ("int_loop", "cpu_threads", "allocation", "socket_pairs", "procs_cpu", "pool_tasks")
DEFAULT_BOUND = 1.05
PROCESSES_BOUND = 1.03
FORK_BOUND_MS = 0.5
OFF_BOUND = 1.02
EXACT_BOUND = 1.03  # of the bare interpreter with tracemalloc on
STARTUP_BOUND_S = 0.08

Prefix = Callable[[Path], list[str]]


@dataclass(frozen=True)
class Way:
    """A way to run a program: what stands before its name, given a folder for what it writes."""

    name: str
    prefix: Prefix


def _python(*options: str) -> list[str]:
    return [sys.executable, *options]


BARE = Way("bare", lambda _: _python())
REFWATCH = Way("refwatch", lambda _: [*refwatch_command(), "--headless"])
OFF = Way("refwatch, alloc off", lambda _: [*refwatch_command(), "--headless", "--alloc", "off"])
NO_CHILDREN = Way(
    "refwatch, no children", lambda _: [*refwatch_command(), "--headless", "--no-children"]
)
EXACT = Way("refwatch, exact", lambda _: [*refwatch_command(), "--headless", "--alloc", "exact"])
TRACEMALLOC = Way("tracemalloc", lambda _: _python("-X", "tracemalloc=1"))
BOUNDS = {REFWATCH.name: DEFAULT_BOUND, OFF.name: OFF_BOUND}
PROGRAM_BOUNDS = {
    "procs_cpu": {REFWATCH.name: PROCESSES_BOUND},
    "pool_tasks": {REFWATCH.name: PROCESSES_BOUND},
}


def _py_spy(folder: Path) -> list[str]:
    tool = str(Path(sys.executable).parent / "py-spy")
    return [tool, "record", "-f", "raw", "-o", str(folder / "py-spy.txt"), "--", *_python()]


def _memray(folder: Path) -> list[str]:
    return _python("-m", "memray", "run", "-q", "-f", "-o", str(folder / "memray.bin"))


def _scalene(folder: Path) -> list[str]:
    return _python("-m", "scalene", "run", "-o", str(folder / "scalene.json"))


def _viztracer(folder: Path) -> list[str]:
    # -- ends its own options, so that the program's argument stays the program's
    return _python("-m", "viztracer", "--quiet", "-o", str(folder / "viztracer.json"), "--")


PEERS: dict[str, Prefix] = {
    "py-spy": _py_spy,
    "memray": _memray,
    "scalene": _scalene,
    "viztracer": _viztracer,
}


def installed_peers() -> dict[str, str]:
    """The other tools that are installed beside this interpreter, with their versions."""
    found: dict[str, str] = {}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def ways(peers: bool, control: bool, exact: bool) -> list[Way]:
    """What is compared with the bare run."""
    chosen = [REFWATCH, OFF]
    if exact:
        chosen.append(EXACT)
    if control:
        chosen.append(Way("nothing (control)", BARE.prefix))
    if peers or exact:
        chosen.append(TRACEMALLOC)
    if peers:
        chosen += [Way(name, PEERS[name]) for name in installed_peers()]
    return chosen


@dataclass
class Series:
    """The runs of one program: way -> one run per round."""

    program: str
    runs: dict[str, list[Run]]

    def ratios(self, way: str, read: Callable[[Run], float], to: str = "bare") -> list[float]:
        """Of each round: this way's figure divided by the other's."""
        return [
            read(watched) / read(bare)
            for watched, bare in zip(self.runs[way], self.runs[to], strict=True)
        ]


def measure(program: str, chosen: list[Way], rounds: int, arguments: list[str]) -> Series:
    """Run the program every way in each round; every other round goes through them backwards."""
    series = Series(program, {way.name: [] for way in [BARE, *chosen]})
    script = str(HERE / "programs" / f"{program}.py")
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        for number in range(rounds):
            order = [BARE, *chosen]
            for way in order if number % 2 == 0 else reversed(order):
                command = [*way.prefix(Path(folder)), script, *arguments]
                series.runs[way.name].append(run(command, cwd=Path(folder)))
            sys.stderr.write(f"\r{program}: round {number + 1} of {rounds} ")
        sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "\n")
    return series


def spread(values: list[float]) -> str:
    return f"{min(values):.3f}-{max(values):.3f}"


def verdict(value: float, bound: float | None) -> str:
    if bound is None:
        return ""
    return f"<= {bound:.2f} " + ("OK" if value <= bound else "MISS")


def ratio_rows(series: Series) -> list[list[str]]:
    """One line for each way."""
    bare = statistics.median(run.facts["work_s"] for run in series.runs["bare"])
    rows: list[list[str]] = []
    for way in series.runs:
        if way == BARE.name:
            continue
        work = series.ratios(way, lambda run: float(run.facts["work_s"]))
        cpu = series.ratios(way, lambda run: float(run.facts["cpu_s"]))
        whole = series.ratios(way, lambda run: run.whole_s)
        rows.append(
            [
                series.program,
                way,
                f"{bare:.2f}",
                f"{statistics.median(work):.3f}",
                spread(work),
                f"{statistics.median(cpu):.3f}",
                f"{statistics.median(whole):.3f}",
                verdict(
                    statistics.median(work), PROGRAM_BOUNDS.get(series.program, BOUNDS).get(way)
                ),
            ]
        )
    if EXACT.name in series.runs and TRACEMALLOC.name in series.runs:
        rows.append(exact_row(series))
    return rows


def exact_row(series: Series) -> list[str]:
    """Exact mode beside the bare interpreter that traces as much."""

    def ratios(read: Callable[[Run], float]) -> list[float]:
        return series.ratios(EXACT.name, read, TRACEMALLOC.name)

    work = ratios(lambda run: float(run.facts["work_s"]))
    return [
        series.program,
        "exact / tracemalloc",
        "",
        f"{statistics.median(work):.3f}",
        spread(work),
        f"{statistics.median(ratios(lambda run: float(run.facts['cpu_s']))):.3f}",
        f"{statistics.median(ratios(lambda run: run.whole_s)):.3f}",
        verdict(statistics.median(work), EXACT_BOUND),
    ]


def fork_rows(series: Series) -> list[list[str]]:
    """What a fork takes more, from os.fork to the end of the child, milliseconds."""
    bare = [1e3 * run.facts["work_s"] / run.facts["forks"] for run in series.runs[BARE.name]]
    rows: list[list[str]] = []
    for way, runs in series.runs.items():
        if way == BARE.name:
            continue
        more = [
            1e3 * run.facts["work_s"] / run.facts["forks"] - plain
            for run, plain in zip(runs, bare, strict=True)
        ]
        median = statistics.median(more)
        rows.append(
            [
                way,
                f"{statistics.median(bare):.2f}",
                f"+{median:.2f}",
                spread(more),
                verdict(median, FORK_BOUND_MS if way == REFWATCH.name else None),
            ]
        )
    return rows


def startup_rows(series: Series) -> list[list[str]]:
    rows: list[list[str]] = []
    bare = [run.whole_s for run in series.runs["bare"]]
    for way, runs in series.runs.items():
        if way == BARE.name:
            continue
        more = [watched.whole_s - plain for watched, plain in zip(runs, bare, strict=True)]
        pairs = zip(runs, series.runs[BARE.name], strict=True)
        cpu = [watched.all_cpu_s - plain.all_cpu_s for watched, plain in pairs]
        rows.append(
            [
                way,
                f"{statistics.median(bare):.3f}",
                f"+{statistics.median(more):.3f}",
                spread(more),
                f"+{statistics.median(cpu):.3f}",
                verdict(statistics.median(more), STARTUP_BOUND_S if way == REFWATCH.name else None),
            ]
        )
    return rows


def versions(peers: bool) -> str:
    said = subprocess.run(
        [*refwatch_command(), "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return ", ".join(
        [said or "refwatch", *(f"{k} {v}" for k, v in installed_peers().items() if peers)]
    )


def raw(all_series: list[Series]) -> dict[str, object]:
    """Every single run, for the file that ``--json`` writes."""
    return {
        one.program: {
            way: [{"whole_s": run.whole_s, "all_cpu_s": run.all_cpu_s, **run.facts} for run in runs]
            for way, runs in one.runs.items()
        }
        for one in all_series
    }


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What refwatch costs the program it watches.")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of runs (default: 7)")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*PROGRAMS, "forks", "startup"],
        help="this program alone",
    )
    parser.add_argument("--peers", action="store_true", help="the other tools that are installed")
    parser.add_argument("--control", action="store_true", help="a second bare run: the noise")
    parser.add_argument("--exact", action="store_true", help="exact mode beside tracemalloc")
    parser.add_argument("--scale", type=float, default=1.0, help="how much work (default: 1.0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run")
    options = parser.parse_args()
    if options.rounds < 1 or options.scale <= 0:
        parser.error("--rounds must be at least 1, and --scale more than 0")
    return options


def main() -> int:
    options = parse()
    chosen = ways(options.peers, options.control, options.exact)
    only = options.only or [*PROGRAMS, "forks", "startup"]
    print_machine()
    print(versions(options.peers), f"- {options.rounds} rounds", end="\n\n", flush=True)
    done: list[Series] = []
    rows: list[list[str]] = []
    for program in PROGRAMS:
        if program in only:
            done.append(measure(program, chosen, options.rounds, [str(options.scale)]))
            rows += ratio_rows(done[-1])
    if rows:
        head = ["program", "under", "bare s", "work", "min-max", "CPU", "whole", "bound"]
        print(table(head, rows), end="\n\n", flush=True)
    if "forks" in only:
        done.append(measure("forks", [REFWATCH, NO_CHILDREN], options.rounds, []))
        rows = [*rows, *fork_rows(done[-1])]
        head = ["a fork under", "bare ms", "more ms", "min-max", "bound"]
        print(table(head, fork_rows(done[-1])), end="\n\n", flush=True)
    if "startup" in only:
        done.append(measure("nothing", [REFWATCH], 2 * options.rounds, []))
        rows = [*rows, *startup_rows(done[-1])]
        head = ["start-up under", "bare s", "more s", "min-max", "CPU s", "bound"]
        print(table(head, startup_rows(done[-1])), flush=True)
    write_json(options.json, {"machine": machine(), "runs": raw(done)})
    return int(any(row[-1].endswith("MISS") for row in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"overhead: {problem}")
