"""Exact mode: every block, as tracemalloc has it, whatever the target does with tracemalloc."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import until
from tests.e2e.references import WAIT, Watching, watching

from refwatch.readings.allocations.state import Allocations, By, Live, Traces
from refwatch.wire.commands import CountTraces, FindChains, Mark, SwitchAllocations

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

EXACT = ("--alloc", "exact")


def allocations(session: Watching) -> Allocations:
    main = session.state.main
    return Allocations() if main is None else main.allocations


def counted(session: Watching, more: int = 1) -> Traces:
    """The traces as they are now: in so many counts that were begun after this. The first that
    comes may have been under way."""
    session.wait(lambda _: allocations(session).mode == "exact", "exact mode")
    for _ in range(more + 1):
        before = allocations(session).traces.number
        session.ask(CountTraces())
        session.wait(partial(_newer, session, before + 1), "a count of the traces")
    return allocations(session).traces


def _newer(session: Watching, number: int, _: object) -> bool:
    return allocations(session).traces.number >= number


def lines_of(session: Watching, file: str = "target.py") -> dict[int, tuple[int, int]]:
    """Line -> (size, count), of one file."""
    known = allocations(session)
    found: dict[int, tuple[int, int]] = {}
    for key, live in known.traces.groups[By.LINE].items():
        assert isinstance(key, int)
        site = known.site(key)
        if site.file.endswith(file):
            found[site.line] = (live.size, live.count)
    return found


def functions_of(session: Watching) -> dict[str, Live]:
    """Function -> what was allocated in the largest of its lines."""
    known = allocations(session)
    lines = known.traces.groups[By.LINE]
    found: dict[str, Live] = {}
    for key in sorted(lines, key=lambda key: lines[key].size):
        assert isinstance(key, int)
        if known.site(key).file.endswith("target.py"):
            found[known.site(key).function] = lines[key]
    return found


# Its figures

# A collection empties the free lists: blocks in them are of the line that has used them last.
COMPARED = f"""{WAIT}
class Node:
    def __init__(self, number):
        self.value = [number]
def fill(count):
    return [Node(number) for number in range(count)]
def deep(depth, count):
    return deep(depth - 1, count) if depth else fill(count)
kept = [deep(10, 20_000), fill(1000), {{number: str(number) for number in range(5000)}}]
kept.append("".join(map(str, range(1000))))
gone = fill(5000)
del gone
import gc, json, tracemalloc
FIRST, LAST = 4, 14  # it stands still in line 3
def show():
    gc.collect()
    found = tracemalloc.take_snapshot().statistics("lineno")
    own = [(one.traceback[0].lineno, one.size, one.count) for one in found
           if one.traceback[0].filename == __file__ and FIRST <= one.traceback[0].lineno <= LAST]
    print(json.dumps(own), flush=True)
