"""Threads that wait, each in its own way and named after the state and the call it waits in."""

from __future__ import annotations

import json
import queue
import select
import socket
import sys
import threading
import time
from collections.abc import Callable


def sleeps(seconds: float) -> dict[str, Callable[[], object]]:
    def naps() -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.05)

    return {"sleep/long": lambda: time.sleep(seconds), "sleep/naps": naps}


def locks(
    gate: threading.Lock, line: queue.Queue[None], condition: threading.Condition
) -> dict[str, Callable[[], object]]:
    def waits() -> None:
        with condition:
            condition.wait()

    def acquires() -> None:
        with gate:
            pass

    def acquires_with_timeout() -> None:
        if gate.acquire(timeout=3600):
            gate.release()

    return {
        "lock_wait/acquire": acquires,
        "lock_wait/acquire-timeout": acquires_with_timeout,
        "lock_wait/queue-get": line.get,
        "lock_wait/condition": waits,
    }


def sockets() -> tuple[dict[str, Callable[[], object]], list[socket.socket]]:
    """The threads' work, and the sockets that end it."""
    pairs = [socket.socketpair() for _ in range(3)]
    pairs[1][0].settimeout(3600)
    work: dict[str, Callable[[], object]] = {
        "io_wait/recv": lambda: pairs[0][0].recv(1),
        "io_wait/recv-timeout": lambda: pairs[1][0].recv(1),
        "io_wait/select": lambda: select.select([pairs[2][0]], [], []),
    }
    return work, [far for _, far in pairs]


def main() -> None:
    seconds = float(sys.argv[1])
    gate, line, condition = threading.Lock(), queue.Queue[None](), threading.Condition()
    by_socket, ends = sockets()
    work = {**sleeps(seconds), **locks(gate, line, condition), **by_socket}
    threads = [threading.Thread(target=one, name=name) for name, one in work.items()]
    gate.acquire()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    gate.release()
    line.put(None)
    with condition:
        condition.notify_all()
    for end in ends:
        end.send(b".")
    for thread in threads:
        thread.join()
    print(json.dumps({"threads": list(work)}))


if __name__ == "__main__":
    main()
