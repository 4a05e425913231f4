"""Where a thread's time went, held against what the target measured and what the kernel counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from refwatch.export.schema_types import Snapshot, StackNode, Stacks, Thread
from refwatch.readings.threads.events import COLLECTOR
from refwatch.readings.threads.states import ThreadState as S

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Reader

    Read = Callable[[Snapshot], Reader]

pytestmark = (
    pytest.mark.alone
)  # seconds and shares, and a CPU that only its own threads compete for

# Waits in turn at three lines, each named after its state, and computes a little between.
TURNS = """
import select, socket, threading, time
near, far = socket.socketpair()
lock = threading.Lock(); lock.acquire()
def sleep(): time.sleep(0.007)
def io_wait(): select.select([near], [], [], 0.005)
def lock_wait(): lock.acquire(timeout=0.009)
def work():
    until = time.perf_counter() + 0.0005
    while time.perf_counter() < until: pass
def turns():
    until = time.monotonic() + 4
    while time.monotonic() < until:
        for wait in (sleep, io_wait, lock_wait):
            work()
            wait()
thread = threading.Thread(target=turns, name="turns"); thread.start(); thread.join()
"""

# One function is called by two others, three times as long by the second.
TWO_CALLERS = """
import threading, time
def leaf(): return sum(range(3000))
def once():
    for _ in range(200): leaf()
def thrice():
    for _ in range(600): leaf()
def turns():
    until = time.monotonic() + 4
    while time.monotonic() < until: once(); thrice()
def pause(): time.sleep(0.02)
def nap():
    while worker.is_alive(): pause()
worker = threading.Thread(target=turns); worker.start()
napper = threading.Thread(target=nap); napper.start()
"""

# Two callers of one waiting line of the standard library, one of which waits three times as long.
TWO_WAITERS = """
import threading, time
event, waited = threading.Event(), {"briefly": 0.0, "long": 0.0}
def briefly(): event.wait(0.005)
def long(): event.wait(0.015)
def turns():
    until = time.monotonic() + 4
    while time.monotonic() < until:
        for wait in (briefly, long):
            began = time.monotonic()
            wait()
            waited[wait.__name__] += time.monotonic() - began
worker = threading.Thread(target=turns)
worker.start()
worker.join()
print(waited["briefly"], waited["long"])
"""

TURNS_OF_20_MS = """
import sys, threading, time
sys.setswitchinterval(0.02)
until = time.monotonic() + 3
def spin():
    while time.monotonic() < until: pass
for number in (1, 2): threading.Thread(target=spin, name=f"spinner-{number}").start()
"""

# Three processes compute on the only CPU that this one may use.
STARVED = """
import json, os, subprocess, sys, threading, time, zlib
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
others = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(3)]
until = time.monotonic() + 5
data, kernel = os.urandom(1 << 20) * 4, {}
def hold():
    while time.monotonic() < until: pass
def compress():
    while time.monotonic() < until: zlib.compress(data, 6)
def measured(work):
    work()
    with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
        kernel[work.__name__] = [int(number) / 1e9 for number in file.read().split()[:2]]
threads = [threading.Thread(target=measured, args=(w,), name=w.__name__) for w in WORK]
for thread in threads: thread.start()
for thread in threads: thread.join()
for other in others: other.kill(); other.wait()
print(json.dumps(kernel))
"""

# Sleeps and waits for input without letting the GIL go.
BLOCKED = """
import ctypes, os, threading, time
libc = ctypes.PyDLL(None)
read, write = os.pipe()
def asleep():
    time.sleep(0.3)
    libc.usleep(1_500_000)
def reading():
    time.sleep(0.3)
    libc.poll((ctypes.c_int * 2)(read, 1), 1, 1500)
def waiter():
    for _ in range(20): time.sleep(0.01)
    end.wait()
end = threading.Event()
waiting = threading.Thread(target=waiter, name="waiter"); waiting.start()
for work in (asleep, reading):
    thread = threading.Thread(target=work, name=work.__name__); thread.start(); thread.join()
