"""Two threads on a CPU on which three other processes compute as well: one holds the GIL, the other
compresses without it. The kernel says how long each ran, and how long it waited for the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zlib

OTHERS = 3


def kernel_times() -> tuple[float, float]:
    """Seconds on a CPU and on its run queue of the calling thread (proc_pid_schedstat)."""
    with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
        cpu, queue, _ = file.read().split()
    return int(cpu) / 1e9, int(queue) / 1e9


def main() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    others = [
        subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(OTHERS)
    ]
    until = time.monotonic() + float(sys.argv[1])
    data = os.urandom(1 << 20) * 4
    threads: dict[str, dict[str, float]] = {}

    def hold() -> None:
        while time.monotonic() < until:
            pass

    def compress() -> None:
        while time.monotonic() < until:
            zlib.compress(data, 6)

    def measured(name: str) -> None:
        began = time.monotonic()
        hold() if name == "hold" else compress()
        cpu, queue = kernel_times()
        threads[name] = {"cpu_s": cpu, "queued_s": queue, "lived_s": time.monotonic() - began}

    workers = [
        threading.Thread(target=measured, args=(name,), name=name) for name in ("hold", "compress")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for other in others:
        other.kill()
        other.wait()
    print(json.dumps({"threads": threads}))


if __name__ == "__main__":
    main()
