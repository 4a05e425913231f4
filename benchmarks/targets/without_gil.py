"""Three threads in native code that lets the GIL go, for a tenth of a second at a time: two in
zlib, one in hashlib. Nobody else wants the GIL. Prints what the kernel gave each."""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
from benchmarks.targets.measured import kernel_times

DATA = random.Random(7).randbytes(1 << 22)


def compress() -> None:
    zlib.compress(DATA, 6)


def digest() -> None:
    hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 100_000)


WORK: dict[str, Callable[[], None]] = {"zlib-0": compress, "zlib-1": compress, "hash": digest}


def repeat(name: str, until: float, truth: dict[str, dict[str, float]]) -> None:
    began = now = time.perf_counter()
    while now < until:
        WORK[name]()
        now = time.perf_counter()
    truth[name] = {**kernel_times(), "lived_s": now - began}


def main() -> None:
    until = time.perf_counter() + float(sys.argv[1])
    truth: dict[str, dict[str, float]] = {}
    threads = [
        threading.Thread(target=repeat, args=(name, until, truth), name=name) for name in WORK
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"threads": truth}))


if __name__ == "__main__":
    main()