end.set(); waiting.join()
"""

COLLECTING = """
import gc, json, time
kept = [[number] for number in range(200_000)]
spent, began = 0.0, 0.0
def clock(phase, info):
    global spent, began
    if phase == "start": began = time.perf_counter()
    else: spent += time.perf_counter() - began
gc.callbacks.append(clock)
until = time.monotonic() + 3
while time.monotonic() < until:
    gc.collect()
    new = [[number] for number in range(50_000)]
gc.callbacks.clear()
kept = new = None  # the last collection has nothing left
print(json.dumps(spent))
"""


def running_s(thread: Thread) -> float:
    return thread.states.get(S.GIL_HELD, 0.0) + thread.states.get(S.NATIVE, 0.0)


def test_waits_are_told_at_the_line_where_they_were(bench: Bench, reader: Read) -> None:
    turns = reader(bench.snapshot(bench.script(TURNS))).thread("turns")
    for state in (S.SLEEP, S.IO_WAIT, S.LOCK_WAIT):
        waits = [hot for hot in turns.hot if hot.state is state]
        elsewhere = sum(hot.seconds for hot in waits if hot.function != state)
        assert elsewhere <= 0.03 * turns.states[state], waits
    shares = [turns.states[state] for state in (S.SLEEP, S.IO_WAIT, S.LOCK_WAIT)]
    in_all = sum(shares)
    assert [share / in_all for share in shares] == pytest.approx([7 / 21, 5 / 21, 9 / 21], abs=0.05)


def test_time_is_told_by_the_path_of_calls(bench: Bench) -> None:
    process = bench.snapshot(bench.script(TWO_CALLERS)).processes[0]
    assert process.stacks is not None
    paths = {"".join(f"/{name}" for name in path): own for path, own in walk(process.stacks, ())}
    run = "/Thread._bootstrap/Thread._bootstrap_inner/Thread.run"
    once, thrice = (sum(paths[f"{run}/turns/{name}/leaf"].values()) for name in ("once", "thrice"))
    assert thrice / (once + thrice) == pytest.approx(0.75, abs=0.06)
    slept = sum(thread.states.get(S.SLEEP, 0.0) for thread in process.threads)
    assert paths[f"{run}/nap/pause"][S.SLEEP] == pytest.approx(slept, rel=0.02)
    told = sum(sum(own.values()) for own in paths.values())
    in_all = sum(sum(thread.states.values()) for thread in process.threads)
    assert told == pytest.approx(in_all, rel=0.03)


def test_waits_of_a_few_milliseconds_are_told_by_who_waits(bench: Bench) -> None:
    done = bench.watched("-o", "snapshot.json", bench.script(TWO_WAITERS))
    process = bench.read_snapshot().processes[0]
    assert process.stacks is not None
    briefly, long = map(float, done.out.split())
    told = {"briefly": 0.0, "long": 0.0}
    for path, own in walk(process.stacks, ()):
        for name in told.keys() & set(path):
            told[name] += sum(own.values())
    assert told["briefly"] == pytest.approx(briefly, abs=0.04 * (briefly + long))
    assert told["long"] == pytest.approx(long, abs=0.04 * (briefly + long))


def test_holds_and_waits_are_as_long_as_the_switch_interval(bench: Bench) -> None:
    """Two threads that compute take turns."""
    process = bench.snapshot(bench.script(TURNS_OF_20_MS)).processes[0]
    assert process.holds is not None
    assert process.waits is not None
    assert process.holds.p50_s == pytest.approx(0.02, rel=0.25)
    assert process.waits.p50_s == pytest.approx(0.02, rel=0.25)
    assert process.holds.by_line[0].function == "spin"
    assert {group.name: group.threads for group in process.groups} == {"spinner-*": 2}


def walk(
    node: Stacks | StackNode, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[S, float]]]:
    """The paths below, as functions, and the seconds at the last line of each."""
    found: dict[tuple[str, ...], dict[S, float]] = {}
    for child in node.children:
        path = (*above, child.function)
        own = found.setdefault(path, {})
        for state, seconds in child.own.items():
            own[state] = own.get(state, 0.0) + seconds
        for deeper, more in walk(child, path):
            own = found.setdefault(deeper, {})
            for state, seconds in more.items():
                own[state] = own.get(state, 0.0) + seconds
    yield from found.items()


@pytest.mark.parametrize("works", ["hold", "hold, compress"])
def test_who_waits_for_a_cpu_waits_for_nothing_else(bench: Bench, reader: Read, works: str) -> None:
    """Not for the GIL, and with it in hand it does not run either."""
    script = bench.script(STARVED.replace("WORK", f"({works},)"))
    done = bench.watched("-o", "snapshot.json", script)
    snapshot = reader(bench.read_snapshot())
    for name, (cpu_s, queue_s) in json.loads(done.out.splitlines()[0]).items():
        thread = snapshot.thread(name)
        assert queue_s > 2.0, "the CPU was not taken"
        assert thread.states[S.CPU_WAIT] == pytest.approx(queue_s, rel=0.1)
        lived_s = sum(thread.states.values())
        assert running_s(thread) == pytest.approx(cpu_s, rel=0.1, abs=0.02 * lived_s)
        blocked_s = max(0.0, lived_s - cpu_s - queue_s)  # compress does wait for hold's GIL
        assert thread.states.get(S.GIL_WAIT, 0.0) == pytest.approx(blocked_s, abs=0.05 * lived_s)
    holds = snapshot.process.holds
    assert holds
    assert holds.cpu_wait_s > holds.running_s


def test_a_holder_that_is_blocked_is_told_as_blocked_and_as_holder(
    bench: Bench, reader: Read
) -> None:
    snapshot = reader(bench.snapshot(bench.script(BLOCKED)))
    for name, state in (("asleep", S.SLEEP), ("reading", S.IO_WAIT)):
        thread = snapshot.thread(name)
        assert thread.holds_s == pytest.approx(1.5, abs=0.25), thread
        assert running_s(thread) < 0.2
        assert thread.states[state] > 1.3
    holds = snapshot.process.holds
    assert holds
    assert holds.blocked_s == pytest.approx(3.0, abs=0.3)


def test_the_collectors_time_is_what_the_target_measured(bench: Bench, reader: Read) -> None:
    done = bench.watched("-o", "snapshot.json", bench.script(COLLECTING))
    process = reader(bench.read_snapshot()).process
    assert process.collecting_s is not None
    assert process.collecting_s == pytest.approx(json.loads(done.out), rel=0.1, abs=0.2)


SETS_OFF = """
import gc, json, threading, time
gc.disable()
kept = [[number] for number in range(400_000)]
class Slow:
    def __del__(self):
        time.sleep(0.2)
