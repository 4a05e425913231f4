"""Load for `web_server.py`: eight connections that ask again and again, each replaced after twenty
requests. Waits for the file `port` of its folder, which says where and how many requests."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from pathlib import Path

CONNECTIONS = 8
EACH = 20
LIMIT_S = 60.0


def ask(port: int, numbers: itertools.count[int], wanted: int) -> None:
    """Requests over one connection after another, until all have been made."""
    number = next(numbers)
    while number < wanted:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        for _ in range(EACH):
            connection.request("GET", f"/?rows={1 + number % 7}")
            connection.getresponse().read()
            number = next(numbers)
            if number >= wanted:
                break
        connection.close()


def main() -> None:
    file, until = Path("port"), time.monotonic() + LIMIT_S
    while not file.exists():
        if time.monotonic() > until:
            raise SystemExit("no server has begun")
        time.sleep(0.01)
    port, wanted = map(int, file.read_text(encoding="ascii").split())
    numbers = itertools.count()
    threads = [
        threading.Thread(target=ask, args=(port, numbers, wanted)) for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
