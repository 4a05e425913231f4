"""One thread, integers only: what a reader of memory and /proc costs a busy interpreter."""

from __future__ import annotations

import json
import sys
import time


def loop(count: int) -> int:
    total = 0
    for i in range(count):
        total = (total + i * 7) & 0xFFFF
    return total


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    started, cpu = time.perf_counter(), time.process_time()
    loop(int(70_000_000 * scale))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
