"""Threads that live for milliseconds: their CPU time, their names, and the crowd that they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from refwatch.export.schema_types import Process, Snapshot
from refwatch.readings.threads.states import ThreadState as S

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Reader

    Read = Callable[[Snapshot], Reader]

pytestmark = pytest.mark.alone  # CPU time, held against what the kernel counted

# So many threads a second, each of which burns so many milliseconds, then sleeps for so many.
MANY = """
import json, sys, threading, time
A_SECOND, BURN_S, SLEEP_S = map(float, sys.argv[1:])
def burn():
    until = time.thread_time() + BURN_S
    while time.thread_time() < until:
        for _ in range(300): pass
def handle():
    burn()
    if SLEEP_S: time.sleep(SLEEP_S)
end = time.perf_counter() + 4
number, due = 0, time.perf_counter()
while time.perf_counter() < end:
    threading.Thread(target=handle, name=f"request-{number}").start()
    number, due = number + 1, due + 1 / A_SECOND
    if due > time.perf_counter(): time.sleep(due - time.perf_counter())
    else: due = time.perf_counter()
while threading.active_count() > 1: time.sleep(0.01)
print(json.dumps({"threads": number, "cpu_s": time.process_time()}))
"""

# Two kinds of threads take each other's idents; only one of them burns CPU time.
TWO_KINDS = """
import json, threading, time
burnt = 0.0
def burn():
    global burnt
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        for _ in range(300): pass
    burnt += time.thread_time()
def doze(): time.sleep(0.02)
end = time.perf_counter() + 4
number = 0
while time.perf_counter() < end:
    for kind, run in ("spin", burn), ("nap", doze):
        thread = threading.Thread(target=run, name=f"{kind}-{number}")
        thread.start(); thread.join()
    number += 1
print(json.dumps(burnt))
"""

# Another process writes the time into a pipe; a thread reads it beside threads that compute.
CONVOY = """
import json, os, struct, subprocess, sys, threading, time
BUSY, INTERVAL_S = int(sys.argv[1]), float(sys.argv[2])
sys.setswitchinterval(INTERVAL_S)
near, far = os.pipe()
WRITE = '''
import os, struct, sys, time
end = time.monotonic() + 4
while time.monotonic() < end:
    time.sleep(0.03); os.write(int(sys.argv[1]), struct.pack("d", time.monotonic()))
'''
writer = subprocess.Popen([sys.executable, "-I", "-c", WRITE, str(far)], pass_fds=[far])
os.close(far)
late = []
def read():
    while data := os.read(near, 8):
        late.append(time.monotonic() - struct.unpack("d", data)[0])
def crunch():
    while reader.is_alive():
        for _ in range(10_000): pass
reader = threading.Thread(target=read, name="reader"); reader.start()
for _ in range(BUSY): threading.Thread(target=crunch, name="crunch").start()
reader.join(); writer.wait()
print(json.dumps(sorted(late)[len(late) // 2]))
"""


def ran_s(states: dict[S, float]) -> float:
    return states.get(S.GIL_HELD, 0.0) + states.get(S.NATIVE, 0.0)


def sums(process: Process) -> tuple[float, float]:
    """(CPU seconds by states, by the kernel's count) of all threads and groups."""
    single = [thread for thread in process.threads if thread.group is None]
    by_states = sum(ran_s(each.states) for each in single)
    by_states += sum(ran_s(each.states) for each in process.groups)
    counted = sum(each.cpu_s or 0.0 for each in single)
    return by_states, counted + sum(each.cpu_s for each in process.groups)


@pytest.mark.parametrize(("a_second", "burn_s"), [(50, 0.02), (100, 0.005), (400, 0.001)])
def test_cpu_time_of_short_threads_is_that_of_the_process(
    bench: Bench, reader: Read, a_second: int, burn_s: float
) -> None:
    script = bench.script(MANY)
    done = bench.watched("-o", "out.json", script, str(a_second), str(burn_s), "0")
    truth = json.loads(done.out)
    process = reader(bench.read_snapshot("out.json")).process
    by_states, counted = sums(process)
    own_s = bench.read_snapshot("out.json").cost.probe_cpu_s or 0.0  # a part is the main thread's
    assert truth["cpu_s"] * 0.95 - own_s < counted < truth["cpu_s"] * 1.05
    begun_s = 0.15  # before the watch, in the interpreter's start
    assert truth["cpu_s"] * 0.94 - begun_s < by_states < truth["cpu_s"] * 1.06
    crowd = sum(each.threads for each in process.groups if each.comes_and_goes)
    assert 0.85 * truth["threads"] <= crowd <= 1.05 * truth["threads"]


def test_who_lives_for_20_ms_has_its_name(bench: Bench, reader: Read) -> None:
    done = bench.watched("-o", "out.json", bench.script(MANY), "200", "0.0005", "0.025")
    truth = json.loads(done.out)
    process = reader(bench.read_snapshot("out.json")).process
    lived = [
        thread
        for thread in process.threads
        if thread.ended_s is not None and thread.ended_s - thread.started_s >= 0.02
    ]
    named = [thread for thread in lived if thread.name.startswith("request-")]
    assert len(lived) > 100
    assert len(named) >= 0.9 * len(lived)  # all of them, where the daemon gets its CPU time
    (group,) = [each for each in process.groups if each.name == "request-*"]
    assert group.comes_and_goes
    assert group.threads >= 0.9 * len(named)
    crowd = sum(each.threads for each in process.groups if each.comes_and_goes)
    assert 0.85 * truth["threads"] <= crowd <= 1.05 * truth["threads"]
    assert "request-* ×" in done.summary


def test_the_kind_that_burns_is_told_from_the_one_that_sleeps(bench: Bench, reader: Read) -> None:
    done = bench.watched("-o", "out.json", bench.script(TWO_KINDS))
    burnt_s = json.loads(done.out)
    groups = {each.name: each for each in reader(bench.read_snapshot("out.json")).process.groups}
    assert groups["spin-*"].cpu_s == pytest.approx(burnt_s, rel=0.15)
    assert groups["nap-*"].cpu_s < 0.1 * burnt_s
    assert not any(line.function == "burn" for line in groups["nap-*"].hot)
    assert "nap" not in bench.read_snapshot("out.json").verdict.sentence


def test_from_io_to_running(bench: Bench, reader: Read) -> None:
    def after_io(busy: int, interval_s: float) -> tuple[float, float]:
        script = bench.script(CONVOY)
        done = bench.watched("-o", "out.json", script, str(busy), str(interval_s))
        waits = reader(bench.read_snapshot("out.json")).process.waits
        assert waits is not None
        assert waits.after_io is not None
        found = waits.after_io
        assert found.count > 20
        assert found.p50_s is not None
        return found.p50_s, json.loads(done.out)

    told, truth = after_io(0, 0.005)
    assert told < 0.001
    for interval_s in (0.005, 0.02):
        told, truth = after_io(1, interval_s)
        assert told == pytest.approx(truth, rel=0.35, abs=0.004)
        assert told > 0.8 * interval_s
