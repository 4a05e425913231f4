"""One thread that allocates all the time, and keeps more and more: up to a million blocks."""

from __future__ import annotations

import json
import sys
import time

KEPT = 350_000  # pairs; a pair is three blocks


def grow(count: int) -> int:
    table: dict[int, tuple[list[int], str]] = {}
    size = 0
    for number in range(count):
        table[number * 7919 % KEPT] = ([number], f"value {number}")
        size += len([number, number, str(number)])
    return size + len(table)


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    started, cpu = time.perf_counter(), time.process_time()
    grow(int(6_000_000 * scale))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
