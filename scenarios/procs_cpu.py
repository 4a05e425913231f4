"""Four processes of pure-Python arithmetic: each has a GIL of its own.

    refwatch scenarios/procs_cpu.py

The work is that of `threads_cpu.py`, in processes of `multiprocessing`. `--start-method` says how
they are started: `fork`, `spawn` or `forkserver`.

What to see: each `cruncher` process holds its GIL all the time and nobody waits for it; where there
are fewer CPUs than processes they wait for a CPU, and still not for the GIL. The rounds of all
processes add up, as those of threads do not: compare `threads_cpu.py`, and with `--rounds` the time
that the same work takes. The main process waits in `recv` for the first result, which is `io_wait`.
With `spawn` each worker begins as a new interpreter, with `forkserver` as a copy of a small server;
both have a resource tracker beside them.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

STEPS = 1_000  # of arithmetic between two looks at the clock, some 50 microseconds


def crunch(value: int) -> int:
    """One round: a thousand steps of a linear congruential generator."""
    for _ in range(STEPS):
        value = (value * 1_103_515_245 + 12_345) % 2_147_483_648
    return value


def work(index: int, seconds: float, most: int, results: Connection) -> None:
    """Do rounds for ``seconds``, at ``most`` so many, then send how many there were, and the
    seconds of CPU time."""
    value, rounds = index, 0
    until = time.monotonic() + seconds
    while rounds < most and time.monotonic() < until:
        value = crunch(value)
        rounds += 1
    results.send((rounds, time.process_time()))


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back. A process that is started meanwhile never hears of it: its parent ends
    it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(seconds: float, count: int, most: int = sys.maxsize) -> list[tuple[int, float]]:
    """Let ``count`` processes work for ``seconds``, or until each has done at ``most`` so many
    rounds; return the rounds and the CPU time in seconds of each."""
    if multiprocessing.get_start_method() != "fork":
        resource_tracker.ensure_running()  # as it starts it lets held signals through
    results: list[Connection] = []
    processes: list[multiprocessing.Process] = []
    try:
        for index in range(count):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            arguments = (index, seconds, most, sender)
            process = multiprocessing.Process(target=work, args=arguments, name=f"cruncher-{index}")
            with interrupts_held(), sender:
                process.start()
                processes.append(process)
            results.append(receiver)
        return [receiver.recv() for receiver in results]
    except BaseException:  # Ctrl-C comes here: no process may stay behind
        for process in processes:
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Processes of pure-Python arithmetic.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--workers", type=int, default=4, help="processes (default: 4)")
    parser.add_argument(
        "--rounds", type=int, help="of all processes together, instead of --seconds"
    )
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
    if options.rounds is None:
        done = run(options.seconds, options.workers)
    else:
        done = run(math.inf, options.workers, math.ceil(options.rounds / options.workers))
    took = time.monotonic() - started
    rounds, used = sum(count for count, _ in done), sum(cpu_s for _, cpu_s in done)
    print(
        f"{rounds} rounds by {len(done)} processes ({options.start_method}) in {took:.1f} s; "
        f"their CPU time is {used / took:.2f} times the wall time",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
