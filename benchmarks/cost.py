"""What refwatch itself uses: the daemon, the terminal UI, and memory over an hour.

    python benchmarks/cost.py [--only daemon|screen|memory] [--json FILE]

daemon  CPU share of one core while it samples eight threads 1,000 times a second, as refwatch says
        itself (`cost.daemon_cpu_s` of the snapshot) and as the kernel says (psutil on the process);
        and while eight threads all sleep or wait, by the kernel's
screen  time from start to the first full screen, and CPU share of the viewer on each panel, in a
        pseudo-terminal of 120x40
memory  growth of daemon and viewer over an hour of simulated events

The exit status is 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

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
from benchmarks.terminal import Terminal

DAEMON_BOUND = 0.10  # of one core, at 1 kHz and eight threads
IDLE_BOUND = 0.01  # of one core, while all threads sleep
IDLE_S = 20.0  # in which a census or two are among what is read
VIEWER_BOUND = 0.15  # of one core, at ten redraws a second
SCREEN_BOUND_S = 0.6
MEMORY_BOUND_MB = 60.0
TARGET = str(HERE / "targets" / "eight_threads.py")
TAG = "REFWATCH_BENCHMARK"  # a variable by which the processes of one session are found
FIRST_SCREEN = ("Overview", "Threads", "Output")
FIRST_DATA = "eight_threads.py"  # the header names the target as soon as the daemon has told it
LEAST_HZ = 950.0
PANELS = {"Overview": "1", "Threads": "2"}

Row = list[str]


def ok(kept: bool) -> str:
    return "OK" if kept else "MISS"


def row(what: str, value: float, bound: float, unit: str) -> Row:
    """A line of the table, judged by its bound."""
    if unit == "%":
        value, bound = 100 * value, 100 * bound
    said = f"{value:.2f} {unit}"
    return [what, said, f"<= {bound:g} {unit}", ok(value <= bound)]


def remark(what: str, value: float, unit: str) -> Row:
    """A line that has no bound."""
    return [what, f"{value:.2f} {unit}", "", ""]


def tagged() -> tuple[str, dict[str, str]]:
    """A tag of its own for a session, and the environment that carries it."""
    tag = uuid.uuid4().hex
    return tag, {**os.environ, TAG: tag, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def session_processes(tag: str) -> list[psutil.Process]:
    """Every process that was started with the tag in its environment."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TAG) == tag:
                found.append(process)
        except psutil.Error:
            continue
    return found


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def share_of(processes: list[psutil.Process], seconds: float) -> dict[int, float]:
    """pid -> share of one core over the next so many seconds."""
    before = {process.pid: cpu_s(process) for process in processes}
    started = time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - started
    shares: dict[int, float] = {}
    for process in processes:
        try:
            shares[process.pid] = (cpu_s(process) - before[process.pid]) / took
        except psutil.Error:
            continue
    return shares


