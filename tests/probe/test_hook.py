"""The functions in front of the allocators, in a process of its own, as in a target."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.probe.test_calibration import run

TOOL = Path(__file__).resolve().parents[2] / "tools" / "assemble.py"
BEGIN = """
import _thread, ctypes, gc, struct, tracemalloc
from _refwatch_probe.calibration.find_frames import find_frames
from _refwatch_probe.hooking import buffer
from _refwatch_probe.hooking.hook import Hook
from _refwatch_probe.own_memory import Memory

frames = find_frames(Memory())
hook = Hook()

def functions():
    found = (ctypes.c_void_p * 10)()
    for domain in (1, 2):
        ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(found, 40 * (domain - 1)))
    return list(found)

def records(since):
    found = []
    for number in range(since, hook.count):
        at = hook.place()["records"] + number % buffer.RECORDS * buffer.RECORD
        data = ctypes.string_at(at, buffer.RECORD)
        address, size, depth, freed = struct.unpack_from("<4Q", data)
        words = struct.unpack_from(f"<{2 * depth}Q", data, buffer.HEAD)
        found.append((address, size, freed, [code & ~7 for code in words[::2]]))
    return found

before = functions()
"""

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or "t" in getattr(sys, "abiflags", ""),
    reason="hook.s is for x86-64, and needs the GIL",
)


def hooked(code: str) -> Any:  # noqa: ANN401 - whatever the code has put into ``said``
    return json.loads(run(f"{BEGIN}\n{code}\nprint(json.dumps(said))"))


@pytest.mark.skipif(shutil.which("as") is None, reason="there is no assembler")
def test_the_machine_code_is_that_of_its_source() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--check"], check=False)
    assert done.returncode == 0, "run tools/assemble.py"


def test_as_many_blocks_are_looked_at_as_chance_says() -> None:
    said = hooked("""
hook.open(frames, 100_000, follow=True)
start = hook.count
for _ in range(50_000): bytes(967)
looked = hook.count - start
hook.close()
said = [looked, [size for _, size, _, _ in records(start)].count(1000)]
""")
    looked, ours = said
    # each with the chance 1 - exp(-1256 / 100,000): 624 are expected, give or take 25
    assert 624 - 150 < ours < 624 + 150
    assert looked < 1.2 * ours + 100


def test_large_blocks_are_all_looked_at() -> None:
    said = hooked("""
hook.open(frames, 10_000, follow=True)
start = hook.count
for _ in range(100): bytearray(1_000_000)
hook.close()
said = sum(size > 1_000_000 for _, size, _, _ in records(start))
""")
    assert said == 100


@pytest.mark.parametrize("follow", [True, False])
def test_the_frames_are_those_that_ask(follow: bool) -> None:
    said = hooked(f"""
def inner(): return bytes(5000)
def outer(): return inner()
def deep(left): return deep(left - 1) if left else bytes(7000)
hook.open(frames, 1, follow={follow})
start = hook.count
outer(); deep(40)
hook.close()
codes = [codes for _, size, _, codes in records(start) if size == 5033]
deeps = [codes for _, size, _, codes in records(start) if size == 7033]
said = [
    codes[0][:2] == [id(inner.__code__), id(outer.__code__)],
    [code for code in deeps[0] if code != id(None)] == [id(deep.__code__)] * len(deeps[0]),
    len(codes), len(deeps), len(deeps[0]),
]
""")
    assert said == [True, True, 1, 1, 25]


def test_what_is_freed_is_marked_and_what_lives_is_not() -> None:
    said = hooked("""
hook.open(frames, 1, follow=True)
start = hook.count
kept = [bytes(3000) for _ in range(200)]
for _ in range(200): bytes(4000)
grown = [None] * 750
grown.extend([1] * 100)
hook.close()
found = records(start)
said = [
    [bool(freed) for _, size, freed, _ in found if size == 3033].count(False),
    [bool(freed) for _, size, freed, _ in found if size == 4033].count(True),
    [bool(freed) for _, size, freed, _ in found if size == 6000],
]
""")
    kept, gone, grown = said
    assert kept == 200
    assert gone == 200
    assert grown == [True]  # it was made longer, and is another block


def test_freed_blocks_are_not_marked_unless_they_are_followed() -> None:
    said = hooked("""
