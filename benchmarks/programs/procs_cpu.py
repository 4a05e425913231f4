"""Four processes of integer arithmetic: what watching children costs."""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time

WORKERS = 4


def loop(count: int) -> None:
    total = 0
    for i in range(count):
        total = (total + i * 7) & 0xFFFF


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    multiprocessing.set_start_method("fork")
    started = time.perf_counter()
    count = int(18_000_000 * scale)
    workers = [multiprocessing.Process(target=loop, args=(count,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"work_s": took, "cpu_s": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()
