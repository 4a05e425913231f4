"""Threads in interpreters that have a GIL of their own (PEP 684)."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from refwatch.export.schema_types import Interpreter, Process, Snapshot, StackNode
from refwatch.readings.threads.interpreter_records import KEEP
from refwatch.readings.threads.states import ThreadState as S

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Reader

    Read = Callable[[Snapshot], Reader]

pytestmark = pytest.mark.alone  # seconds and shares

OWN_GILS = sys.version_info >= (3, 12)
BEGIN = """
import json, os, threading, time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
run = getattr(interpreters, "run_string", None) or interpreters.exec
CRUNCH = '''
import time
def crunch(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for number in range(1000): pass
'''
"""

# Two threads compute, each in an interpreter of its own. Another thread has made them.
EACH_ITS_OWN = """
cpu = {}
def enter(one):
    run(one, CRUNCH + "crunch(4)")
    cpu[threading.current_thread().name] = time.thread_time()
ones = [interpreters.create() for _ in range(2)]
threads = [
    threading.Thread(target=enter, args=(one,), name=f"sub-{number}")
    for number, one in enumerate(ones)
]
for thread in threads: thread.start()
for thread in threads: thread.join()
for one in ones: interpreters.destroy(one)
print(json.dumps(cpu))
"""

# Four threads compute in the same interpreter, which is not the main one.
ALL_IN_ONE = """
FOUR = CRUNCH + '''
import _thread
done = []
def work():
    crunch(4)
    done.append(1)
for _ in range(4): _thread.start_new_thread(work, ())
while len(done) < 4: time.sleep(0.2)
'''
inside = threading.Thread(target=run, args=(interpreters.create(), FOUR), name="inside")
inside.start(); inside.join()
print("done", flush=True)
os._exit(0)  # 3.12 does not end where another interpreter had threads
"""

# A thread enters one interpreter and from there another, in which it computes, then sleeps.
THROUGH_TWO = """
INNER = CRUNCH + "crunch(2); time.sleep(1)"
OUTER = BEGIN + f'''
def deeper():
    one = interpreters.create()
    run(one, {INNER!r})
    interpreters.destroy(one)
deeper()
'''
thread = threading.Thread(target=run, args=(interpreters.create(), OUTER), name="through")
thread.start(); thread.join()
"""

# Interpreters come and go, in two threads at once.
COME_AND_GO = """
cpu, made = {}, []
def churn():
    until = time.monotonic() + 4
    while time.monotonic() < until:
        one = interpreters.create()
        run(one, CRUNCH + "crunch(0.03)")
        interpreters.destroy(one)
        made.append(one)
    cpu[threading.current_thread().name] = time.thread_time()
