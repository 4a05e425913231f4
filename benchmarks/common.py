"""What the benchmarks share: the way to refwatch, one measured run, the machine's name, a table."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LIMIT_S = 300.0  # no single run takes this long unless it hangs


class BenchmarkError(Exception):
    """A program that is measured did not run as it should."""


def refwatch_command() -> list[str]:
    """The refwatch that is installed beside this interpreter, else the one on PATH."""
    beside = Path(sys.executable).parent / "refwatch"
    found = str(beside) if beside.exists() else shutil.which("refwatch")
    if found is None:
        raise BenchmarkError("refwatch is not installed: run `pip install .` first")
    return [found]


@dataclass(frozen=True)
class Run:
    """One finished run of a command."""

    whole_s: float
    """From start to end of the process, seconds."""
    all_cpu_s: float
    """CPU time of the process and of all that it has waited for."""
    facts: dict[str, Any]
    """The JSON object that the program printed last; empty if it printed none."""
    said: str
    """What came on stderr."""


def run(command: Sequence[str], cwd: Path | None = None) -> Run:
    """Run a command to its end, without a terminal; a failure raises with what it said."""
    cpu, started = _cpu_of_children(), time.perf_counter()
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            cwd=cwd,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchmarkError(f"{' '.join(command)}: {error}") from error
    whole = time.perf_counter() - started
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-8:]
        raise BenchmarkError(
            "\n".join([f"{' '.join(command)}: status {done.returncode}", *said]),
        )
    return Run(whole, _cpu_of_children() - cpu, _last_json(done.stdout), done.stderr)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _last_json(text: str) -> dict[str, Any]:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                return found
    return {}


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": ", ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def print_machine() -> None:
    for name, value in machine().items():
        print(f"{name + ':':9}{value}")
    print(flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table that also reads well as plain text."""
    widths = [
        max(len(line[column]) for line in [list(head), *map(list, rows)])
        for column in range(len(head))
    ]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def write_json(path: Path | None, data: object) -> None:
    """Keep the raw figures, when asked to."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
