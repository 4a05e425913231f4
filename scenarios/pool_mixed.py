"""A process pool whose workers compute and wait by turns.

    refwatch scenarios/pool_mixed.py

The jobs of a `ProcessPoolExecutor` are as those of many services: some milliseconds of arithmetic,
then some of waiting for something far away. The main process hands out the next job as soon as one
has ended.

What to see: each worker is in `gil_held` for two fifths of the time, at the arithmetic in `crunch`,
and in `sleep` for the rest, at the line in `job`; no one waits for a GIL, because each process has
its own. The main process is mostly in `lock_wait`; a second thread of it waits for the results, and
a third one passes the jobs on. More workers than CPUs get more done here, for they wait most of the
time.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import resource_tracker
from typing import NamedTuple

COMPUTE_S = 0.02  # CPU time of a job
WAIT_S = 0.03  # that a job waits after that
STEPS = 1_000  # of arithmetic between two looks at the clock, some 50 microseconds
QUEUED = 2  # jobs for each worker, so that one is there when one ends


class Done(NamedTuple):
    """What a job has used, in seconds."""

    computed_s: float
    waited_s: float


def crunch(value: int) -> int:
    """A thousand steps of a linear congruential generator."""
    for _ in range(STEPS):
        value = (value * 1_103_515_245 + 12_345) % 2_147_483_648
    return value


def job() -> Done:
    """Compute, then wait."""
    value, began = 1, time.process_time()
    while time.process_time() - began < COMPUTE_S:
        value = crunch(value)
    computed_s = time.process_time() - began
    asked = time.monotonic()
    time.sleep(WAIT_S)
    return Done(computed_s, time.monotonic() - asked)


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back. A process that is started meanwhile never hears of it: its parent ends
    it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(seconds: float, count: int) -> list[Done]:
    """Keep ``count`` workers busy for ``seconds``; return what each job has used."""
    if multiprocessing.get_start_method() != "fork":
        resource_tracker.ensure_running()  # as it starts it lets held signals through
    done: list[Done] = []
    pending: set[Future[Done]] = set()
    until = time.monotonic() + seconds
    executor = ProcessPoolExecutor(count)
    try:
        while True:
            missing = QUEUED * count - len(pending) if time.monotonic() < until else 0
            with interrupts_held():  # the executor starts its workers when it gets jobs
                pending |= {executor.submit(job) for _ in range(missing)}
            if not pending:
                return done
            ended, pending = wait(pending, return_when=FIRST_COMPLETED)
            done += [future.result() for future in ended]
    finally:  # Ctrl-C comes here too: each worker ends after its next job
        executor.shutdown(cancel_futures=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="A process pool that computes and waits.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--workers", type=int, default=4, help="processes (default: 4)")
    parser.add_argument(
        "--start-method",
        choices=multiprocessing.get_all_start_methods(),
        default=multiprocessing.get_start_method(),
        help="of multiprocessing (default: %(default)s)",
    )
    options = parser.parse_args()
    if options.seconds < 0 or options.workers < 1:
        parser.error("--seconds must not be negative, and --workers at least 1")
    multiprocessing.set_start_method(options.start_method, force=True)
    started = time.monotonic()
    done = run(options.seconds, options.workers)
    took = time.monotonic() - started
    computed_s, waited_s = sum(one.computed_s for one in done), sum(one.waited_s for one in done)
    print(
        f"{len(done)} jobs by {options.workers} workers ({options.start_method}) in {took:.1f} s: "
        f"{computed_s:.2f} s of computing, {waited_s:.2f} s of waiting",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
