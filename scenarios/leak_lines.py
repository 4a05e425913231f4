"""Two lines that keep what they allocate, and a third that allocates most and keeps nothing.

    refwatch scenarios/leak_lines.py --alloc exact

Some 100 times a second (`--rate`) a request is answered: its page of 20 KB is rendered and let go,
its body of 5 KB is put into a list of what was seen, and three lines about it into a journal.

What to see: in exact mode the live blocks of two lines grow, of the one in `remember` by 500 KB a
second and of the one in `note` by 100 KB; set a mark, and each request since has left one block at
the first and three at the second. The line in `render` has one block at most, though in burst mode
it is the one that allocates most. Nobody defines a class here: live instances show nothing.
"""

from __future__ import annotations

import argparse
import sys
import time

PAGE, BODY, NOTE, NOTES = 20_000, 5_000, 300, 3

SEEN: list[bytes] = []
JOURNAL: list[bytes] = []


def render() -> int:
    """A page that nobody keeps."""
    page = bytes(PAGE)
    return len(page)


def remember() -> None:
    """The first leak."""
    SEEN.append(bytes(BODY))


def note() -> None:
    """The second one."""
    for _ in range(NOTES):
        JOURNAL.append(bytes(NOTE))  # noqa: PERF401 - one line, one block at a time


def run(seconds: float, rate: float) -> int:
    """Answer ``rate`` requests a second for ``seconds``; return how many there were."""
    started = time.monotonic()
    number = 0
    while (due := number / rate) < seconds:
        time.sleep(max(0.0, started + due - time.monotonic()))
        render()
        remember()
        note()
        number += 1
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description="Two lines that keep what they allocate.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long (default: 30)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests/s (default: 100)")
    options = parser.parse_args()
    if options.seconds < 0 or options.rate <= 0:
        parser.error("--seconds must not be negative, and --rate more than 0")
    number = run(options.seconds, options.rate)
    print(f"{number} requests, {len(SEEN)} bodies and {len(JOURNAL)} notes kept", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
