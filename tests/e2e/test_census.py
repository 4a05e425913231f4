"""The census: true numbers, suspects with their chains, and a copy of which the target knows
nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import WAIT, Watching, alike, watching

from refwatch.export.schema_types import Snapshot
from refwatch.readings.objects.state import References
from refwatch.wire.commands import Mark, TakeCensus
from refwatch.wire.heap_values import ChainLink

if TYPE_CHECKING:
    from tests.e2e.conftest import Argument, Bench, Done

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def counts(snapshot: Snapshot) -> dict[str, int]:
    """``module.name`` -> objects of that type at the newest census."""
    census = snapshot.processes[0].census
    assert census is not None
    return {f"{one.module}.{one.name}": one.count for one in census.types}


# The numbers

HEAP = f"""{WAIT}
import gc
class Node:
    def __init__(self): self.edge = {{1, 2}}
class Slots: __slots__ = ("a",)
class Untracked: __slots__ = ()
class Word(str): pass
nodes = [Node() for _ in range(1000)]
slots = [Slots() for _ in range(300)]
plain = [Untracked() for _ in range(200)]
words = {{Word(n): bytes(100) for n in range(50)}}
gc.collect(); gc.freeze()  # hides them from gc.get_objects()
wait()
nodes += [Node() for _ in range(500)]
del slots[100:]
wait()
"""


def test_it_counts_what_there_is(bench: Bench) -> None:
    script = bench.script(HEAP)
    with watching(bench, script) as session:
        session.censuses(1)
        before = {name[1]: one.count for name, one in session.references.census.types.items()}
        session.ask(Mark(name="before"))
        session.wait(lambda _: session.state.marks, "the mark")
        session.go()
        session.instances(Node=1500)
        session.recount()
        session.go()
        done, snapshot = session.end()

    names = ("Node", "Slots", "Untracked", "Word")
    assert {name: before.get(name) for name in names} == dict(
        zip(names, (1000, 300, 200, 50), strict=True)
    )
    found = counts(snapshot)
    after = {name: found.get(f"__main__.{name}") for name in names}
    assert after == dict(zip(names, (1500, 100, 200, 50), strict=True))
    assert 1500 <= found["builtins.set"] <= 1600
    census = snapshot.processes[0].census
    assert census is not None
    assert (census.method, census.objects > 3000) == ("copy", True)
    growth = {one.name: one.delta for one in census.growth}
    assert (growth["Node"], growth["Slots"]) == (500, -200)
    assert "Word" not in growth
    sizes = {one.name: one.size for one in census.types if one.module == "__main__"}
    assert 1500 * 40 <= sizes["Node"] <= 1500 * 200
    assert len(snapshot.cost.census_pauses_s) >= 2
    assert all(0 < pause < 1 for pause in snapshot.cost.census_pauses_s)
    alike(bench, done, script)


def test_only_the_target_s_collector_does_not_see_the_probe(bench: Bench) -> None:
    """What its thread makes for a moment aside, such as the function of a generator expression."""
    script = bench.script(f"""{WAIT}
import gc, time
from types import FunctionType
gc.collect()
def look():
    return {{id(one): str(one.__module__) for one in gc.get_objects() if type(one) is FunctionType}}
seen = look()
for _ in range(5):
    time.sleep(0.02)
    seen = dict(seen.items() & look().items())
print(len(seen), sum(module.startswith("_refwatch_probe.") for module in seen.values()))
del seen
wait()
""")
    with watching(bench, script) as session:
        session.censuses(1)
        session.go()
        done, snapshot = session.end()

    functions, ours = map(int, done.out.split())
    assert (functions > 100, ours) == (True, 0)
    assert counts(snapshot)["builtins.function"] >= functions + 100


def test_what_the_probe_refers_to_is_not_among_the_most_referenced(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
import refwatch
class Thing: pass
things = [Thing() for _ in range(2000)]
for number, thing in enumerate(things):
    refwatch.watch(thing, f"thing {{number}}")
wait()
""")
    with watching(bench, script) as session:
        session.wait(lambda known: len(known.watched) > 2000, "all of them")
        session.recount()
        session.go()
        _, snapshot = session.end()

    census = snapshot.processes[0].census
    assert census is not None
    assert census.most_referenced[0].label == "__main__.Thing"
    words = [f"{one.type} {one.label}" for one in census.most_referenced]
    assert [one for one in words if "_refwatch_probe" in one] == []