show()
wait()
kept += [deep(3, 500)]
show()
wait()
"""
FIRST, LAST = 4, 14


@pytest.mark.parametrize("frames", [1, 25])
def test_sizes_and_counts_are_tracemalloc_s_own(bench: Bench, frames: int) -> None:
    script = bench.script(COMPARED)
    with watching(bench, *EXACT, "--frames", str(frames), script) as session:
        shown = [session.running.line()]
        counted(session)
        ours = [lines_of(session)]
        session.go()
        shown.append(session.running.line())
        traces = counted(session)
        ours.append(lines_of(session))
        ways = allocations(session).tracebacks.values()
        functions = functions_of(session)
        session.go()
        session.end()

    for line, found in zip(shown, ours, strict=True):
        theirs = {number: (size, count) for number, size, count in json.loads(line)}
        assert {one: use for one, use in found.items() if FIRST <= one <= LAST} == theirs
        assert len(theirs) > 5
    assert traces.frames == frames
    assert max(map(len, ways)) == 1 if frames == 1 else max(map(len, ways)) > 12
    assert functions["Node.__init__"].count >= 2 * 21_000 - 10
    assert traces.traced <= traces.peak
    assert not any("refwatch/probe" in str(file) for file in traces.groups[By.FILE])


@pytest.mark.parametrize("words", [[], ["--frames", "10"]])
def test_a_short_program_is_counted_at_its_end(bench: Bench, words: list[str]) -> None:
    """Its figures are final: what it has at the moment when the interpreter begins to end."""
    script = bench.script("kept = [[number] for number in range(10_000)]\nmore = bytes(1 << 20)\n")

    done = bench.watched("-o", "snapshot.json", *EXACT, *words, script)

    assert done.status == 0
    found = bench.read_snapshot().processes[0].allocations
    assert found is not None
    assert (found.mode, found.frames) == ("exact", int(words[1]) if words else 1)
    assert found.traced > (1 << 20) + 10_000 * 64
    assert found.blocks >= 10_000


def test_the_last_count_has_what_came_after_the_one_before(bench: Bench) -> None:
    script = bench.script(WAIT + "wait()\nkept = bytes(3 << 20)\n")
    with watching(bench, *EXACT, script) as session:
        assert counted(session).traced < 3 << 20
        session.go()
        _, snapshot = session.end()

    found = snapshot.processes[0].allocations
    assert found is not None
    assert found.traced > 3 << 20


def test_growth_counts_from_a_mark(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
def fill():
    return bytes(1 << 20)
kept = [fill(), fill()]
wait()
kept += [fill(), fill(), fill()]
wait()
""")
    with watching(bench, *EXACT, script) as session:
        counted(session)
        session.ask(Mark(name="before"))
        session.wait(
            lambda _: session.state.marks and not allocations(session).baselines[-1].awaited,
            "the traces of the mark",
        )
        before = allocations(session).baselines[-1].traces.traced
        session.go()
        session.wait(
            lambda _: counted(session).traced > before + (2 << 20), "what was allocated since"
        )
        assert 3 << 20 <= counted(session).traced - before < (3 << 20) + 100_000
        session.go()
        session.end()


def test_a_viewer_that_comes_late_sees_it_all(bench: Bench) -> None:
    script = bench.script(WAIT + "kept = [[number] for number in range(1000)]\nwait()\n")
    with watching(bench, *EXACT, script) as session:
        counted(session, 2)
        late = Watching(bench, session.running)
        late.connect()
        late.wait(lambda _: allocations(late).traces.number >= 2, "what was counted before")
        assert lines_of(late) == lines_of(session)
        assert allocations(late).frames == 1
        late.close()
        session.go()
        session.end()


# A target that uses tracemalloc

USES = f"""{WAIT}
import tracemalloc
print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit(), flush=True)
tracemalloc.start(7)
print(tracemalloc.get_traceback_limit(), flush=True)
kept = [[number] for number in range(10_000)]
wait()
print(tracemalloc.get_traced_memory()[0] > 10_000 * 64)
tracemalloc.clear_traces()
print("cleared", flush=True)
wait()
tracemalloc.stop()
print("stopped", flush=True)
wait()
more = bytes(2 << 20)
print("allocated", flush=True)
wait()
print(tracemalloc.is_tracing(), flush=True)
"""


def test_a_target_that_starts_clears_and_stops_it(bench: Bench) -> None:
    script = bench.script(USES)
    with watching(bench, *EXACT, "--frames", "3", script) as session:
        assert session.running.line() == "True 3"
        assert session.running.line() == "3"
        first = counted(session)
        session.wait(lambda _: "loaded tracemalloc" in allocations(session).note, "a note of it")
        session.go()
        assert session.running.line() == "True"
        assert session.running.line() == "cleared"
        second = counted(session)
        session.go()
        assert session.running.line() == "stopped"
        session.wait(lambda _: "stopped tracemalloc" in allocations(session).note, "a note of it")
        session.go()
        assert session.running.line() == "allocated"
        third = counted(session)
        session.go()
        assert session.running.line() == "True"
        _, snapshot = session.end()

    assert first.traced > 10_000 * 64 > second.traced
    assert third.traced > 2 << 20
    found = snapshot.processes[0].allocations
    assert found is not None
    assert "begun again" in found.note


