"""Eight threads to watch: `spin` is eight that compute in Python, `mixed` is two of those, two that
are in zlib now and then, two that sleep in short naps and a pair that talks over a socket. Either
leaves a core free on a machine with two: where none is, refwatch samples more slowly."""

from __future__ import annotations

import random
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


def main() -> None:
    kind, seconds = sys.argv[1], float(sys.argv[2])
    work: list[Callable[[float], None]]
    work = [spin] * 8 if kind == "spin" else [spin, spin, compress, compress, nap, nap, *talkers()]
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=one, args=(until,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