FOLDERS = f"""{WAIT}
import contextvars, os, tempfile, threading
class Hangs:
    def __del__(self):
        while alive: pass
alive, local, variable = True, threading.local(), contextvars.ContextVar("variable")
local.folder, local.hangs = tempfile.TemporaryDirectory(), Hangs()
variable.set(tempfile.TemporaryDirectory())
others, made, over = [], threading.Event(), threading.Event()
def work():
    local.folder = tempfile.TemporaryDirectory()
    others.append(local.folder.name)
    made.set(); over.wait()
thread = threading.Thread(target=work)
thread.start(); made.wait()
folders = [local.folder.name, variable.get().name, *others]
wait()
print([os.path.isdir(folder) for folder in folders])
alive = False
over.set(); thread.join()
"""
IN_ANOTHER = "import tempfile; folder = tempfile.TemporaryDirectory(dir='.', prefix='in-')"
INTERPRETER = f"""{WAIT}
try:
    import _interpreters
    create, run = _interpreters.create, _interpreters.exec
except ImportError:  # before 3.13
    import _xxsubinterpreters as _interpreters
    create, run = _interpreters.create, _interpreters.run_string
import os
other = create()
run(other, {IN_ANOTHER!r})
wait()
print([name[:3] for name in os.listdir() if name.startswith("in-")])
_interpreters.destroy(other)
"""


FRAMES_IN_ANOTHER = (
    INTERPRETER.partition("import os\n")[0]
    + """
import os, threading
class Kept: pass
kept = [Kept()]
class InLocal: pass
reading, writing = os.pipe()
other = create()
source = f"def f():\\n import os; os.read({reading}, 1)\\ndef g(): f()\\ng()"
thread = threading.Thread(target=run, args=(other, source))
thread.start()
def main():
    local = InLocal()
    wait()
main()
os.write(writing, b".")
thread.join()
_interpreters.destroy(other)
print("ended")
"""
)


def test_frames_of_another_interpreter_are_left_alone(bench: Bench) -> None:
    """It may have an allocator of its own, which cannot free frame objects of ours."""
    script = bench.script(FRAMES_IN_ANOTHER)
    with watching(bench, script) as session:
        session.instances(Kept=1, InLocal=1)
        (chain,) = session.chains("__main__", "Kept")
        (local,) = session.chains("__main__", "InLocal")
        session.go()
        done, _ = session.end()

    assert done.out == b"ended\n"
    assert [link.edge or link.name for link in chain] == ["index 0", "global kept", "__main__"]
    if sys.version_info >= (3, 12):  # then no frame is taken
        assert local[-1].name == "C code, or a frame"
    else:
        assert (local[0].edge, local[-1].type) == ("local local", "frame")


def test_no_finalizer_runs_in_a_copy_for_other_threads(bench: Bench) -> None:
    script = bench.script(FOLDERS)
    with watching(bench, script) as session:
        session.censuses(2)
        session.go()
        done, snapshot = session.end()

    assert done.out == b"[True, True, True]\n"
    assert counts(snapshot)["tempfile.TemporaryDirectory"] == 3
    assert counts(snapshot)["__main__.Hangs"] == 1


def test_no_finalizer_runs_in_a_copy_for_other_interpreters(bench: Bench) -> None:
    script = bench.script(INTERPRETER)
    with watching(bench, script) as session:
        session.censuses(2)
        session.go()
        done, _ = session.end()

    assert done.out == b"['in-']\n"


@pytest.mark.parametrize("way", ["inside", "off"])
def test_another_way_or_none(bench: Bench, way: str) -> None:
    script = bench.script(f"""{WAIT}
class Node: pass
nodes = [Node() for _ in range(1000)]
wait()
""")
    with watching(bench, "--census", way, script) as session:
        if way == "inside":
            session.censuses(2)
        else:
            session.ask(TakeCensus())
            session.wait(lambda _: session.state.now > 2.5, "two and a half seconds")
        session.go()
        done, snapshot = session.end()

    census = snapshot.processes[0].census
    if way == "inside":
        assert census is not None
        assert census.method == "inside"
        assert counts(snapshot)["__main__.Node"] == 1000
    else:
        assert census is None
        assert snapshot.cost.census_pauses_s == []
        assert "census" in {limit.reading for limit in snapshot.limits}
    alike(bench, done, script)


