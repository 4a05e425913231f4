"""Four threads that wait for 1 to 4 ms and then compute for some tenths of a millisecond, half as
long in one function as in the other, as a server does for small requests; two of them do some of
their work in C at the line where they wait, as a call of a database does. Prints the CPU time of
each function, in all threads, by the threads' own clocks."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
from select import select

THREADS = 4
BURST_S = 0.0003
WAIT_S = 0.0025
ROUNDS = 800  # some tenths of a millisecond


def shorter(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def longer(seconds: float) -> None:
    until = time.thread_time() + 2 * seconds
    while time.thread_time() < until:
        pass


def wait(seconds: float) -> None:
    time.sleep(seconds)


def wait_and_hash(seconds: float) -> None:
    hashlib.pbkdf2_hmac("sha256", b"word", bytes(8 + len(select([], [], [], seconds))), ROUNDS)


def serve(number: int, until: float, truth: list[dict[str, float]]) -> None:
    chance = random.Random(number)
    waits = wait if number % 2 else wait_and_hash
    spent = {function.__name__: 0.0 for function in (shorter, longer, wait, wait_and_hash)}
    while time.perf_counter() < until:
        for function in (waits, shorter, longer):
            seconds = chance.uniform(0.5, 1.5) * (BURST_S if function is not waits else WAIT_S)
            before = time.thread_time()
            function(seconds)
            spent[function.__name__] += time.thread_time() - before
    truth.append({**spent, "all": time.thread_time()})


def main() -> None:
    until = time.perf_counter() + float(sys.argv[1])
    truth: list[dict[str, float]] = []
    threads = [
        threading.Thread(target=serve, args=(number, until, truth), name=f"serve-{number}")
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({name: sum(one[name] for one in truth) for name in truth[0]}))


if __name__ == "__main__":
    main()