def collects():
    for _ in range(8):
        slow = Slow(); slow.me = slow; del slow
        gc.collect()
def computes():
    while not done:
        sum(range(1000))
done = False
other = threading.Thread(target=computes, name="computes"); other.start()
began = time.perf_counter(); collects(); took = time.perf_counter() - began
done = True; other.join()
kept.clear()  # the interpreter's last collections have nothing left
print(json.dumps(took))
"""


def test_the_collectors_time_is_below_the_line_that_set_it_off(bench: Bench, reader: Read) -> None:
    done = bench.watched("--census", "off", "-o", "snapshot.json", bench.script(SETS_OFF))
    snapshot = reader(bench.read_snapshot())
    took, process = json.loads(done.out), snapshot.process
    below: dict[str, float] = {}

    def walk(nodes: list[StackNode], above: str) -> None:
        for each in nodes:
            if each.function == COLLECTOR:
                below[above] = below.get(above, 0.0) + sum(each.own.values())
            walk(each.children, each.function)

    assert process.stacks
    walk(process.stacks.children, "")
    collector = process.collector
    assert collector
    assert collector.seconds == pytest.approx(took, rel=0.15)
    assert 8 <= collector.pauses <= 12  # those at the interpreter's end may be met, too
    assert collector.longest_at
    assert collector.longest_at.function == "collects"
    assert max(below, key=lambda function: below[function]) == "collects"
    finalizers = sum(hot.seconds for hot in snapshot.thread("MainThread").hot
                     if hot.function.endswith("__del__") and hot.state is S.SLEEP)  # fmt: skip
    assert finalizers == pytest.approx(1.6, rel=0.15)
    assert 0.4 * (took - finalizers) < below["collects"] < 1.2 * (took - finalizers)
    assert below.get("computes", 0.0) < 0.1 * took


def test_the_longest_hold_is_told_where_others_waited(bench: Bench, reader: Read) -> None:
    script = bench.script(
        "import threading, time\n"
        "def number():\n"
        "    time.sleep(0.2)\n"
        "    began = time.perf_counter(); sum(range(30_000_000))  # one call, which keeps the GIL\n"
        "    took.append(time.perf_counter() - began)\n"
        "def beat():\n"
        "    while not took: time.sleep(0.01)\n"
        "took = []\n"
        "threads = [threading.Thread(target=work) for work in (number, beat)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; print(took[0])\n"
    )
    done = bench.watched("-o", "snapshot.json", script)
    holds = reader(bench.read_snapshot()).process.holds
    assert holds
    assert holds.longest_s == pytest.approx(float(done.out), rel=0.1, abs=0.02)
    assert holds.longest_at
    assert (holds.longest_at.function, holds.longest_at.line) == ("number", 4)


# A thread computes in an interpreter of its own while the main one's GIL is wanted by two.
INTERPRETERS = """
import threading, time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
CODE = "import time; until = time.monotonic() + 3\\nwhile time.monotonic() < until: pass"
def other():
    one = interpreters.create()
    run = getattr(interpreters, "run_string", None) or interpreters.exec
    run(one, CODE)
    interpreters.destroy(one)