def test_a_way_that_there_is_not(bench: Bench) -> None:
    done = bench.refwatch("--headless", "--census", "sometimes", "-c", "print(1)")
    assert (done.status, done.out, len(done.err.splitlines())) == (2, b"", 1)
    assert b"sometimes" in done.err


# The suspects


def suspect_of(session: Watching, module: str, name: str) -> list[list[ChainLink]]:
    """Wait until the class is known to grow, and for its chains; end the target."""
    session.wait(lambda known: (module, name) in known.chains, f"chains of {name}")
    session.running.process.send_signal(signal.SIGINT)
    _, snapshot = session.end(status=130)
    census = snapshot.processes[0].census
    assert census is not None
    assert name in {one.name for one in census.suspects}
    (suspect,) = (one for one in census.suspects if (one.module, one.name) == (module, name))
    assert suspect.r2 > 0.8
    return suspect.chains


def test_a_leak_is_named_with_its_chain(bench: Bench) -> None:
    shutil.copy(SCENARIOS / "leak_cache.py", bench.folder)
    with watching(bench, "leak_cache.py", "--seconds", "120") as session:
        chains = suspect_of(session, "__main__", "Entry")

    assert chains
    for chain in chains:
        entry, table, module = chain
        assert (entry.type, table.type, module.type) == ("__main__.Entry", "dict", "module")
        assert entry.edge is not None
        assert entry.edge.startswith("value of key ")
        assert entry.edge.removeprefix("value of key ").isdigit()
        assert (table.edge, module.edge, module.name) == ("global CACHE", None, "__main__")


def test_rings_are_named_and_no_root_holds_them(bench: Bench) -> None:
    shutil.copy(SCENARIOS / "leak_cycle.py", bench.folder)
    with watching(bench, "leak_cycle.py", "--seconds", "120") as session:
        chains = suspect_of(session, "__main__", "Leaf")

    roots = {chain[-1].type for chain in chains}
    assert not roots & {"module", "frame", "thread"}


def test_a_cache_that_is_full_is_no_suspect(bench: Bench) -> None:
    """Though it has grown, and everything in it is new every second."""
    shutil.copy(SCENARIOS / "plateau.py", bench.folder)
    words = ["plateau.py", "--seconds", "120", "--rate", "500", "--entries", "1000"]
    with watching(bench, *words) as session:
        session.instances(Entry=1000)
        session.wait(
            lambda known: known.census.taken >= 5 and known.census.taken_s > 12, "five censuses"
        )
        session.running.process.send_signal(signal.SIGINT)
        _, snapshot = session.end(status=130)

    census = snapshot.processes[0].census
    assert census is not None
    assert census.suspects == []
    assert counts(snapshot)["__main__.Entry"] == 1000


CHAINS = f"""{WAIT}
import collections, threading
class InList: pass
class InDeque: pass
class InClosure: pass
class InAttribute: pass
class InClass: pass
class InLocal: pass
class InThread: pass
class Nowhere: pass
class Holder: pass
items = [InList()]
queue = collections.deque([None, InDeque()])
def remember(value):
    return lambda: value
recall = remember(InClosure())
holder = Holder()
holder.inner = Holder()
holder.inner.value = InAttribute()
Holder.shared = (InClass(),)
ring = Nowhere()
ring.itself = ring
del ring
begun, end = threading.Event(), threading.Event()
def work():
    mine = InThread()
    begun.set()
    end.wait()
thread = threading.Thread(target=work)
thread.start()
def main():
    local = InLocal()
    begun.wait()
    wait()
main()
end.set()
"""
EDGES = {
    "InList": [["index 0", "global items", "__main__"]],
    "InDeque": [["index 1", "global queue", "__main__"]],
    "InClosure": [["closure variable value of remember.<locals>.<lambda>", "global recall",
                   "__main__"]],
    "InAttribute": [["attribute value", "attribute inner", "global holder", "__main__"]],
    "InClass": [["index 0", "class attribute shared", "global Holder", "__main__"]],
    "Nowhere": [],
}  # fmt: skip


