"""An executor with two processes and 20,000 small tasks: what crosses between them, many times."""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor

TASKS, WORKERS = 20_000, 2


def task(number: int) -> int:
    return sum(range(number % 100))


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    started, cpu = time.perf_counter(), time.process_time()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        for _ in pool.map(task, range(int(TASKS * scale))):
            pass
    took = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - cpu + used.ru_utime + used.ru_stime
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
