"""A threading HTTP server under load from another process (`web_load.py`), which finds its port in
the file `port` of the folder that both run in. Prints how many requests it has answered a second,
and the CPU time of its own functions by the clock around them."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

REQUESTS = 3_000
DATABASE_S = 0.001

cpu_s: defaultdict[str, float] = defaultdict(float)
lock = threading.Lock()
answered: list[float] = []


def ask_database(_: int) -> None:
    time.sleep(DATABASE_S)


def render_page(rows: int) -> str:
    page = "<table>"
    for row in range(rows * 40):
        page += f"<tr><td>{row}</td><td>{row * row % 97}</td></tr>"
    return page


def sign_answer(page: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", page.encode(), b"key", 600).hex()


def encode_answer(page: str, signature: str) -> bytes:
    text = "&lt;".join(page.split("<")).replace(">", "&gt;")
    return f"{text}\n{signature}".encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        rows = int(parse_qs(urlsplit(self.path).query)["rows"][0])
        clocks = [time.thread_time()]
        ask_database(rows)
        clocks.append(time.thread_time())
        page = render_page(rows)
        clocks.append(time.thread_time())
        signature = sign_answer(page)
        clocks.append(time.thread_time())
        body = encode_answer(page, signature)
        clocks.append(time.thread_time())
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        names = ("ask_database", "render_page", "sign_answer", "encode_answer")
        with lock:
            for name, began, ended in zip(names, clocks, clocks[1:], strict=False):
                cpu_s[name] += ended - began
            answered.append(time.perf_counter())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64


def main() -> None:
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    wanted = int(REQUESTS * scale)
    cpu = time.process_time()
    with Server(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        unfinished = Path("port.new")
        unfinished.write_text(f"{server.server_address[1]} {wanted}", encoding="ascii")
        unfinished.rename("port")
        while len(answered) < wanted:
            time.sleep(0.02)
        server.shutdown()
        serving.join()
    first, last = answered[0], answered[wanted - 1]
    facts = {"work_s": last - first, "items": wanted, "per_s": (wanted - 1) / (last - first)}
    print(json.dumps({**facts, "cpu_s": time.process_time() - cpu, "functions_cpu_s": cpu_s}))


if __name__ == "__main__":
    main()