def test_chains_of_every_kind(bench: Bench) -> None:
    """Each instance but one is held in one way, which is told in words up to a module or frame."""
    script = bench.script(CHAINS)
    names = [*EDGES, "InLocal", "InThread"]
    with watching(bench, script) as session:
        session.instances(InList=1, InThread=1, InLocal=1)
        found = {
            name: [
                [link.edge or link.name for link in chain]
                for chain in session.chains("__main__", name)
                if chain[-1].type in ("module", "frame")
            ]
            for name in names
        }
        session.go()
        done, _ = session.end()

    for name, edges in EDGES.items():
        assert found[name] == edges
    for name, edge, function in (("InLocal", "local", "main"), ("InThread", "mine", "work")):
        ((local, frame),) = found[name]
        assert local == f"local {edge}"
        assert frame is not None
        assert frame.startswith(f"{function} (")
    alike(bench, done, script)


HELD_BY_NO_OBJECT = f"""{WAIT}
import _thread, contextvars, ctypes, threading
class InContext: pass
class InThread: pass
class InGenerator: pass
class Leaked: pass
request = contextvars.ContextVar("request")
session = contextvars.ContextVar("session")
for number in range(40):  # a tree of some levels
    contextvars.ContextVar(str(number)).set(number)
request.set([InContext()])
begun, end = threading.Event(), threading.Event()
def work():
    session.set(InThread())
    begun.set()
    end.wait()
_thread.start_new_thread(work, ())  # since 3.14 a Thread has its context as an attribute
begun.wait()
def produce():
    kept = InGenerator()
    yield 1
def main():
    for _ in produce():  # nothing but the evaluation stack has the generator
        wait()
increase = ctypes.pythonapi.Py_IncRef
increase.argtypes = [ctypes.py_object]
increase(Leaked())
main()
end.set()
"""


def test_chains_that_end_at_no_object(bench: Bench) -> None:
    """A thread's context, an evaluation stack, a reference that C code has leaked."""
    no_object = ["reference", "C code, or a frame's evaluation stack"]
    expected = {
        "InContext": ["index 0", "value of context variable request", "context", None],
        "InThread": ["value of context variable session", "context", None],
        "InGenerator": ["local kept", *no_object],
        "Leaked": no_object,
    }
    script = bench.script(HELD_BY_NO_OBJECT)
    with watching(bench, script) as session:
        session.instances(InThread=1, InContext=1, InGenerator=1, Leaked=1)
        found = {name: session.chains("__main__", name) for name in expected}
        session.go()
        done, _ = session.end()

    assert {
        name: [[link.edge or link.name for link in chain] for chain in chains]
        for name, chains in found.items()
    } == {name: [edges] for name, edges in expected.items()}
    ends = {name: chains[0][-1].type for name, chains in found.items()}
    assert (ends["InContext"], ends["InThread"]) == ("thread", "thread")
    alike(bench, done, script)


# The copy

# Everything by which a program could notice a child that it did not make itself.
SUSPICIOUS = """
import gc, os, resource, signal, threading, time, warnings, zlib
warnings.simplefilter("error")  # since 3.12 os.fork warns in a program with threads
seen = {name: 0 for name in ("SIGCHLD", "before", "in parent", "in child", "child", "waited")}
def count(name):
    seen[name] += 1
    if name in ("before", "in parent"):
        raise RuntimeError(name)
    if name == "in child":
        os.write(1, b"a handler ran in a copy\\n")
signal.signal(signal.SIGCHLD, lambda *_: count("SIGCHLD"))
os.register_at_fork(before=lambda: count("before"), after_in_parent=lambda: count("in parent"),
                    after_in_child=lambda: count("in child"))
stop = threading.Event()
def read(path):
    with open(path) as file:
        return file.read()
def children():
    return [read(f"/proc/self/task/{tid}/children") for tid in os.listdir("/proc/self/task")]
def look():
    while not stop.is_set():
        try:
            seen["waited"] += os.waitpid(-1, os.WNOHANG)[0] != 0
        except ChildProcessError:
            pass
        try:
            seen["child"] += any(children())
        except FileNotFoundError:
            pass
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                parent = read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1]
                seen["child"] += int(parent) == os.getpid()
            except OSError:
                pass
        time.sleep(0.002)
def compress():
    data = os.urandom(1 << 16) * 16
    while not stop.is_set():
        assert zlib.decompress(zlib.compress(data)) == data
def come_and_go():
    while not stop.is_set():
        thread = threading.Thread(target=lambda: time.sleep(0.001))
        thread.start()
        thread.join()
threads = [threading.Thread(target=f) for f in (look, compress, compress, come_and_go)]
locals_of_main = [object() for _ in range(50_000)]
for thread in threads:
    thread.start()
wait()
stop.set()
for thread in threads:
    thread.join()
try:
    print(os.wait())
except ChildProcessError:
    print("no child")
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(seen, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
print(len(threading.enumerate()), gc.isenabled(), gc.get_freeze_count(), len(gc.callbacks))
print(signal.getsignal(signal.SIGALRM), signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(os.getpriority(os.PRIO_PROCESS, 0), read("/proc/self/oom_score_adj").strip())
"""


