"""Many threads on blocking sockets: waiting that is no one's fault.

    refwatch scenarios/threads_io.py

Each `client` thread asks a server on the loopback interface and blocks in `recv` until the answer
comes; the `server` thread, in the same program, lets each question lie for some milliseconds, as a
database or a web service far away would.

What to see: every client is in `io_wait` nearly all the time; its hot line is the `recv` in
`receive`, called by `ask`, and the server's is its `selector.select`. The GIL is free nearly all
the time and nobody waits for it: more threads would get more done here. The main thread sits in
`join`, which is `lock_wait`.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import random
import selectors
import socket
import sys
import threading
import time
from typing import cast

SIZE = 64  # bytes of a question, and of its answer
PAUSE_S = (0.005, 0.025)  # the server's pause before an answer, seconds: shortest and longest


def receive(connection: socket.socket) -> bytes:
    """Read one whole message; empty when the other side has closed."""
    message = b""
    while len(message) < SIZE:
        piece = connection.recv(SIZE - len(message))
        if not piece:
            return b""
        message += piece
    return message


def ask(connection: socket.socket, number: int) -> None:
    """Send a question and wait for its answer."""
    question = number.to_bytes(8, "big").ljust(SIZE, b".")
    connection.sendall(question)
    answer = receive(connection)
    if answer != question[::-1]:
        raise RuntimeError(f"question {number} got the answer {answer!r}")


def client(
    connection: socket.socket, until: float, stop: threading.Event, trips: list[int], index: int
) -> None:
    """Ask until the time ``until`` (of ``time.monotonic``) or until told to stop."""
    with connection:
        while time.monotonic() < until and not stop.is_set():
            ask(connection, trips[index])
            trips[index] += 1


def serve(connections: list[socket.socket]) -> None:
    """Answer each question after a pause; end when every client has hung up."""
    due: list[tuple[float, int, socket.socket, bytes]] = []  # (when, order, to whom, answer)
    order = itertools.count()
    with contextlib.ExitStack() as stack:  # however it ends, no client is left waiting
        selector = stack.enter_context(selectors.DefaultSelector())
        for connection in connections:
            selector.register(stack.enter_context(connection), selectors.EVENT_READ)
        while selector.get_map():
            pause = max(0.0, due[0][0] - time.monotonic()) if due else None
            for key, _ in selector.select(pause):
                connection = cast("socket.socket", key.fileobj)
                question = receive(connection)
                if question:
                    when = time.monotonic() + random.uniform(*PAUSE_S)
                    heapq.heappush(due, (when, next(order), connection, question[::-1]))
                else:
                    selector.unregister(connection)
            while due and due[0][0] <= time.monotonic():
                _, _, connection, answer = heapq.heappop(due)
                connection.sendall(answer)


def connect(count: int) -> tuple[list[socket.socket], list[socket.socket]]:
    """``count`` connections over loopback: the clients' ends and the server's ends."""
    ours: list[socket.socket] = []
    theirs: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(count):
            ours.append(socket.create_connection(listener.getsockname()))
            theirs.append(listener.accept()[0])
    return ours, theirs


def run(seconds: float, count: int) -> list[int]:
    """Let ``count`` clients ask for ``seconds``; return how many answers each has got."""
    stop = threading.Event()
    trips = [0] * count
    ours, theirs = connect(count)
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=serve, args=(theirs,), name="server")]
    threads += [
        threading.Thread(target=client, args=(end, until, stop, trips, i), name=f"client-{i}")
        for i, end in enumerate(ours)
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:  # Ctrl-C comes here too: each client ends after its next answer, then the server
        stop.set()
        for end, thread in zip(ours, threads[1:], strict=True):
            if thread.ident is None:  # never started: nobody else hangs up for it
                end.close()
    return trips


def main() -> None:
    parser = argparse.ArgumentParser(description="Threads on blocking sockets.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--threads", type=int, default=16, help="clients (default: 16)")
    options = parser.parse_args()
    if options.seconds < 0 or options.threads < 1:
        parser.error("--seconds must not be negative, and --threads at least 1")
    started = time.monotonic()
    trips = run(options.seconds, options.threads)
    took = time.monotonic() - started
    print(f"{sum(trips)} answers to {len(trips)} threads in {took:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
