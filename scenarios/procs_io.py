"""Many processes on blocking sockets: waiting that is no one's fault, and has a price.

    refwatch scenarios/procs_io.py

The work is that of `threads_io.py`, in processes of `multiprocessing`: each `client` process asks
a server on the loopback interface and blocks in `recv` until the answer comes; the `server`
process lets each question lie for some milliseconds, as a database or a web service far away would.

What to see: every client is in `io_wait` nearly all the time, at the `recv` in `receive`, and uses
next to no CPU time. It gets no more answers than a thread would, and each one is an interpreter of
its own: compare processes and memory with `threads_io.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import multiprocessing
import random
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
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


def client(address: tuple[str, int], seconds: float, results: Connection) -> None:
    """Ask for ``seconds``, then send how many answers there were."""
    trips = 0
    with socket.create_connection(address) as connection:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ask(connection, trips)
            trips += 1
    results.send(trips)


def serve(listener: socket.socket, count: int) -> None:
    """Accept ``count`` clients and answer each question after a pause; end when every client has
    hung up."""
    due: list[tuple[float, int, socket.socket, bytes]] = []  # (when, order, to whom, answer)
    order = itertools.count()
    with listener, contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(count):
            connection = stack.enter_context(listener.accept()[0])
            selector.register(connection, selectors.EVENT_READ)
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


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back. A process that is started meanwhile never hears of it: its parent ends
    it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(seconds: float, count: int) -> list[int]:
    """Let ``count`` clients ask for ``seconds``; return how many answers each has got."""
    if multiprocessing.get_start_method() != "fork":
        resource_tracker.ensure_running()  # as it starts it lets held signals through
    results: list[Connection] = []
    processes: list[multiprocessing.Process] = []

    def start(process: multiprocessing.Process) -> None:
        with interrupts_held():
            process.start()
            processes.append(process)

    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            start(multiprocessing.Process(target=serve, args=(listener, count), name="server"))
        for index in range(count):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            with sender:
                arguments = (address, seconds, sender)
                start(
                    multiprocessing.Process(target=client, args=arguments, name=f"client-{index}")
                )
            results.append(receiver)
        return [receiver.recv() for receiver in results]
    except BaseException:  # Ctrl-C comes here: no process may stay behind
        for process in reversed(processes):  # the server last: a client would complain of its end
            process.terminate()
        raise
    finally:
        for process in processes:
            process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Processes on blocking sockets.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--workers", type=int, default=16, help="clients (default: 16)")
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
    trips = run(options.seconds, options.workers)
    took = time.monotonic() - started
    print(
        f"{sum(trips)} answers to {len(trips)} processes ({options.start_method}) in {took:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
