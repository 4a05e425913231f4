"""Four threads of integer arithmetic that pass the GIL round: what watching the GIL costs."""

from __future__ import annotations

import json
import sys
import threading
import time

THREADS = 4


def loop(count: int) -> int:
    total = 0
    for i in range(count):
        total = (total + i * 7) & 0xFFFF
    return total


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    count = int(18_000_000 * scale)
    started, cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=loop, args=(count,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
