"""Sixteen threads, eight pairs on loopback sockets: a fixed number of round trips, with a pause in
each, so that the threads block in `recv` and in `sleep` and seldom have the GIL."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

PAIRS = 8
MESSAGE = b"." * 256
PAUSE_S = 0.001


def ask(connection: socket.socket, trips: int) -> None:
    with connection:
        for _ in range(trips):
            connection.sendall(MESSAGE)
            connection.recv(len(MESSAGE), socket.MSG_WAITALL)


def answer(connection: socket.socket) -> None:
    with connection:
        while message := connection.recv(len(MESSAGE), socket.MSG_WAITALL):
            time.sleep(PAUSE_S)
            connection.sendall(message)


def connect(trips: int) -> list[threading.Thread]:
    """The pairs, ready to start."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(PAIRS):
            near = socket.create_connection(listener.getsockname())
            far, _ = listener.accept()
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threads.append(threading.Thread(target=ask, args=(near, trips)))
            threads.append(threading.Thread(target=answer, args=(far,)))
    return threads


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    threads = connect(int(3_000 * scale))
    started, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"work_s": took, "cpu_s": cpu}))


if __name__ == "__main__":
    main()
