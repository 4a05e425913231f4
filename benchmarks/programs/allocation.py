"""One thread that allocates all the time, short-lived and longer-lived objects of several kinds."""

from __future__ import annotations

import collections
import json
import sys
import time


class Record:
    def __init__(self, number: int) -> None:
        self.number = number
        self.label = f"record {number}"
        self.tags = [number, number + 1]


def allocate(count: int) -> int:
    kept: collections.deque[Record] = collections.deque(maxlen=20_000)
    index: dict[int, tuple[Record, ...]] = {}
    size = 0
    for i in range(count):
        record = Record(i)
        kept.append(record)
        index[i % 5_000] = (record, kept[0])
        size += len({"number": i, "label": record.label, "rest": list(range(8))})
    return size + len(index)


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    started, cpu = time.perf_counter(), time.process_time()
    allocate(int(4_500_000 * scale))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
