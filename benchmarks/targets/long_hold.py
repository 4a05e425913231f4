"""A regular expression that backtracks for 1.5 seconds or more in one call, with the GIL, while
another thread wants it. Prints how long the call took, and its line."""

from __future__ import annotations

import json
import re
import threading
import time

LEAST_S = 1.5
PATTERN = re.compile(r"(a+)+$")


def search(text: str) -> None:
    PATTERN.match(text)


def long_text() -> str:
    """As many letters as take this machine so long: each one more doubles it."""
    count, took = 16, 0.0
    while took < LEAST_S / 16:
        count += 1
        before = time.perf_counter()
        search("a" * count + "b")
        took = time.perf_counter() - before
    while took < LEAST_S:
        count, took = count + 1, 2 * took
    return "a" * count + "b"


def serve(done: threading.Event) -> None:
    while not done.is_set():
        time.sleep(0.002)


def main() -> None:
    text = long_text()
    done = threading.Event()
    server = threading.Thread(target=serve, args=(done,), name="server")
    server.start()
    time.sleep(0.5)
    before = time.perf_counter()
    search(text)
    took = time.perf_counter() - before
    line = search.__code__.co_firstlineno + 1
    time.sleep(0.5)
    done.set()
    server.join()
    print(json.dumps({"took_s": took, "line": line, "function": search.__name__}))


if __name__ == "__main__":
    main()
