"""Two threads in zlib, which lets the GIL go for each big buffer. Prints what the kernel gave each:
time on a CPU and time on a run queue, seconds."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
import zlib
from pathlib import Path

THREADS = 2


def compress(until: float, buffer: bytes, truth: dict[str, dict[str, float]]) -> None:
    started = time.perf_counter()
    while time.perf_counter() < until:
        zlib.compress(buffer, 6)
    lived = time.perf_counter() - started
    scheduled = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
    truth[threading.current_thread().name] = {
        "lived_s": lived,
        "cpu_s": int(scheduled[0]) / 1e9,
        "cpu_wait_s": int(scheduled[1]) / 1e9,
    }


def main() -> None:
    seconds = float(sys.argv[1])
    buffer = random.Random(7).randbytes(1 << 23)
    truth: dict[str, dict[str, float]] = {}
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=compress, args=(until, buffer, truth), name=f"zlib-{index}")
        for index in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"threads": truth}))


if __name__ == "__main__":
    main()
