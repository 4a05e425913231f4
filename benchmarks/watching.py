"""What does it cost to watch 5,000 objects and 2,000 classes?

    python benchmarks/watching.py [--rounds 7] [--scale 1.0] [--json FILE]

Runs `benchmarks/programs/many_watched.py` bare and under refwatch in turn: with all that it does by
default, without the census, and, as a measure of the machine's noise, bare once more. Prints the
median of the paired ratios of the time for the work, with the smallest and the largest, and the
daemon's share of a core by its own count, and what the calls in a script cost that nobody watches.
The exit status is 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import (
    BenchmarkError,
    machine,
    print_machine,
    refwatch_command,
    run,
    table,
    write_json,
)
from benchmarks.overhead import BARE, Series, Way, measure, raw, spread

from refwatch.export.schema_types import Snapshot

PROGRAM = "many_watched"
RATIO_BOUND = 1.01
DAEMON_BOUND = 0.10  # of one core
CALL_BOUND_NS = 500.0
LEAST_WATCHED, LEAST_CLASSES = 5_000, 2_000
DEFAULT, WATCHING = "refwatch", "refwatch --alloc off"
WITHOUT, CONTROL = "refwatch --alloc off --census off", "nothing (control)"


def ways(folder: Path) -> list[Way]:
    """Each run as it is by default writes a snapshot of its own. What seeing allocations costs is
    in it, and is overhead.py's matter."""
    number = itertools.count()
    off = ["--headless", "--alloc", "off"]

    def watching(_: Path) -> list[str]:
        output = folder / f"{next(number)}.json"
        return [*refwatch_command(), "--headless", "-o", str(output)]

    return [
        Way(DEFAULT, watching),
        Way(WATCHING, lambda _: [*refwatch_command(), *off]),
        Way(WITHOUT, lambda _: [*refwatch_command(), *off, "--census", "off"]),
        Way(CONTROL, BARE.prefix),
    ]


def ratio_rows(series: Series) -> list[list[str]]:
    rows: list[list[str]] = []
    for way in (DEFAULT, WATCHING, WITHOUT, CONTROL):
        ratios = series.ratios(way, lambda run: float(run.facts["work_s"]))
        value = statistics.median(ratios)
        what = f"work under {way} / bare ({spread(ratios)})"
        kept = "OK" if value <= RATIO_BOUND else "MISS"
        bound = [f"<= {RATIO_BOUND:.2f}", kept] if way == WATCHING else ["", ""]
        rows.append([what, f"{value:.3f}", *bound])
    return rows


def snapshot_rows(snapshots: list[Snapshot]) -> list[list[str]]:
    """What was really watched, and what it cost the daemon."""
    rows: list[list[str]] = []
    least = (("watched", LEAST_WATCHED), ("classes", LEAST_CLASSES))
    for what, bound in least:
        number = min(len(getattr(one.processes[0], what)) for one in snapshots)
        kept = "OK" if number >= bound else "MISS"
        rows.append([f"{what} in the snapshot", str(number), f">= {bound}", kept])
    censuses = min(len(one.cost.census_pauses_s) for one in snapshots)
    rows.append(["censuses in a run", str(censuses), ">= 1", "OK" if censuses else "MISS"])
    shares = [(one.cost.daemon_cpu_s or 0.0) / one.duration_s for one in snapshots]
    share = statistics.median(shares)
    kept = "OK" if share <= DAEMON_BOUND else "MISS"
    what = f"daemon, of a core ({100 * min(shares):.1f}-{100 * max(shares):.1f})"
    rows.append([what, f"{share:.1%}", f"<= {DAEMON_BOUND:.0%}", kept])
    return rows


CALLS = """
import json, timeit
import refwatch
count = 1_000_000
calls = {"watch": lambda: refwatch.watch(count, "count"), "mark": lambda: refwatch.mark("mark")}
best = {name: min(timeit.repeat(call, number=count, repeat=5)) for name, call in calls.items()}
print(json.dumps({name: 1e9 * seconds / count for name, seconds in best.items()}))
"""


def call_rows() -> list[list[str]]:
    """What the two calls cost without refwatch, the lambda around them included."""
    rows: list[list[str]] = []
    for name, value in run([sys.executable, "-c", CALLS]).facts.items():
        kept = "OK" if value <= CALL_BOUND_NS else "MISS"
        bound = f"<= {CALL_BOUND_NS:.0f} ns"
        rows.append([f"refwatch.{name} of a script on its own", f"{value:.0f} ns", bound, kept])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description="What watching many things costs.")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each kind (default: 7)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much work (default: 1.0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run")
    options = parser.parse_args()
    if options.rounds < 1 or options.scale <= 0:
        parser.error("--rounds must be at least 1, and --scale more than 0")
    print_machine()
    with tempfile.TemporaryDirectory(prefix="watching-") as name:
        folder = Path(name)
        series = measure(PROGRAM, ways(folder), options.rounds, [str(options.scale)])
        snapshots = [
            msgspec.json.decode(path.read_bytes(), type=Snapshot)
            for path in sorted(folder.glob("*.json"))
        ]
    rows = [*ratio_rows(series), *snapshot_rows(snapshots), *call_rows()]
    print(table(["what", "measured", "bound", ""], rows), flush=True)
    write_json(options.json, {"machine": machine(), "runs": raw([series]), "rows": rows})
    return int(any(row[-1] == "MISS" for row in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"watching: {problem}")
