"""C code that releases the GIL: threads that run in parallel.

    refwatch scenarios/gil_release.py

Each thread works on a buffer of 1 MiB: the `hasher` threads by `hashlib.sha256`, the `packer`
threads by `zlib.compress`. Both release the GIL while they work on so much at once.

What to see: each thread is in `native` nearly all the time, or in `cpu_wait` where there are more
threads than CPUs; the hot lines are the one in `hash_buffer` and the one in `pack_buffer`. The GIL
is free nearly all the time and nobody waits for it. The CPU time is as many times the wall time as
there are CPUs for the threads. Compare `threads_cpu.py`, where it is once the wall time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable

SIZE = 1 << 20  # bytes of the buffer: below 2 KiB hashlib would keep the GIL
BUFFER = b"".join(number.to_bytes(4, "big") for number in range(SIZE // 4))


def hash_buffer() -> None:
    hashlib.sha256(BUFFER)


def pack_buffer() -> None:
    zlib.compress(BUFFER, 1)


KINDS: tuple[tuple[str, Callable[[], None]], ...] = (
    ("hasher", hash_buffer),
    ("packer", pack_buffer),
)
"""(name of a thread, what it does); the threads are of each kind by turns"""


def work(
    process: Callable[[], None], until: float, stop: threading.Event, rounds: list[int], index: int
) -> None:
    """Process the buffer until the time ``until`` (of ``time.monotonic``) or until told to stop."""
    while time.monotonic() < until and not stop.is_set():
        process()
        rounds[index] += 1


def run(seconds: float, count: int) -> list[int]:
    """Let ``count`` threads work for ``seconds``; return how often each has processed the
    buffer."""
    stop = threading.Event()
    rounds = [0] * count
    until = time.monotonic() + seconds
    threads: list[threading.Thread] = []
    for index in range(count):
        kind, process = KINDS[index % len(KINDS)]
        name = f"{kind}-{index // len(KINDS)}"
        arguments = (process, until, stop, rounds, index)
        threads.append(threading.Thread(target=work, args=arguments, name=name))
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:  # Ctrl-C comes here too: no thread may keep the process alive
        stop.set()
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="C code that releases the GIL.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--threads", type=int, default=4, help="how many (default: 4)")
    options = parser.parse_args()
    if options.seconds < 0 or options.threads < 1:
        parser.error("--seconds must not be negative, and --threads at least 1")
    started, used = time.monotonic(), time.process_time()
    rounds = run(options.seconds, options.threads)
    took, used = time.monotonic() - started, time.process_time() - used
    print(
        f"{sum(rounds)} MiB processed by {len(rounds)} threads in {took:.1f} s; "
        f"CPU time is {used / took:.2f} times the wall time, "
        f"on {len(os.sched_getaffinity(0))} CPUs",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