def test_the_target_cannot_tell_that_it_was_copied(bench: Bench) -> None:
    script = bench.script(WAIT + SUSPICIOUS)
    with watching(bench, script) as session:
        session.censuses(4)
        session.go()
        done, snapshot = session.end()

    assert len(snapshot.cost.census_pauses_s) >= 4
    assert done.lines[0] == "no child"
    assert done.own_err == b""
    alike(bench, done, script)


OWN_CHILDREN = f"""{WAIT}
import os, signal, subprocess, time
seen = []
def reap(*_):
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            seen.append(found)
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, reap)
for number in range(3):
    wait()
    pid = os.fork()
    if pid == 0:
        os._exit(number)
    while len(seen) <= number:
        time.sleep(0.01)
    print(seen[number][0] == pid, os.waitstatus_to_exitcode(seen[number][1]))
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
print(subprocess.run(["true"]).returncode, os.system("exit 3"), len(seen))
pid = os.fork()
if pid == 0:
    os._exit(9)
print(os.wait() == (pid, 9 << 8))
"""


def with_censuses_between(bench: Bench, script: Argument, waits: int) -> tuple[Done, Snapshot]:
    """Run a target that waits so many times, and let it go on each time after one more census."""
    with watching(bench, script) as session:
        for number in range(1, waits + 1):
            session.censuses(number)
            session.go()
        return session.end()


def test_its_own_children_are_all_that_it_has(bench: Bench) -> None:
    script = bench.script(OWN_CHILDREN)
    done, snapshot = with_censuses_between(bench, script, 3)

    assert len(snapshot.cost.census_pauses_s) >= 3
    assert done.lines == ["True 0", "True 1", "True 2", "0 768 3", "True"]
    alike(bench, done, script)


# The probe leaves for these forks, and comes back: 3.12 and newer warn of a second thread.
FORKS_BESIDE_HANDLERS = f"""{WAIT}
import os, signal, warnings
warnings.simplefilter("error")
def handle(*_):
    return sum(number for number in range(200))
signal.signal(signal.SIGCHLD, handle)
os.register_at_fork(before=handle, after_in_parent=handle, after_in_child=handle)
for number in range(8):
    wait()
    pid = os.fork()
    if pid == 0:
        os._exit(number)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
wait()
"""


def test_after_each_fork_the_target_can_be_copied_again(bench: Bench) -> None:
    script = bench.script(FORKS_BESIDE_HANDLERS)
    done, _ = with_censuses_between(bench, script, 9)

    assert done.lines == [str(number) for number in range(8)]
    assert done.own_err == b""
    alike(bench, done, script)


# Deaths

BIG = f"""{WAIT}
import os
heap = [[n] for n in range(1_500_000)]
print("ready", flush=True)
wait()
os._exit(7)
"""


def in_a_census(session: Watching) -> None:
    """Until one of the big heap is being taken."""

    def met(known: References) -> bool:
        return known.counting_since is not None

    assert session.running.line() == "ready"
    session.wait(lambda known: known.counting_since is None, "no census")
    session.ask(TakeCensus())
    session.wait(met, "a census that is being taken")


@pytest.mark.parametrize("how", ["os._exit", "target", "daemon", "refwatch"])
def test_an_end_in_the_middle_of_a_census(bench: Bench, how: str) -> None:
    """Nothing is left of it, whoever ends; the fixture looks for processes and folders."""
    script = bench.script(BIG)
    with watching(bench, script) as session:
        in_a_census(session)
        refwatch = session.running.pid
        if how == "os._exit":
            session.go()
            done, snapshot = session.end(status=7)
            assert snapshot.target.exit_code == 7
            return
        daemon = bench.daemon_of(refwatch)
        target = session.state.main
        assert target is not None
        pid = {"target": target.pid, "daemon": daemon, "refwatch": refwatch}[how]
        os.kill(pid, signal.SIGKILL)
        if how == "target":
            session.end(status=137)
        else:
            done = session.running.end(b"go\n")
            assert done.status == (7 if how == "daemon" else 137)
    if how == "daemon":  # its folder stays, as ever, until the next session
        bench.watched("-c", "pass")