threads = [threading.Thread(target=churn, name=f"churn-{number}") for number in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"cpu": cpu, "made": len(made)}))
"""


def others_of(process: Process) -> list[Interpreter]:
    """Those beside the main one, in which something was seen."""
    assert process.interpreters[0].id == 0
    return process.interpreters[1:]


def below(process: Process, way: list[str]) -> tuple[dict[str, float], int]:
    """Seconds with a GIL by function at the end of this way of calls, and the last line but one."""
    assert process.stacks is not None
    nodes, lines = process.stacks.children, [0, 0]
    for function in way:
        nodes = [node for node in nodes if node.function == function]
        lines.append(max(nodes, key=_all_s).line)
        nodes = [child for node in nodes for child in node.children]
    seconds: defaultdict[str, float] = defaultdict(float)
    for node in nodes:
        seconds[node.function] += _all_s(node)
    return seconds, lines[-2]


def _all_s(node: StackNode) -> float:
    return node.own.get(S.GIL_HELD, 0.0) + sum(map(_all_s, node.children))


def _slept_below(nodes: list[StackNode], way: list[str]) -> float:
    """Seconds in sleep at the end of this way of calls itself."""
    some = [node for node in nodes if node.function == way[0]]
    if len(way) == 1:
        return sum(node.own.get(S.SLEEP, 0.0) for node in some)
    return sum(_slept_below(node.children, way[1:]) for node in some)


def held_s(snapshot: Reader, name: str) -> float:
    return snapshot.thread(name).states.get(S.GIL_HELD, 0.0)


@pytest.mark.skipif(not OWN_GILS, reason="all interpreters share one GIL")
def test_each_holds_the_gil_of_its_interpreter(bench: Bench, reader: Read) -> None:
    done = bench.watched("-o", "snapshot.json", bench.script(BEGIN + EACH_ITS_OWN))
    snapshot = reader(bench.read_snapshot())
    process = snapshot.process
    for name, cpu_s in json.loads(done.out.splitlines()[0]).items():
        assert held_s(snapshot, name) == pytest.approx(cpu_s, rel=0.1, abs=0.05)
        assert snapshot.share(name, S.GIL_HELD, S.CPU_WAIT) > 0.9
        assert snapshot.share(name, S.GIL_WAIT) < 0.05
    assert process.gil.held_fraction is not None
    assert process.gil.held_fraction < 0.2
    tids = {snapshot.thread(name).tid for name in ("sub-0", "sub-1")}
    for one in others_of(process):
        assert one.gil_own
        assert one.held_fraction is not None
        assert one.held_fraction > 0.5
        assert len(tids & set(one.threads)) == 1
    assert len(others_of(process)) == 2
    assert tids < set(process.interpreters[0].threads)
    assert snapshot.snapshot.verdict.kind == "native_parallel"
    way = ["Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run", "enter", "<module>"]
    inner, line = below(process, way)
    assert line == 18  # where it enters
    in_all = sum(held_s(snapshot, name) for name in ("sub-0", "sub-1"))
    assert inner["crunch"] == pytest.approx(in_all, rel=0.1)


@pytest.mark.skipif(not OWN_GILS, reason="all interpreters share one GIL")
def test_threads_of_one_interpreter_wait_for_its_gil(bench: Bench, reader: Read) -> None:
    snapshot = reader(bench.snapshot(bench.script(BEGIN + ALL_IN_ONE)))
    process = snapshot.process
    (other,) = others_of(process)
    assert other.gil_own
    assert other.held_fraction is not None
    assert other.held_fraction > 0.8
    assert other.contention is not None
    assert other.contention > 0.25
    assert process.gil.contention is not None
    assert process.gil.contention < 0.1
    at_work = [t for t in process.threads if any(h.function == "crunch" for h in t.hot)]
    assert len(at_work) == 4
    assert {thread.tid for thread in at_work} < set(other.threads)
    for thread in at_work:
        assert thread.states[S.GIL_WAIT] > 0.1 * sum(thread.states.values())
    verdict = snapshot.snapshot.verdict
    assert verdict.kind == "gil_bound"
    assert f"the GIL of interpreter {other.id}" in verdict.sentence
    assert process.stacks is not None
    way = ["Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run", "<module>"]
    slept = snapshot.thread("inside").states[S.SLEEP]
    assert _slept_below(process.stacks.children, way) == pytest.approx(slept, rel=0.2)


def test_a_stack_goes_through_all_interpreters(bench: Bench, reader: Read) -> None:
    script = bench.script(f"BEGIN = {BEGIN!r}{BEGIN}{THROUGH_TWO}")
    process = reader(bench.snapshot(script)).process
    way = ["Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run", "<module>", "deeper"]
    inner, _ = below(process, [*way, "<module>"])
    assert inner["crunch"] > 0.1
    assert process.stacks is not None
    assert _slept_below(process.stacks.children, [*way, "<module>"]) == pytest.approx(1, abs=0.3)


@pytest.mark.skipif(not OWN_GILS, reason="all interpreters share one GIL")
def test_interpreters_that_come_and_go(bench: Bench, reader: Read) -> None:
    done = bench.watched("-o", "snapshot.json", bench.script(BEGIN + COME_AND_GO))
    snapshot = reader(bench.read_snapshot())
    told = json.loads(done.out.splitlines()[0])
    for name, cpu_s in told["cpu"].items():
        ran = held_s(snapshot, name) + snapshot.thread(name).states.get(S.NATIVE, 0.0)
        assert ran == pytest.approx(cpu_s, rel=0.2, abs=0.1)
        assert snapshot.share(name, S.GIL_WAIT) < 0.1
    assert min(KEEP, told["made"] // 2) <= len(others_of(snapshot.process)) <= told["made"]
    assert all(one.ended_s is not None for one in others_of(snapshot.process))
    assert "short threads" not in {limit.reading for limit in snapshot.snapshot.limits}


def test_a_program_with_one_interpreter(bench: Bench, reader: Read) -> None:
    snapshot = reader(bench.snapshot(bench.script("import time; time.sleep(1)")))
    (main,) = snapshot.process.interpreters
    assert main.id == 0
    assert main.threads == [snapshot.thread("MainThread").tid]
    assert main.held_fraction == snapshot.process.gil.held_fraction
    assert "interpreters" not in {limit.reading for limit in snapshot.snapshot.limits}
