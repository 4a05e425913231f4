"""Eight threads to watch: `spin` is eight that compute in Python, `mixed` is two of those, two that
are in zlib now and then, two that sleep in short naps and a pair that talks over a socket. Either
leaves a core free on a machine with two: where none is, refwatch samples more slowly. `idle` is
eight that sleep or wait for what does not come."""

from __future__ import annotations

import random
import select
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable


def spin(until: float) -> None:
    value = 0
    while time.monotonic() < until:
        for _ in range(1_000):
            value = (value * 3 + 1) & 0xFFFF


def compress(until: float) -> None:
    buffer = random.Random(7).randbytes(1 << 16)
    while time.monotonic() < until:
        zlib.compress(buffer, 6)
        time.sleep(0.01)


def nap(until: float) -> None:
    while time.monotonic() < until:
        time.sleep(0.01)


def talkers() -> tuple[Callable[[float], None], Callable[[float], None]]:
    near, far = socket.socketpair()

    def ask(until: float) -> None:
        with near:
            while time.monotonic() < until:
                near.sendall(b"?")
                near.recv(1)

    def answer(_: float) -> None:
        with far:
            while far.recv(1):
                time.sleep(0.005)
                far.sendall(b"!")

    return ask, answer


def idlers(until: float) -> list[Callable[[float], None]]:
    """Sleeping, waiting for an event, and for input."""
    never, silent = threading.Event(), socket.socketpair()

    def sleep(_: float) -> None:
        time.sleep(max(0.0, until - time.monotonic()))

    def wait(_: float) -> None:
        never.wait(max(0.0, until - time.monotonic()))

    def listen(_: float) -> None:
        select.select(silent, [], [], max(0.0, until - time.monotonic()))

    return [sleep, sleep, sleep, wait, wait, wait, listen, listen]


def main() -> None:
    kind, seconds = sys.argv[1], float(sys.argv[2])
    until = time.monotonic() + seconds
    work: list[Callable[[float], None]]
    if kind == "idle":
        work = idlers(until)
    elif kind == "spin":
        work = [spin] * 8
    else:
        work = [spin, spin, compress, compress, nap, nap, *talkers()]
    threads = [threading.Thread(target=one, args=(until,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