def is_target(process: psutil.Process) -> bool:
    """The process whose interpreter runs the target's file itself."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return TARGET in command[:2]


def daemon_share(kind: str, seconds: float) -> tuple[float, float, float]:
    """The daemon's share of a core by its own word and by the kernel's, and the samples/s."""
    tag, env = tagged()
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        output = Path(folder) / "snapshot.json"
        command = [*refwatch_command(), "--headless", "-o", str(output)]
        watch = subprocess.Popen(
            [*command, TARGET, kind, str(seconds)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(3.0 if kind == "idle" else 1.5)
        ours = [process for process in session_processes(tag) if not is_target(process)]
        shares = share_of(ours, max(1.0, seconds - 4.0))
        _, said = watch.communicate(timeout=60)
        if watch.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)}: status {watch.returncode}: {said[-500:]}")
        snapshot = json.loads(output.read_bytes())
    own = (snapshot["cost"]["daemon_cpu_s"] or 0.0) / snapshot["duration_s"]
    # refwatch's processes are the command itself, the target's parent and the daemon: only the
    # daemon has work to do all the time
    return own, max(shares.values(), default=0.0), snapshot["sampling"]["mean_hz"] or 0.0


def daemon(seconds: float) -> list[Row]:
    rows: list[Row] = []
    for kind in ("spin", "mixed"):
        own, seen, rate = daemon_share(kind, seconds)
        name = f"daemon, 8 threads ({kind})"
        rows.append(
            [f"{name}: rate", f"{rate:.0f} Hz", f">= {LEAST_HZ:g} Hz", ok(rate >= LEAST_HZ)]
        )
        rows.append(row(f"{name}: by its own count", own, DAEMON_BOUND, "%"))
        rows.append(row(f"{name}: by the kernel's", seen, DAEMON_BOUND, "%"))
    _, seen, _ = daemon_share("idle", IDLE_S)
    rows.append(row("daemon, 8 threads that sleep: by the kernel's", seen, IDLE_BOUND, "%"))
    return rows


def first_screen() -> tuple[float, float]:
    """Seconds from the start of the command to the first full screen, and to the first data."""
    _, env = tagged()
    with Terminal([*refwatch_command(), TARGET, "mixed", "3"], env) as terminal:
        screen_s = terminal.seconds_until(FIRST_SCREEN)
        data_s = terminal.seconds_until([FIRST_DATA])
        if screen_s is None or data_s is None:
            raise BenchmarkError(f"no first screen in ten seconds, but {terminal.text()[-500:]!r}")
        time.sleep(0.3)
        leave(terminal)
    return screen_s, data_s


def leave(terminal: Terminal) -> None:
    """Quit, and end the target where refwatch asks what should become of it."""
    for key in ("q", "e"):
        if not terminal.ended(0.0):
            terminal.send(key)
            terminal.ended(1.0)


def viewer_shares(kind: str, seconds: float) -> dict[str, tuple[float, float]]:
    """Panel -> (the viewer's share of a core, kB/s that it writes to the terminal)."""
    tag, env = tagged()
    shares: dict[str, tuple[float, float]] = {}
    lifetime = str(4 + len(PANELS) * (seconds + 2))
    with Terminal([*refwatch_command(), TARGET, kind, lifetime], env) as terminal:
        viewer = psutil.Process(terminal.pid)
        if terminal.seconds_until(FIRST_SCREEN) is None:
            raise BenchmarkError(f"no screen: {terminal.text()[-500:]!r}")
        time.sleep(2.0)
        for panel, key in PANELS.items():
            terminal.send(key)
            time.sleep(1.0)
            written = terminal.written
            used = share_of([viewer], seconds).get(viewer.pid)
            if used is None:
                raise BenchmarkError(f"the viewer ended: {terminal.text()[-500:]!r}")
            shares[panel] = used, (terminal.written - written) / seconds / 1e3
        leave(terminal)
    _, alive = psutil.wait_procs(session_processes(tag), timeout=5.0)
    if alive:
        raise BenchmarkError(f"still there after quitting: {[process.pid for process in alive]}")
    return shares


def screen(seconds: float) -> list[Row]:
    screens, data = zip(*(first_screen() for _ in range(5)), strict=True)
    what = f"first screen ({min(screens):.2f}-{max(screens):.2f})"
    rows = [row(what, statistics.median(screens), SCREEN_BOUND_S, "s")]
    what = f"first data on it ({min(data):.2f}-{max(data):.2f})"
    rows.append(remark(what, statistics.median(data), "s"))
    for kind in ("spin", "mixed"):
        for panel, (used, rate) in viewer_shares(kind, seconds).items():
            what = f"viewer, {panel} ({kind}), {rate:.0f} kB/s"
            rows.append(row(what, used, VIEWER_BOUND, "%"))
    return rows


def memory(_: float) -> list[Row]:
    grown = run([sys.executable, str(HERE / "hour.py")]).facts["growth_mb"]
    return [row("an hour, daemon and one viewer", 2 * grown, MEMORY_BOUND_MB, "MB")]


PARTS: dict[str, Callable[[float], list[Row]]] = {
    "daemon": daemon,
    "screen": screen,
    "memory": memory,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="What refwatch itself uses.")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="this part alone")
    parser.add_argument("--seconds", type=float, default=8.0, help="per reading (default: 8)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows")
    options = parser.parse_args()
    print_machine()
    rows: list[Row] = []
    for part in options.only or PARTS:
        rows += PARTS[part](options.seconds)
    print(table(["what", "measured", "bound", ""], rows))
    write_json(options.json, {"machine": machine(), "rows": rows})
    return int(any(line[-1] == "MISS" for line in rows))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"cost: {problem}")