def test_at_fork_handlers_that_were_there_before_refwatch(bench: Bench) -> None:
    """A .pth file is run before the probe is loaded."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", bench.folder / "venv"], check=True
    )
    site = next((bench.folder / "venv" / "lib").glob("python*/site-packages"))
    handlers = ", ".join(f"{when}=lambda: None" for when in ("before", "after_in_child"))
    (site / "early.pth").write_text(f"import os; os.register_at_fork({handlers})\n")
    python = bench.folder / "venv" / "bin" / "python"
    with watching(bench, "--python", python, bench.script(f"{WAIT}\nwait()\n")) as session:
        session.censuses(1)
        session.go()
        session.end()


# What holds many


CROWDS = f"""{WAIT}
import collections, logging
class Pool:
    def __init__(self): self.connections = []
class Connection:
    def __init__(self, pool):
        self.pool = pool
        pool.connections.append(self)
class App:
    def __init__(self): self.pool = Pool()
app = App()
for number in range(3000):
    Connection(app.pool)
    logging.getLogger(f"client.{{number}}").addHandler(logging.NullHandler())
class Ring:
    def __init__(self): self.me = self
kept = collections.deque(maxlen=50)
import gc
gc.disable()
for _ in range(2000): kept.append(Ring())
wait()
"""


def test_holders_are_found_in_a_crowd_and_garbage_is_held_by_nobody(bench: Bench) -> None:
    script = bench.script(CROWDS)
    with watching(bench, script) as session:
        session.instances(Connection=3000, Ring=2000)
        connections = session.chains("__main__", "Connection")
        loggers = session.chains("logging", "Logger")
        rings = session.chains("__main__", "Ring")
        found = session.references.chains["__main__", "Ring"]
        session.recount()
        session.go()
        _, snapshot = session.end()

    for chain in connections:
        edges = ["attribute connections", "attribute pool", "global app"]
        assert [link.edge for link in chain[1:-1]] == edges
    for chain in loggers:
        edges = ["attribute loggerDict", "class attribute manager", "global Logger"]
        assert [link.edge for link in chain[1:-1]] == edges
        assert chain[-1].name == "logging"
    assert len(connections) == len(loggers) == 3
    assert (rings, found.missing, found.looked, found.garbage) == ([], "", 2000, 1950)
    census = snapshot.processes[0].census
    assert census is not None
    assert census.garbage is not None
    waiting = {one.name: one.count for one in census.garbage.types}
    assert waiting["Ring"] == 1950


PLAIN = f"""{WAIT}
import collections, time
class Stats:
    seen = collections.defaultdict(list)
recent, window = collections.deque(maxlen=500), {{}}
older = [f"older {{number}}" for number in range(20_000)]
def record(number):
    Stats.seen[number % 50].append(f"seen {{number}}")
    recent.append(f"recent {{number}}")
    window[number % 300] = [f"window {{number}}"]
for number in range(1000): record(number)  # those that are bounded are full
class Full: pass
full = Full()
wait()
while True:
    number += 1
    record(number)
    time.sleep(0.002)
"""


def test_of_strings_it_is_told_where_they_have_become_more(bench: Bench) -> None:
    script = bench.script(PLAIN)
    with watching(bench, script) as session:
        session.instances(Full=1)
        session.go()
        end = time.monotonic() + 200
        while not (chains := session.chains("builtins", "str")):
            # Beside other load too few may come between two looks: then it says so.
            assert session.references.chains["builtins", "str"].missing
            assert time.monotonic() < end
        session.running.process.send_signal(signal.SIGINT)
        session.end(status=130)

    assert chains
    for chain in chains:
        assert chain[0].edge is not None
        assert chain[0].edge.startswith("index ")
        assert [link.edge or link.name for link in chain[2:]] == [
            "class attribute seen", "global Stats", "__main__",
        ]  # fmt: skip
