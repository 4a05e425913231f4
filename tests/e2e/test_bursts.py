"""Burst mode on real programs: rates that are known, and a target that is left as it was."""

from __future__ import annotations

import os
import platform
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import WAIT, Watching, alike, watching

from refwatch.readings.allocations.estimates import Tally
from refwatch.readings.allocations.state import Allocations, By
from refwatch.session.state import State
from refwatch.wire.commands import SwitchAllocations

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or "t" in getattr(sys, "abiflags", ""),
    reason="burst mode is for x86-64, and needs the GIL",
)
ALLOCATORS = """
import ctypes
def in_front():
    # whether other functions than the interpreter's own allocate: these are in no file
    found = (ctypes.c_uint64 * 10)()
    for domain in (1, 2):
        ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(found, 40 * (domain - 1)))
    maps = [line.split() for line in open("/proc/self/maps")]
    areas = [([int(one, 16) for one in line[0].split("-")], line[5:]) for line in maps]
    return any(
        low <= found[place] < high and not file
        for place in (1, 4, 6, 9) for (low, high), file in areas
    )
"""
STEADY = """
import os, sys, time
def small():
    for _ in [None] * 100: bytes(67)
def large():
    bytes(99967)
def stays(kept=[]):
    kept.append(bytes(4967))
made = 0
while not os.path.exists("stop"):
    for _ in range(10): small()
    large(); stays()
    made += 1
    time.sleep(0.001)
print(made, time.monotonic())
"""


def known(state: State) -> Allocations:
    return state.main.allocations if state.main else Allocations()


def windows(session: Watching, count: int) -> None:
    """Until so many windows have been told of."""
    have = known(session.state).windows.count
    session.wait(
        lambda _: known(session.state).windows.count >= have + count, f"{count} more windows"
    )


def seen_of(allocations: Allocations, function: str) -> Tally:
    """All that was seen of a function's lines."""
    total = Tally()
    for key, tally in allocations.tallies_since(By.LINE):
        if allocations.site(int(key)).function == function:
            total = total + tally
    return total


@pytest.mark.alone
def test_rates_are_those_of_the_program(bench: Bench) -> None:
    script = bench.script(STEADY)
    with watching(bench, script) as session:
        session.wait(lambda _: known(session.state).windows.samples >= 24_000, "enough blocks")
        (bench.folder / "stop").touch()
        session.end()
    allocations = known(session.state)

    assert allocations.mode == "burst"
    assert allocations.windows.coverage > 0.5
    small, large, stays = (seen_of(allocations, name) for name in ("small", "large", "stays"))
    # each turn: 1,000 of 100 bytes, one of 100,000, one of 5,000 that stays
    assert small.blocks / large.blocks == pytest.approx(1000, rel=0.2)
    assert (small.size - 100 * small.blocks) / small.size < 0.1
    assert large.size / large.blocks == pytest.approx(100_000, rel=0.01)
    assert stays.blocks / large.blocks == pytest.approx(1, rel=0.5)
    assert stays.kept_blocks / stays.blocks > 0.5  # the list that grows is another block each time
    assert large.kept_blocks / large.blocks < 0.2


def test_a_traceback_leads_from_the_line_to_the_first(bench: Bench) -> None:
    script = bench.script("""
import os
def made(): return bytes(50_000)
def middle(): return made()
def top():
    for _ in range(100): middle()
while not os.path.exists("stop"): top()
""")
    with watching(bench, script) as session:
        windows(session, 3)
        (bench.folder / "stop").touch()
        session.end()
    allocations = known(session.state)

    key, _ = max(allocations.tallies_since(By.TRACEBACK), key=lambda pair: pair[1].size)
    functions = [allocations.site(one).function for one in allocations.tracebacks[int(key)]]
    assert functions == ["made", "middle", "top", "<module>"]
    lines = [allocations.site(one).line for one in allocations.tracebacks[int(key)]]
    assert lines == [3, 4, 6, 7]


def test_the_target_traces_itself_meanwhile(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
import tracemalloc
def work(): return sum(len(bytes(1000)) for _ in [None] * 20_000)
wait()
for _ in range(10):
    tracemalloc.start(3)
    kept = [bytes(1000) for _ in [None] * 1000]
    work()
    taken = tracemalloc.take_snapshot()
    mine = [one for one in taken.statistics("lineno") if one.traceback[0].filename == __file__]
    print(max((one.count, one.size) for one in mine if one.size > 500_000))
    tracemalloc.clear_traces()
    print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
    work()
    tracemalloc.stop()
    work()
wait()
print(tracemalloc.is_tracing())
""")
    with watching(bench, script) as session:
        windows(session, 1)
        session.go()
        windows(session, 3)
        session.go()
        done, _ = session.end()
    alike(bench, done, script)


def test_modes_are_switched_live_and_off_leaves_the_allocators(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}{ALLOCATORS}
wait()
assert not in_front()
print("off", flush=True)
wait()
while not in_front(): pass
print("burst", flush=True)
wait()
""")
    with watching(bench, "--alloc", "off", script) as session:
        session.go()
        assert session.running.line() == "off"
        assert known(session.state).windows.count == 0
        session.ask(SwitchAllocations(mode="burst"))
        session.go()
        assert session.running.line() == "burst"
        windows(session, 2)
        session.ask(SwitchAllocations(mode="off"))
        session.wait(lambda _: known(session.state).mode == "off", "off")
        session.go()
        session.end()