def main():
    until = time.monotonic() + 3
    while time.monotonic() < until: pass
threads = [threading.Thread(target=work, name=work.__name__) for work in (other, main)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="all interpreters share one GIL")
def test_a_thread_in_another_interpreter_does_not_wait_for_this_ones_gil(
    bench: Bench, reader: Read
) -> None:
    snapshot = reader(bench.snapshot(bench.script(INTERPRETERS)))
    other = snapshot.thread("other")
    assert snapshot.share("other", S.GIL_WAIT) < 0.1
    assert running_s(other) == pytest.approx(other.cpu_s, rel=0.1, abs=0.1)
    assert "interpreters" in {limit.reading for limit in snapshot.snapshot.limits}


# All sleep for most of the time, and compute for some milliseconds between.
NAPS = """
import json, threading, time
cpu = {}
def naps():
    for _ in range(10):
        time.sleep(0.3)
        end = time.thread_time() + 0.005
        while time.thread_time() < end: pass
    with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
        cpu["naps"] = [int(number) / 1e9 for number in file.read().split()[:2]]
napping = threading.Thread(target=naps, name="naps"); napping.start(); napping.join()
print(json.dumps(cpu))
"""


def test_short_work_between_long_sleeps_is_told_though_samples_are_rare(
    bench: Bench, reader: Read
) -> None:
    done = bench.watched("-o", "snapshot.json", bench.script(NAPS))
    snapshot = bench.read_snapshot()
    naps = reader(snapshot).thread("naps")
    cpu_s, queue_s = json.loads(done.out.splitlines()[0])["naps"]
    assert running_s(naps) == pytest.approx(cpu_s, rel=0.15, abs=0.01)
    assert naps.states.get(S.CPU_WAIT, 0.0) == pytest.approx(queue_s, rel=0.1, abs=0.02)
    assert naps.states[S.SLEEP] == pytest.approx(3.0, abs=0.4)
    assert snapshot.sampling.mean_hz
    assert snapshot.sampling.mean_hz < 500.0


def test_a_thread_that_calls_and_returns_all_the_time_has_lines(bench: Bench, reader: Read) -> None:
    script = bench.script(
        "import time\n"
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "until = time.monotonic() + 3\n"
        "while time.monotonic() < until: fib(20)\n"
    )
    main = reader(bench.snapshot(script)).thread("MainThread")
    at_lines = sum(hot.seconds for hot in main.hot)
    assert at_lines > 0.97 * sum(main.states.values())
