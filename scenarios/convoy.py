"""One CPU-bound thread that starves the threads that do I/O: the convoy effect.

    refwatch scenarios/convoy.py --seconds 20

Some `client` threads ask a server over socket pairs, each some hundred times a second, and measure
how long an answer lies there before the thread runs. The server is a process of its own, which no
GIL of this program delays. In the second half of the time a `cruncher` thread computes beside the
clients.

What to see: in the first half the clients are in `sleep` and `io_wait`, and the GIL is free. In the
second half the GIL is held all the time, nearly always by the cruncher, and the clients are in
`gil_wait`: a blocking call gives the GIL away, and the cruncher keeps it for a switch interval
before it gives it back. What took microseconds takes 5 ms, and a multiple of it where several
threads wait. `--switch-interval 0.0005` makes the waits shorter and the handoffs more frequent.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import cast

STAMP = 8  # bytes of an answer: the nanosecond of time.monotonic_ns at which it was sent
ANSWER_S = 0.001  # that the server takes: by then whoever waited for the GIL has it
PAUSE_S = 0.005  # of a client between an answer and its next question
STEPS = 1_000  # of arithmetic between two looks at the clock, some 50 microseconds


def crunch(until: float, stop: threading.Event) -> None:
    """Compute until the time ``until`` (of ``time.monotonic``) or until told to stop."""
    value = 0
    while time.monotonic() < until and not stop.is_set():
        for _ in range(STEPS):
            value = (value * 1_103_515_245 + 12_345) % 2_147_483_648


def answer(connection: socket.socket) -> bool:
    """Answer a question with the time; return False where the client has hung up."""
    try:
        if not connection.recv(1):
            return False
        time.sleep(ANSWER_S)
        connection.sendall(time.monotonic_ns().to_bytes(STAMP, "big"))
    except ConnectionError:  # the client was killed
        return False
    return True


def serve(descriptors: list[int]) -> None:
    """What the server does: answer each question with the time, until every client has hung up."""
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(socket.socket(fileno=descriptor), selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                connection = cast("socket.socket", key.fileobj)
                if not answer(connection):
                    selector.unregister(connection)
                    connection.close()


@contextlib.contextmanager
def server(count: int) -> Iterator[list[socket.socket]]:
    """A server while it is needed, and ``count`` connections to it. It ends when they are closed,
    however this process ends."""
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(count)]
        for ours, _ in pairs:
            stack.enter_context(ours)
        theirs = [end.fileno() for _, end in pairs]
        command = [sys.executable, __file__, "--serve", *map(str, theirs)]
        # in a process group of its own, which Ctrl-C on a terminal does not reach
        process = subprocess.Popen(command, pass_fds=theirs, process_group=0)
        for _, end in pairs:
            end.close()
        try:
            pairs[0][0].sendall(b"?")
            pairs[0][0].recv(STAMP)  # now it has started
            yield [ours for ours, _ in pairs]
        finally:
            stack.close()
            process.wait()


def client(
    connection: socket.socket,
    until: float,
    stop: threading.Event,
    latencies_s: list[list[float]],
) -> None:
    """Ask until the time ``until`` (of ``time.monotonic``) or until told to stop; note in the last
    list for how many seconds each answer lay there before this thread ran."""
    while time.monotonic() < until and not stop.is_set():
        connection.sendall(b"?")
        sent_ns = int.from_bytes(connection.recv(STAMP), "big")
        latencies_s[-1].append((time.monotonic_ns() - sent_ns) / 1e9)
        time.sleep(PAUSE_S)


def run(seconds: float, connections: list[socket.socket]) -> tuple[list[float], list[float]]:
    """Let a client ask on each connection for ``seconds``, with a CPU-bound thread beside them in
    the second half; return the latencies of the answers in each half, in seconds."""
    stop = threading.Event()
    latencies_s: list[list[float]] = [[]]
    until = time.monotonic() + seconds
    clients = [
        threading.Thread(target=client, args=(one, until, stop, latencies_s), name=f"client-{i}")
        for i, one in enumerate(connections)
    ]
    cruncher = threading.Thread(target=crunch, args=(until, stop), name="cruncher")
    try:
        for thread in clients:
            thread.start()
        time.sleep(seconds / 2)
        latencies_s.append([])
        cruncher.start()
        for thread in [cruncher, *clients]:
            thread.join()
    finally:  # Ctrl-C comes here too: each client ends after its next answer
        stop.set()
        for thread in [cruncher, *clients]:
            if thread.ident is not None:
                thread.join()
    alone, beside = latencies_s
    return alone, beside


def described(latencies_s: list[float]) -> str:
    if not latencies_s:
        return "no answer"
    middle, longest = statistics.median(latencies_s), max(latencies_s)
    return f"p50 {middle * 1e3:.2f} ms, longest {longest * 1e3:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description="A CPU-bound thread that starves I/O threads.")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--threads", type=int, default=4, help="clients (default: 4)")
    parser.add_argument(
        "--switch-interval", type=float, default=sys.getswitchinterval(), metavar="S",
        help="seconds for sys.setswitchinterval (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument("--serve", type=int, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    if options.seconds < 0 or options.threads < 1:
        parser.error("--seconds must not be negative, and --threads at least 1")
    if not 1e-6 <= options.switch_interval <= 10:
        parser.error("--switch-interval must be from 0.000001 to 10 seconds")
    sys.setswitchinterval(options.switch_interval)
    with server(options.threads) as connections:
        alone, beside = run(options.seconds, connections)
    print(
        f"from an answer to its thread, without the CPU-bound thread: {described(alone)}; "
        f"with it: {described(beside)}; switch interval {sys.getswitchinterval() * 1e3:g} ms",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
