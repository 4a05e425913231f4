"""Threads that hand the GIL to each other, in a program that reads the GIL's own count of handoffs.

The counter is found by experiment, independently of refwatch: a helper waits for the GIL while the
main thread keeps it, the helper's system call tells the address of the GIL's condition variable,
and before it in memory lies a switch interval that was set as a marker, followed by the holder's
thread state, the word that says it is locked, and the counter. Prints the counter at the start of
the busy phase and at its end. The program rests before and after, when nothing is handed over: the
watch may begin and end anywhere in those times.
"""

from __future__ import annotations

import collections
import ctypes
import json
import os
import sys
import threading
import time

MARKER_S = 0.123457
WORDS = 20
REST_S = 0.5
FUTEX = 202 if os.uname().machine == "x86_64" else 98


def waiting_address() -> int:
    """The futex on which a thread waits that wants the GIL; the caller never lets it go."""
    keeping = ctypes.PyDLL(None)  # calls through it keep the GIL
    gate, tid = threading.Lock(), list[int]()
    gate.acquire()

    def helper() -> None:
        tid.append(threading.get_native_id())
        gate.acquire()

    thread = threading.Thread(target=helper, daemon=True)
    thread.start()
    while not tid:
        time.sleep(0.001)
    time.sleep(0.02)
    file = os.open(f"/proc/self/task/{tid[0]}/syscall", os.O_RDONLY)
    buffer = ctypes.create_string_buffer(256)
    seen: collections.Counter[int] = collections.Counter()
    gate.release()
    until = time.perf_counter() + MARKER_S / 3
    while time.perf_counter() < until:
        size = keeping.pread(file, buffer, 255, ctypes.c_long(0))
        words = buffer.raw[: max(size, 0)].split()
        if words and words[0] == b"%d" % FUTEX:
            seen[int(words[1], 16)] += 1
    thread.join()
    os.close(file)
    return seen.most_common(1)[0][0]


def find_counter() -> ctypes.c_ulong:
    """The GIL's switch_number, where it lies."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(MARKER_S)
    try:
        state = ctypes.pythonapi.PyThreadState_Get
        state.restype = ctypes.c_void_p
        base = (waiting_address() & ~7) - WORDS * 8
        words = (ctypes.c_ulong * WORDS).from_address(base)
        found = [
            index
            for index in range(WORDS - 3)
            if words[index] == round(MARKER_S * 1e6)
            and words[index + 1] == state()
            and words[index + 2] & 0xFFFFFFFF == 1
        ]
    finally:
        sys.setswitchinterval(interval)
    if len(found) != 1:
        raise SystemExit(f"the GIL is not where it was looked for: {found}")
    return ctypes.c_ulong.from_address(base + 8 * (found[0] + 3))


def hand_over(until: float, mine: threading.Lock, yours: threading.Lock) -> None:
    """Ping-pong: every round makes the other thread want the GIL, and then lets it go."""
    while time.perf_counter() < until:
        mine.acquire(timeout=0.1)
        if yours.locked():
            yours.release()


def spin(until: float) -> None:
    while time.perf_counter() < until:
        pass


def main() -> None:
    seconds = float(sys.argv[1])
    counter = find_counter()
    first, second = threading.Lock(), threading.Lock()
    time.sleep(REST_S)
    before = counter.value
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=hand_over, args=(until, first, second)),
        threading.Thread(target=hand_over, args=(until, second, first)),
        threading.Thread(target=spin, args=(until - seconds / 2,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = counter.value
    time.sleep(REST_S)
    print(json.dumps({"before": before, "after": after}))


if __name__ == "__main__":
    main()
