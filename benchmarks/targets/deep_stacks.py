"""Two threads at the bottom of a recursion, 300 and 3,000 calls deep: each computes there for half
of its time and waits there for the rest, until the program ends. Prints how many frames each stack
has, and its outermost function."""

from __future__ import annotations

import inspect
import json
import sys
import threading
import time
from types import FrameType

DEPTHS = {"shallow": 300, "deep": 3000}

ready = threading.Barrier(len(DEPTHS) + 1)
never = threading.Lock()
truth: dict[str, dict[str, object]] = {}


def note_stack() -> None:
    """Count the frames of the caller and of its callers."""
    frame: FrameType | None = inspect.currentframe()
    count, outermost = -1, ""
    while frame is not None:
        count, outermost, frame = count + 1, frame.f_code.co_qualname, frame.f_back
    truth[threading.current_thread().name] = {"frames": count, "outermost": outermost}


def bottom(seconds: float) -> None:
    note_stack()
    ready.wait()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    never.acquire()


def shallow(depth: int, seconds: float) -> None:
    if depth:
        shallow(depth - 1, seconds)
    else:
        bottom(seconds)


def deep(depth: int, seconds: float) -> None:
    if depth:
        deep(depth - 1, seconds)
    else:
        bottom(seconds)


def main() -> None:
    seconds = float(sys.argv[1])
    never.acquire()
    sys.setrecursionlimit(2 * max(DEPTHS.values()))
    for function in (shallow, deep):
        name = function.__name__
        arguments = (DEPTHS[name], seconds / 2)
        threading.Thread(target=function, args=arguments, name=name, daemon=True).start()
    ready.wait()
    time.sleep(seconds)
    print(json.dumps({"threads": truth}), flush=True)


if __name__ == "__main__":
    main()
