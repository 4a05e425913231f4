"""A pool of four threads with tasks of five kinds: Python, a sort in C with the GIL, zlib and
hashing without it, and one that only waits. Prints how many tasks were done a second, and the CPU
time of each kind by the clock around it."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

TASKS = 1_500
WORKERS = 4

chance = random.Random(7)
numbers = [chance.random() for _ in range(12_000)]
text = chance.randbytes(1 << 17)
cpu_s: defaultdict[str, float] = defaultdict(float)
lock = threading.Lock()


def count_words() -> None:
    counts: dict[int, int] = {}
    for number in range(30_000):
        word = number * 7 % 101
        counts[word] = counts.get(word, 0) + 1


def sort_numbers() -> None:
    sorted(numbers)


def compress_text() -> None:
    zlib.compress(text, 5)


def hash_password() -> None:
    hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 8_000)


def wait_for_answer() -> None:
    time.sleep(0.004)


KINDS = (count_words, sort_numbers, compress_text, hash_password, wait_for_answer)


def task(kind: Callable[[], None]) -> None:
    began = time.thread_time()
    kind()
    used = time.thread_time() - began
    with lock:
        cpu_s[kind.__name__] += used


def main() -> None:
    tasks = int(TASKS * (float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="pool") as pool:
        for _ in pool.map(task, [KINDS[number % len(KINDS)] for number in range(tasks)]):
            pass
    took = time.perf_counter() - began
    facts = {"work_s": took, "items": tasks, "per_s": tasks / took}
    used = time.process_time() - cpu
    print(json.dumps({**facts, "cpu_s": used, "functions_cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
