"""Children of children, most of them short-lived, and one that becomes another program.

    refwatch scenarios/fork_tree.py

The root forks some branches. Each branch forks one leaf after another, which computes for some
milliseconds and ends. One more child of the root replaces itself by a new Python (`os.execv`),
which computes and waits by turns.

What to see: a tree of processes with two levels below the root; the branches and the new Python
stay, the leaves come and go, some fifteen a second for each branch, too short to be seen for
long. The new Python keeps the pid and the parent of the copy that it has replaced. The CPU time of
the leaves is that of their branch's children.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator

LEAF_S = 0.005  # CPU time of a leaf
PAUSE_S = 0.05  # of a branch between two leaves, and of the new Python between two rounds
STEPS = 1_000  # of arithmetic between two looks at the clock, some 50 microseconds


def compute(seconds: float) -> None:
    """Use this much CPU time."""
    value, began = 1, time.process_time()
    while time.process_time() - began < seconds:
        for _ in range(STEPS):
            value = (value * 1_103_515_245 + 12_345) % 2_147_483_648


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back. A process that is started meanwhile never hears of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def fork(child: Callable[[], None], *others: int) -> int:
    """Run ``child`` in a copy of this process, without the descriptors ``others``; the copy ends
    with it. Return its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        for descriptor in others:
            os.close(descriptor)
        child()
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in the copy
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(lifeline: int) -> bool:
    """Wait for a moment; return whether the root has closed its end of the pipe ``lifeline``, of
    which nobody else has it: it is also closed when the root is killed."""
    return bool(select.select([lifeline], [], [], PAUSE_S)[0])


def grow_leaves(lifeline: int, tally: int) -> None:
    """What a branch does: one leaf after another; at its end it writes their number to the pipe
    ``tally``."""
    leaves = 0
    while not ended(lifeline):
        os.waitpid(fork(lambda: compute(LEAF_S)), 0)
        leaves += 1
    os.write(tally, f"{leaves}\n".encode())


def become_python(lifeline: int) -> None:
    """Become a new Python with this file as its program; its stdin is the lifeline."""
    os.dup2(lifeline, 0)
    os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), "--again"])  # noqa: S606 - no shell


def again() -> None:
    """What the new Python does."""
    while not ended(0):
        compute(LEAF_S)


def run(seconds: float, count: int) -> tuple[list[int], list[int]]:
    """Let a tree with ``count`` branches live for ``seconds``; return how many leaves each branch
    has had, and the exit codes of the root's children."""
    lifeline, held = os.pipe()
    tallies, tally = os.pipe()

    branch, python = lambda: grow_leaves(lifeline, tally), lambda: become_python(lifeline)
    children: list[int] = []
    try:
        with interrupts_held():
            children.extend(fork(branch, held) for _ in range(count))
            children.append(fork(python, held))
        time.sleep(seconds)
    finally:  # Ctrl-C comes here too: the branches end after their last leaf, then the root
        os.close(held)
        os.close(tally)
        statuses = [os.waitpid(child, 0)[1] for child in children]
    with open(tallies, encoding="ascii") as lines:
        leaves = [int(line) for line in lines]
    os.close(lifeline)
    return leaves, [os.waitstatus_to_exitcode(status) for status in statuses]


def main() -> None:
    parser = argparse.ArgumentParser(description="A tree of short-lived processes.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--workers", type=int, default=2, help="branches (default: 2)")
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.again:
        again()
        return
    if options.seconds < 0 or options.workers < 1:
        parser.error("--seconds must not be negative, and --workers at least 1")
    leaves, codes = run(options.seconds, options.workers)
    print(
        f"{sum(leaves)} leaves of {len(leaves)} branches, and one new Python; "
        f"exit codes: {', '.join(map(str, codes))}",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
