"""The GIL's holder in each of its states, one after the other, in threads that nobody waits beside:
`runs` computes; `starved` computes on a CPU on which three other processes compute as well;
`asleep` sleeps in C and `reads` waits in C for what another process writes, both with the GIL kept
(PyDLL). Prints for how long each was in such calls, and what the kernel gave it."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from benchmarks.targets.measured import kernel_times

OTHERS = 3
NAP_US = 50_000
NAMES = ("runs", "starved", "asleep", "reads")


def compute(seconds: float) -> float:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return 0.0


def compute_starved(seconds: float) -> float:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # this thread, and what it starts
    others = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(OTHERS)
    ]
    compute(seconds)
    for other in others:
        other.kill()
        other.wait()
    return 0.0


def again_and_again(call: Callable[[], object], seconds: float) -> float:
    """Seconds spent in the calls."""
    inside = 0.0
    until = time.perf_counter() + seconds
    while (before := time.perf_counter()) < until:
        call()
        inside += time.perf_counter() - before
    return inside


def sleep_in_c(seconds: float) -> float:
    keeping = ctypes.PyDLL(None)  # calls through it keep the GIL
    return again_and_again(lambda: keeping.usleep(NAP_US), seconds)


def read_in_c(seconds: float) -> float:
    keeping = ctypes.PyDLL(None)
    writer = "import os, time\nwhile os.write(1, b'.'): time.sleep(0.03)"
    with subprocess.Popen([sys.executable, "-S", "-c", writer], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        pipe, buffer = other.stdout.fileno(), ctypes.create_string_buffer(1)
        inside = again_and_again(lambda: keeping.read(pipe, buffer, ctypes.c_size_t(1)), seconds)
        other.kill()
    return inside


WORK: tuple[Callable[[float], float], ...] = (compute, compute_starved, sleep_in_c, read_in_c)


def measured(
    name: str, work: Callable[[float], float], seconds: float, truth: dict[str, dict[str, float]]
) -> None:
    began = time.perf_counter()
    inside = work(seconds)
    lived = time.perf_counter() - began
    truth[name] = {**kernel_times(), "inside_s": inside, "lived_s": lived}


def main() -> None:
    seconds = float(sys.argv[1]) / len(NAMES)
    truth: dict[str, dict[str, float]] = {}
    before = kernel_times()
    for name, work in zip(NAMES, WORK, strict=True):
        thread = threading.Thread(target=measured, args=(name, work, seconds, truth), name=name)
        thread.start()
        thread.join()
    own = {what: now - before[what] for what, now in kernel_times().items()}
    print(json.dumps({"threads": truth, "main": own}))


if __name__ == "__main__":
    main()
