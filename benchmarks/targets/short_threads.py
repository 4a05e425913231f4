"""A thread for each request, as a threading server has them: most compute for 1 to 20 ms, some wait
as well. Two are at work at a time. Prints the CPU time of the process and the number of threads."""

from __future__ import annotations

import json
import random
import sys
import threading
import time

AT_A_TIME = 2
PAUSE_S = 0.001


def compute(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def handle_request(seconds: float, pause: float, slots: threading.Semaphore) -> None:
    compute(seconds / 2)
    time.sleep(pause)
    compute(seconds / 2)
    slots.release()


def main() -> None:
    chance = random.Random(7)
    slots = threading.Semaphore(AT_A_TIME)
    before = time.process_time()
    began = time.perf_counter()
    threads: list[threading.Thread] = []
    while time.perf_counter() < began + float(sys.argv[1]):
        slots.acquire()
        seconds = chance.uniform(0.001, 0.02)
        pause = PAUSE_S if chance.random() < 0.3 else 0.0
        threads.append(threading.Thread(target=handle_request, args=(seconds, pause, slots)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    print(json.dumps({"cpu_s": time.process_time() - before, "requests": len(threads)}))


if __name__ == "__main__":
    main()