def test_the_allocators_are_left_as_they_were_when_the_daemon_dies(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}{ALLOCATORS}
import time
end = time.monotonic() + 30
while not in_front() and time.monotonic() < end: pass
print("in front", flush=True)
wait()
while in_front() and time.monotonic() < end: time.sleep(0.01)
print(not in_front(), flush=True)
""")
    with watching(bench, script) as session:
        assert session.running.line() == "in front"
        os.kill(bench.daemon_of(session.running.pid), signal.SIGKILL)
        session.go()
        done = session.running.end()
    assert done.out == b"True\n"


def test_children_of_a_fork_are_left_alone(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}{ALLOCATORS}
import os, time
end = time.monotonic() + 30
for _ in range(20):
    while not in_front() and time.monotonic() < end: pass
    pid = os.fork()
    if pid == 0:
        kept = [bytes(100) for _ in range(1000)]
        os._exit(in_front())
    print(os.waitpid(pid, 0)[1])
""")
    with watching(bench, "--no-children", script) as session:
        done, _ = session.end()
    assert done.out.split() == [b"0"] * 20


@pytest.mark.parametrize("way", ["exit", "os._exit", "kill", "raise"])
def test_a_target_may_end_within_a_window(bench: Bench, way: str) -> None:
    how = {
        "exit": "sys.exit(3)",
        "os._exit": "sys.stdout.flush(); os._exit(3)",
        "kill": "sys.stdout.flush(); os.kill(os.getpid(), 9)",
        "raise": "raise SystemError('so')",
    }[way]
    script = bench.script(f"""{WAIT}{ALLOCATORS}
import os, sys, time
def work():
    end = time.monotonic() + 0.3
    while time.monotonic() < end: [bytes(100) for _ in range(100)]
    print("worked")
work()
{how}
""")
    done = bench.refwatch("--headless", script)
    alike(bench, done, script)


def test_code_that_comes_and_goes_has_its_names_or_none(bench: Bench) -> None:
    script = bench.script("""
import os
number = 0
while not os.path.exists("stop"):
    number += 1
    space = {}
    name = f"made_{number % 50}"
    exec(compile(f"def {name}():\\n return bytes(5000)", f"{name}.py", "exec"), space)
    for _ in range(200): space[name]()
""")
    with watching(bench, script) as session:
        windows(session, 6)
        (bench.folder / "stop").touch()
        session.end()
    allocations = known(session.state)
    sites = [allocations.site(int(key)) for key, _ in allocations.tallies_since(By.LINE)]
    made = [site for site in sites if site.function.startswith("made_")]
    assert made
    assert {site.file for site in made} <= {f"{site.function}.py" for site in made}
    assert all(site.line == 2 for site in made)


def test_what_limits_it_is_said(bench: Bench) -> None:
    script = bench.script("for _ in range(300_000): bytes(100)")
    done = bench.refwatch("--headless", "--alloc-budget", "0", script)
    assert done.status == 2
    assert len(done.err.splitlines()) == 1


@pytest.mark.alone
def test_it_begins_before_the_first_line(bench: Bench) -> None:
    script = bench.script("""
import time
first = [bytes(999_967) for _ in range(20)]   # 20 MB at once, and never again
end = time.monotonic() + 1.5
while time.monotonic() < end: time.sleep(0.01)
""")
    done = bench.refwatch("--headless", "-o", "snapshot.json", script)
    assert done.status == 0
    allocations = bench.read_snapshot().processes[0].allocations
    assert allocations is not None
    line = allocations.lines[0]
    assert line.line == 3
    # Exact in the first window; where that ends before this line, one or another is not looked at.
    assert line.size == pytest.approx(20_000_000, rel=0.3)
    assert 0 < allocations.span_s < 2.5


INTERPRETERS = (
    """
import threading
try:
    import _interpreters
    create, run = lambda: _interpreters.create("isolated"), _interpreters.exec
except ImportError:  # 3.12
    import _xxsubinterpreters as _interpreters
    create, run = lambda: _interpreters.create(isolated=True), _interpreters.run_string
code = """
    + repr("""
import time
end = time.time() + 3
while time.time() < end: [(number, number + 1000) for number in range(1000)]
""")
    + """
made = [create() for _ in range(3)]
threads = [threading.Thread(target=run, args=(one, code)) for one in made]
for one in threads: one.start()
for one in threads: one.join()
for one in made: _interpreters.destroy(one)
print("done")
"""
)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="before 3.12 there is one GIL")
def test_interpreters_with_gils_of_their_own_allocate_at_once(bench: Bench) -> None:
    done = bench.alike(bench.script(INTERPRETERS))
    assert done.out == b"done\n"


@pytest.mark.parametrize("mode", ["burst", "exact"])
def test_a_file_whose_name_is_no_text_is_named_alike(bench: Bench, mode: str) -> None:
    name = os.fsdecode(b"n\xffme.py")
    bench.script(
        "import time\nkept = [(bytes(50_000), time.sleep(0.002))[0] for _ in range(200)]", name
    )
    snapshot = bench.snapshot("--alloc", mode, name)

    found = snapshot.processes[0].allocations
    assert found is not None
    assert max(found.lines, key=lambda line: line.size or 0).file.endswith("n\\udcffme.py")
