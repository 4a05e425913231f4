"""How long does a census stop the program?

    python benchmarks/census.py [--objects 1000000 ..] [--rounds 3] [--seconds 12] [--json FILE]

A program with so many objects has a thread that never rests and notes each gap of more than half a
millisecond between two looks at the clock (`benchmarks/targets/heap.py`). It is run under refwatch,
which takes its censuses by itself, and, in turn, with `objgraph.typestats()` and with a plain
`gc.get_objects()` and Counter inside the program. The order turns round from one round to the next.

    longest  the longest gap while a census was taken, ms: median over the rounds, and the largest
    in all   the gaps while one census was taken, added up, ms
    pause    how long the program stood still for a census by refwatch's own word, ms
    without  the longest gap while no census was taken: what the machine does by itself, ms

The exit status is 1 where a stall under refwatch is over its limit, 8 ms for each million objects.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
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
from benchmarks.readings import Facts

from refwatch.session import events as ev
from refwatch.session.recording import read_recording

LIMIT_MS_PER_MILLION = 8.0
OBJECTS = (1_000_000, 5_000_000)
TARGET = str(HERE / "targets" / "heap.py")
WAYS = ("refwatch", "objgraph", "gc")
NAMES = {"objgraph": "objgraph.typestats()", "gc": "gc.get_objects()"}
EDGE_S = 0.02  # around a census: between what it says and what the program felt

Span = tuple[float, float]


@dataclass
class Stall:
    """What the busy thread felt in one run, milliseconds."""

    longest: float
    in_all: float
    """Of one census: the mean, where several were taken."""
    without: float
    pauses: list[float] = field(default_factory=list)
    """What refwatch says."""


def felt(gaps: Iterable[tuple[float, float]], censuses: list[Span]) -> Stall:
    """Sort the gaps (begin, length) into those that overlap a census and the others."""
    during, without = [0.0], [0.0]
    for begin, length in gaps:
        within = any(begin < end and begin + length > start for start, end in censuses)
        (during if within else without).append(1e3 * length)
    return Stall(max(during), sum(during) / len(censuses), max(without))


def censuses_of(path: Path, facts: Facts) -> tuple[list[Span], list[float]]:
    """When each census was taken once the heap was there, in the program's time, and its pause."""
    spans: list[Span] = []
    pauses: list[float] = []
    zero, begun = 0.0, None
    for event in read_recording(path).events:
        if isinstance(event, ev.TargetStarted):
            zero = datetime.fromisoformat(event.started_at).timestamp() - facts["clock"]
        elif isinstance(event, ev.CensusBegun):
            begun = event
        elif isinstance(event, ev.CensusTaken) and begun is not None:
            start, taken = begun.at + zero - begun.pause_s, event.at + zero
            end = max(begun.at + zero, taken, taken + event.took_s)
            if start > facts["ready"]:
                spans.append((start - EDGE_S, end + EDGE_S))
                pauses.append(1e3 * begun.pause_s)
            begun = None
    return spans, pauses


def under_refwatch(objects: int, seconds: float) -> Stall:
    with tempfile.TemporaryDirectory(prefix="census-") as folder:
        recording = Path(folder) / "recording"
        command = [*refwatch_command(), "--headless", "--record", str(recording), TARGET]
        facts = run([*command, str(objects), str(seconds), "nothing"]).facts
        spans, pauses = censuses_of(recording, facts)
    if not spans:
        raise BenchmarkError(f"no census was taken of {objects} objects in {seconds} s")
    stall = felt(facts["gaps"], spans)
    stall.pauses = pauses
    return stall


def inside(objects: int, seconds: float, way: str) -> Stall:
    facts = run([sys.executable, TARGET, str(objects), str(seconds), way]).facts
    start, end = facts["counted"]
    return felt(facts["gaps"], [(start, end)])


def measure(objects: int, rounds: int, seconds: float) -> dict[str, list[Stall]]:
    """Way -> one stall per round."""
    stalls: dict[str, list[Stall]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            if way == "refwatch":
                stalls[way].append(under_refwatch(objects, seconds))
            else:
                stalls[way].append(inside(objects, seconds, way))
        sys.stderr.write(f"\r{objects} objects: round {number + 1} of {rounds} ")
    sys.stderr.write("\r\033[K" if sys.stderr.isatty() else "\n")
    return stalls


def rows_of(objects: int, stalls: dict[str, list[Stall]]) -> list[list[str]]:
    rows: list[list[str]] = []
    for way, own in stalls.items():
        longest = statistics.median(stall.longest for stall in own)
        pauses = [pause for stall in own for pause in stall.pauses]
        bound = LIMIT_MS_PER_MILLION * objects / 1e6
        verdict = "OK" if longest <= bound else "MISS"
        rows.append(
            [
                f"{objects:,}",
                NAMES.get(way, way),
                f"{longest:.1f} ({max(stall.longest for stall in own):.1f})",
                f"{statistics.median(stall.in_all for stall in own):.1f}",
                f"{statistics.median(pauses):.1f} ({max(pauses):.1f})" if pauses else "",
                f"{statistics.median(stall.without for stall in own):.1f}",
                f"<= {bound:.0f} {verdict}" if way == "refwatch" else "",
            ]
        )
    return rows


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long a census stops the program.")
    parser.add_argument(
        "--objects", type=int, action="append", help="repeatable (default: 1 M, 5 M)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default: 3)")
    parser.add_argument("--seconds", type=float, default=12.0, help="of each run (default: 12)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single run")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0 or min(options.objects or OBJECTS) < 2:
        parser.error("--rounds must be at least 1, --seconds more than 0, --objects at least 2")
    return options


def main() -> int:
    options = parse()
    print_machine()
    rows: list[list[str]] = []
    kept: dict[int, dict[str, list[dict[str, object]]]] = {}
    for objects in options.objects or OBJECTS:
        stalls = measure(objects, options.rounds, options.seconds)
        rows += rows_of(objects, stalls)
        kept[objects] = {way: [asdict(stall) for stall in own] for way, own in stalls.items()}
    head = ["objects", "counted by", "longest ms", "in all ms", "pause ms", "without ms", "limit"]
    print(table(head, rows), flush=True)
    write_json(options.json, {"machine": machine(), "stalls": kept})
    return int(any(row[-1].endswith("MISS") for row in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"census: {problem}")