def test_one_that_traces_already_is_left_as_it_is(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
import tracemalloc
kept = bytes(1 << 20)
print(tracemalloc.get_traceback_limit(), flush=True)
wait()
print(tracemalloc.is_tracing(), tracemalloc.get_traced_memory()[0] > 1 << 20)
""")
    running = bench.start_watched(
        "-o", "snapshot.json", *EXACT, script, env={"PYTHONTRACEMALLOC": "4"}
    )
    session = Watching(bench, running)
    try:
        session.connect()
        assert session.running.line() == "4"
        assert counted(session).traced > 1 << 20
        note = allocations(session).note
        session.ask(SwitchAllocations(mode="off"))
        session.wait(lambda _: allocations(session).mode == "off", "the end of it")
        session.wait(
            lambda _: any("stays on" in one.text for one in session.state.notes), "a word of it"
        )
        session.go()
        assert session.running.line() == "True True"
        session.end()
    finally:
        session.close()
    assert "switched tracemalloc on itself" in note
    assert "4 deep, not 1" in note


ASKS = f"""{WAIT}
import sys
def tracing():
    import _tracemalloc
    return _tracemalloc.is_tracing()
while sys.stdin.readline() == "go\\n":
    print(tracing(), "tracemalloc" in sys.modules, flush=True)
"""


def test_it_is_switched_while_the_target_runs(bench: Bench) -> None:
    script = bench.script(ASKS)
    with watching(bench, "--alloc", "off", script) as session:

        def asked() -> str:
            session.go()
            return session.running.line()

        session.wait(lambda _: allocations(session).switched_s is not None, "the mode")
        assert asked() == "False False"
        session.ask(SwitchAllocations(mode="exact", frames=5))
        traces = counted(session)
        assert (traces.frames, asked()) == (5, "True False")
        assert "is not known" in allocations(session).note
        session.ask(SwitchAllocations(mode="exact", frames=2))
        session.wait(lambda _: allocations(session).frames == 2, "another depth")
        session.ask(SwitchAllocations(mode="off"))
        session.wait(lambda _: allocations(session).mode == "off", "the end of it")
        session.settle()
        assert asked() == "False False"
        session.running.say("end\n")
        session.end()


@pytest.mark.parametrize("how", ["killed", "over"])
def test_it_is_not_left_on_when_nobody_looks_any_more(bench: Bench, how: str) -> None:
    """The daemon is killed, or the watch is over; the target goes on."""
    script = bench.script(ASKS)
    words = [] if how == "killed" else ["--duration", "1"]
    running = bench.start_watched(*EXACT, *words, script)
    running.say("go\n")
    assert running.line() == "True False"
    if how == "killed":
        os.kill(bench.daemon_of(running.pid), signal.SIGKILL)

    def is_off() -> bool:
        running.say("go\n")
        return running.line() == "False False"

    until(is_off, "the end of tracing")
    assert running.end(b"end\n").status == 0
    if how == "killed":  # its folder stays, as ever, until the next session
        bench.watched("-c", "pass")


# What may befall it

FORKS = f"""{WAIT}
import os
kept = [[number] for number in range(10_000)]
def in_child():
    import _tracemalloc
    return _tracemalloc.is_tracing()
print("ready", flush=True)
wait()
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(in_child())
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
more = bytes(1 << 20)
wait()
print(in_child())
"""


@pytest.mark.parametrize("watched", [True, False])
def test_a_target_that_forks(bench: Bench, *, watched: bool) -> None:
    """Its children trace if they are watched; it does so itself in any case."""
    script = bench.script(FORKS)
    options = [] if watched else ["--no-children"]
    with watching(bench, *EXACT, *options, script) as session:
        assert session.running.line() == "ready"
        first = counted(session)
        session.go()
        assert [session.running.line() for _ in range(3)] == [str(int(watched))] * 3
        second = counted(session)
        session.go()
        assert session.running.line() == "True"
        session.end()
    grown = second.traced - first.traced
    assert abs(grown - (1 << 20)) < 20_000  # some small blocks come and go as well


BIG = f"""{WAIT}
import os
heap = [[n] for n in range(700_000)]
print("ready", flush=True)
wait()
os._exit(7)
"""


@pytest.mark.parametrize("how", ["os._exit", "target", "daemon", "refwatch"])
def test_an_end_in_the_middle_of_a_count(bench: Bench, how: str) -> None:
    """Nothing is left of it, whoever ends; the fixture looks for processes and folders."""
    script = bench.script(BIG)
    with watching(bench, *EXACT, "--census", "off", script) as session:
        assert session.running.line() == "ready"
        counted(session)
        session.ask(CountTraces())
        bench_pid = session.running.pid
        target = session.state.main
        assert target is not None
        daemon = bench.daemon_of(bench_pid)
        pid = {"target": target.pid, "daemon": daemon, "refwatch": bench_pid}.get(how)
        if pid is None:
            session.go()
            _, snapshot = session.end(status=7)
            found = snapshot.processes[0].allocations
            assert found is not None
            assert found.blocks > 700_000
            return
        os.kill(pid, signal.SIGKILL)
        if how == "target":
            session.end(status=137)
        else:
            done = session.running.end(b"go\n")
            assert done.status == (7 if how == "daemon" else 137)
    if how == "daemon":
        bench.watched("-c", "pass")


def test_it_ends_while_its_traces_are_counted(bench: Bench) -> None:
    """Many traces, and the end of the program at once: the last count still comes."""
    script = bench.script("heap = [[n] for n in range(500_000)]\n")

    done = bench.watched("-o", "snapshot.json", *EXACT, "--census", "off", script)

    assert done.status == 0
    found = bench.read_snapshot().processes[0].allocations
    assert found is not None
    assert found.blocks > 500_000


TIGHT = f"""{WAIT}
import os, resource
root = os.geteuid() == 0
soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
kept = bytes(1 << 20)
wait()
resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
if root:  # who may have as many processes as he likes
    os.setresuid(65534, 65534, 0)
print("tight", flush=True)
wait()
if root:
    os.setresuid(0, 0, 0)
resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
print("wide", flush=True)
wait()
print("done")
"""


def test_a_machine_that_has_no_room_for_a_copy(bench: Bench) -> None:
    """It is said, tried again, and the target goes on as ever."""
    script = bench.script(TIGHT)
    with watching(bench, *EXACT, "--census", "off", script) as session:
        first = counted(session)
        session.go()
        assert session.running.line() == "tight"
        session.ask(CountTraces())
        session.wait(lambda _: allocations(session).failure, "a failure")
        assert "clone" in (allocations(session).failure or "")
        session.go()
        assert session.running.line() == "wide"
        second = counted(session)
        session.go()
        assert session.running.line() == "done"
        done, _ = session.end()
    assert second.number > first.number
    assert second.traced > 1 << 20
    assert done.own_err == b""


def test_allocations_without_end(bench: Bench) -> None:
    """Millions of blocks that come and go are counted while they do."""
    script = bench.script("""
for number in range(5_000_000):
    [number]
print(number)
""")
    done = bench.watched("-o", "snapshot.json", *EXACT, script)

    assert done.lines == ["4999999"]
    found = bench.read_snapshot().processes[0].allocations
    assert found is not None
    assert found.blocks < 100_000


# Where the instances of a class are made


def test_the_sites_of_a_class(bench: Bench) -> None:
    """The line with most of them comes first, with the function around it."""
    script = bench.script(f"""{WAIT}
class Node:
    pass
def often():
    return Node()
def seldom():
    return Node()
kept = [seldom() if number % 10 == 0 else often() for number in range(1000)]
wait()
""")
    with watching(bench, *EXACT, script) as session:
        session.instances(Node=1000)
        session.ask(FindChains(work="chains", module="__main__", name="Node"))
        session.wait(lambda known: ("__main__", "Node") in known.chains, "the chains")
        sites = session.references.chains["__main__", "Node"].allocated_at
        session.go()
        session.end()
    assert [(site.function, site.line) for site in sites] == [("often", 8), ("seldom", 10)]
    assert all(site.file.endswith("target.py") for site in sites)


# It is seen, but nothing else is


def test_a_target_that_does_not_ask_is_as_it_is_alone(bench: Bench) -> None:
    script = bench.script("""
import os, sys
print(sorted(name for name in sys.modules if "trace" in name))
print(sorted(name for name in os.environ if name.startswith(("REFWATCH", "PYTHON"))))
print(sys.argv, sys.gettrace(), sys.getprofile())
""")
    done = bench.refwatch("--headless", *EXACT, "--frames", "3", script)
    assert done.lines == bench.plain(script).lines
    assert done.status == 0
