"""The same work by one, two and four threads, and by one, two and four processes.

    python benchmarks/side_by_side.py [--rounds 60000] [--json]

Runs `scenarios/threads_cpu.py` and `scenarios/procs_cpu.py` under `refwatch --headless`, each with
so many rounds in all, and prints `refwatch compare` of the six snapshots.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import ROOT, BenchmarkError, print_machine, refwatch_command, run

NUMBERS = (1, 2, 4)
KINDS = {  # one, several: scenario, option
    ("thread", "threads"): ("threads_cpu", "--threads"),
    ("process", "processes"): ("procs_cpu", "--workers"),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60_000, help="of each run, in all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if not options.json:
        print_machine()
    try:
        with tempfile.TemporaryDirectory() as folder:
            files = [
                _snapshot(
                    Path(folder) / f"{number} {names[number > 1]}.json",
                    scenario,
                    [option, str(number), "--rounds", str(options.rounds)],
                )
                for names, (scenario, option) in KINDS.items()
                for number in NUMBERS
            ]
            compare = [
                *refwatch_command(),
                "compare",
                *(["--json"] if options.json else []),
                *files,
            ]
            subprocess.run(compare, check=True)
    except BenchmarkError as error:
        sys.exit(f"side_by_side: {error}")


def _snapshot(file: Path, scenario: str, words: list[str]) -> str:
    """The path of the snapshot of one run."""
    script = ROOT / "scenarios" / f"{scenario}.py"
    run([*refwatch_command(), "--headless", "-o", str(file), str(script), *words])
    return str(file)


if __name__ == "__main__":
    main()
