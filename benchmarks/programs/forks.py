"""300 children by os.fork, one after the other, each of which ends at once."""

from __future__ import annotations

import json
import os
import resource
import sys
import time

FORKS = 300


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    count = max(1, int(FORKS * scale))
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    took = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - cpu + used.ru_utime + used.ru_stime
    print(json.dumps({"work_s": took, "cpu_s": cpu, "forks": count}))


if __name__ == "__main__":
    main()