hook.open(frames, 1, follow=False)
start = hook.count
for _ in range(200): bytes(4000)
hook.close()
said = sorted({bool(freed) for _, size, freed, _ in records(start) if size == 4033})
""")
    assert said == [False]


def test_closed_the_allocators_are_what_they_were() -> None:
    said = hooked("""
hook.open(frames, 1000, follow=True)
during = functions()
first = hook.close()
after = functions()
hook.open(frames, 1000, follow=False)
hook.open(frames, 5000, follow=True)
again = functions()
second = hook.close()
said = [during == before, after == before, again == during, functions() == before, first, second]
""")
    assert said == [False, True, True, True, True, True]


def test_tracemalloc_may_start_and_stop_meanwhile() -> None:
    said = hooked("""
said = []
tracemalloc.start(); traced = functions()
hook.open(frames, 1, follow=True)
kept = bytes(2000)
said.append(tracemalloc.get_object_traceback(kept) is not None)
tracemalloc.stop()
said.append(hook.close())               # it has taken ours away with its own
said.append(functions() == before)

hook.open(frames, 1, follow=True)
tracemalloc.start()
start = hook.count
kept = [bytes(2000) for _ in range(10)]
said.append([size for _, size, _, _ in records(start)].count(2033))
said.append(tracemalloc.get_object_traceback(kept[0]) is not None)
said.append(hook.close())               # ours stay beneath its own, and let all pass
start = hook.count
kept = [bytes(2000) for _ in range(10)]
said.append(hook.count - start)
hook.open(frames, 1, follow=True)       # and can be used again
start = hook.count
kept = [bytes(2000) for _ in range(10)]
said.append([size for _, size, _, _ in records(start)].count(2033))
tracemalloc.stop()
said.append(hook.close())
said.append(functions() == before)
""")
    assert said == [True, False, True, 10, True, True, 0, 10, True, True]


def test_threads_have_frames_of_their_own() -> None:
    said = hooked("""
def first(): return bytes(5000)
def second(): return bytes(6000)
def turn(make, done):
    for _ in range(300): make()
    done.release()
hook.open(frames, 1, follow=True)
start = hook.count
locks = [_thread.allocate_lock(), _thread.allocate_lock()]
for lock, make in zip(locks, (first, second)):
    lock.acquire(); _thread.start_new_thread(turn, (make, lock))
for lock in locks: lock.acquire()
hook.close()
found = records(start)
said = [
    {codes[0] for _, size, _, codes in found if size == 5033} == {id(first.__code__)},
    {codes[0] for _, size, _, codes in found if size == 6033} == {id(second.__code__)},
    sum(size in (5033, 6033) for _, size, _, _ in found),
]
""")
    assert said == [True, True, 600]


def test_more_blocks_than_there_is_room_for_overwrite_the_oldest() -> None:
    said = hooked("""
hook.open(frames, 1, follow=True)
start = hook.count
for _ in [None] * (3 * buffer.RECORDS): bytes(900)
looked = hook.count - start
hook.close()
newest = records(hook.count - buffer.RECORDS)
said = [looked >= 3 * buffer.RECORDS, sum(size == 933 for _, size, _, _ in newest) > 4000]
""")
    assert said == [True, True]


def test_no_memory_is_no_block() -> None:
    said = hooked("""
hook.open(frames, 1, follow=True)
said = []
try: bytes(1 << 60)
except MemoryError: said.append("none")
[].append(1); gc.collect()
said.append(hook.close())
""")
    assert said == ["none", True]


@pytest.mark.alone
def test_the_price_is_measured() -> None:
    said = hooked("""
hook.open(frames, 1000, follow=True)
hook.close()
said = [hook.pass_s, hook.follow_s, hook.look_s]
""")
    a_pass, a_follow, a_look = said
    assert 0 < a_pass <= a_follow < 1e-6
    assert 1e-9 < a_look < 1e-5
