"""What the snapshot says of programs whose behaviour is known."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from refwatch import __version__
from refwatch.export.schema_types import Snapshot
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session.process import ProcessState

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Done, Reader, Seen

    Named = Callable[..., Seen]
    Read = Callable[[Snapshot], Reader]

TOP = {
    "schema", "refwatch", "taken_at", "duration_s", "target", "limits", "cost", "verdict", "marks",
    "processes",
}  # fmt: skip
PROCESS = {
    "number", "pid", "ppid", "argv", "start_method", "started_s", "ended_s", "exit_code", "memory",
    "cpu", "gil", "threads", "classes", "watched", "census", "allocations",
}  # fmt: skip
THREAD = {
    "tid", "ident", "name", "daemon", "alive", "samples", "states", "cpu_s", "cpu_wait_s",
    "voluntary_switches", "involuntary_switches", "minor_faults", "major_faults", "stack", "hot",
}  # fmt: skip

# One thread in each state that a thread can be kept in, until a line comes on stdin.
STATES = """
import os, select, signal, socket, subprocess, sys, threading, time

gate = threading.Lock()
gate.acquire()
left, right = socket.socketpair()
read, write = os.pipe()
child = subprocess.Popen([sys.executable, "-S", "-c", "import sys; sys.stdin.read()"],
                         stdin=subprocess.PIPE)
condition = threading.Condition()

def sleeper():
    time.sleep(120)  # mark: sleeper

def waiter():
    gate.acquire()  # mark: waiter

def receiver():
    left.recv(1)  # mark: receiver

def reader():
    os.read(read, 1)  # mark: reader

def selecter():
    select.select([read], [], [], 120)  # mark: selecter

def parent():
    os.waitpid(child.pid, 0)  # mark: parent

def conditional():
    with condition:
        condition.wait()  # mark: conditional

threads = [threading.Thread(target=f, name=f.__name__, daemon=f in (sleeper, waiter)) for f in
           (sleeper, waiter, receiver, reader, selecter, parent, conditional)]
for thread in threads:
    thread.start()
print(*(f"{t.name} {t.ident} {t.native_id}" for t in [*threads, threading.main_thread()]))
sys.stdin.readline()  # mark: main
with condition:
    condition.notify_all()
right.send(b"x")
os.write(write, b"xx")
child.stdin.close()
for thread in threads[2:]:
    thread.join()
"""
EXPECTED = {
    "sleeper": S.SLEEP,
    "waiter": S.LOCK_WAIT,
    "receiver": S.IO_WAIT,
    "reader": S.IO_WAIT,
    "selecter": S.IO_WAIT,
    "parent": S.CHILD_WAIT,
    "conditional": S.LOCK_WAIT,
    "MainThread": S.IO_WAIT,
}


def line_of(text: str, mark: str) -> int:
    """The number of the line that is marked so."""
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.endswith(f"mark: {mark}"))


def test_its_names_are_those_of_the_schema(bench: Bench) -> None:
    bench.snapshot("-c", "import time; time.sleep(0.3)")

    data = json.loads((bench.folder / "snapshot.json").read_bytes())

    assert data.keys() >= TOP
    assert data["schema"] == "refwatch.snapshot/1"
    assert data["refwatch"] == __version__
    taken = dt.datetime.fromisoformat(data["taken_at"])
    assert taken.utcoffset() == dt.timedelta(0)
    (process,) = data["processes"]
    assert process.keys() >= PROCESS
    assert process["threads"]
    assert all(thread.keys() >= THREAD for thread in process["threads"])
    assert process["memory"].keys() >= {"rss", "uss", "peak_rss", "series"}
    assert process["cpu"].keys() >= {"user_s", "system_s"}
    assert process["gil"].keys() >= {
        "present", "held_fraction", "contention", "handoffs", "switch_interval_s", "series",
    }  # fmt: skip
    assert data["target"].keys() >= {
        "argv", "executable", "python", "free_threaded", "cwd", "started_at", "exit_code",
    }  # fmt: skip
    assert data["cost"].keys() >= {
        "probe_cpu_s", "probe_gil_held_s", "census_pauses_s", "tracing_s", "daemon_cpu_s",
    }  # fmt: skip


def test_the_target_is_described(bench: Bench) -> None:
    script = bench.script(
        "import os, sys, time\n"
        "print(os.getpid(), sys.version.split()[0]); time.sleep(0.4); sys.exit(3)"
    )
    done = bench.watched("-o", "snapshot.json", script, "argument", "ünicode")
    snapshot = bench.read_snapshot()

    pid, version = done.out.decode().split()
    process = snapshot.processes[0]
    assert process.pid == int(pid)
    assert snapshot.target.argv[1:] == [script, "argument", "ünicode"]
    assert process.argv == snapshot.target.argv
    assert snapshot.target.executable == snapshot.target.argv[0] == bench.command[0]
    assert snapshot.target.python == version
    assert snapshot.target.cwd == str(bench.folder)
    assert (snapshot.target.exit_code, process.exit_code, done.status) == (3, 3, 3)
    assert snapshot.duration_s >= 0.4
    assert process.memory.rss is not None
    assert process.memory.peak_rss is not None
    assert process.memory.peak_rss >= process.memory.rss > 1 << 20
    assert process.cpu.user_s is not None
    assert snapshot.cost.probe_cpu_s is not None
    assert snapshot.cost.daemon_cpu_s is not None
    assert snapshot.cost.probe_cpu_s > 0
    assert snapshot.cost.daemon_cpu_s > 0
    assert snapshot.sampling.method == "outside"
    assert snapshot.sampling.samples > 0
    assert process.gc
    # What is taken when asked for; of so short a program beside other load perhaps nothing.
    later = {"classes", "watched", "census", "allocations", "memory split"}
    assert {limit.reading for limit in snapshot.limits} <= later


@pytest.fixture
def known_states(bench: Bench, named: Named, reader: Read) -> tuple[Reader, Done, str]:
    """The snapshot of STATES, what it printed, and its text."""
    script = bench.script(STATES)
    done, snapshot = bench.done_when(named(*EXPECTED), words=[script])
    return reader(snapshot), done, (bench.folder / script).read_text()


@pytest.mark.alone
def test_threads_in_known_states(known_states: tuple[Reader, Done, str]) -> None:
    seen, done, text = known_states

    for name, state in EXPECTED.items():
        thread = seen.thread(name)
        assert max(thread.states, key=lambda s: thread.states[s]) is state, thread
        assert seen.share(name, state) > 0.5
    numbers = done.out.decode().split()
    for name, ident, tid in zip(*(iter(numbers),) * 3, strict=True):
        thread = seen.thread(name)
        assert (thread.ident, thread.tid) == (int(ident), int(tid))
        assert thread.daemon is (name in ("sleeper", "waiter"))
        assert thread.cpu_s is not None
        assert thread.voluntary_switches is not None
    assert len(seen.process.threads) == len(EXPECTED)

    for name in ("sleeper", "waiter", "receiver", "reader", "selecter", "parent"):
        thread = seen.thread(name)
        hot = thread.hot[0]
        assert hot.file.endswith("target.py")
        assert (hot.line, hot.function) == (line_of(text, name), name)
        assert hot.state is EXPECTED[name]
    hot = seen.thread("conditional").hot[0]
    assert (hot.file.rpartition("/")[2], hot.function) == ("threading.py", "Condition.wait")

    stack = seen.thread("waiter").stack  # it is still there when the program ends
    innermost = (stack[0].file.rpartition("/")[2], stack[0].line, stack[0].function)
    assert innermost == ("target.py", line_of(text, "waiter"), "waiter")
    outer = [line.function for line in stack[1:]]
    assert outer == ["Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"]


def test_states_add_up_to_a_thread_s_life(known_states: tuple[Reader, Done, str]) -> None:
    seen, _, _ = known_states
    for thread in seen.process.threads:
        life = (thread.ended_s or seen.snapshot.duration_s) - thread.started_s
        total = sum(thread.states.values())
        assert 0 < total <= life + 0.02  # it may have begun before it was found
        assert all(seconds >= 0 for seconds in thread.states.values())
        assert sum(line.seconds for line in thread.hot) <= total + 1e-6
        assert thread.samples <= seen.snapshot.sampling.samples
        order = [line.seconds for line in thread.hot]
        assert order == sorted(order, reverse=True)


SPIN = """
import sys, threading, time

end = threading.Event()

def holder():
    n = 0
    while not end.is_set():
        for _ in range(1000):
            n += 1  # mark: hot
    return n

def outer():
    return inner()  # mark: outer

def inner():
    return holder()  # mark: inner

threads = [threading.Thread(target=outer, name=f"spin-{n}") for n in range(3)]
for thread in threads:
    thread.start()
sys.stdin.readline()
end.set()
for thread in threads:
    thread.join()
"""


@pytest.mark.alone
def test_who_holds_the_gil_and_who_waits_for_it(bench: Bench, reader: Read, named: Named) -> None:
    script = bench.script(SPIN)
    text = (bench.folder / script).read_text()
    names = ["spin-0", "spin-1", "spin-2"]
    seen = reader(bench.snapshot_when(named(*names, seconds=0.7), words=[script]))

    hot = line_of(text, "hot")
    for name in names:
        assert seen.share(name, S.GIL_HELD) > 0.05
        assert seen.share(name, S.GIL_WAIT) > 0.2
        for state in (S.GIL_HELD, S.GIL_WAIT):
            top = next(line for line in seen.thread(name).hot if line.state is state)
            assert top.file.endswith("target.py")
            assert top.function == "holder"
            assert abs(top.line - hot) <= 2  # the loop around it
        stack = [(line.line, line.function) for line in seen.thread(name).stack]
        if stack[0][1] == "Event.is_set":  # once in a thousand turns
            del stack[0]
        assert stack[0][1] == "holder"
        assert stack[1:3] == [(line_of(text, "inner"), "inner"), (line_of(text, "outer"), "outer")]
    gil = seen.process.gil
    assert gil.present is True
    assert gil.held_fraction is not None
    assert gil.held_fraction > 0.5
    assert gil.contention is not None
    assert gil.contention > 0.5
    assert gil.handoffs is not None
    assert gil.handoffs > 10
    assert seen.snapshot.verdict.kind == "gil_bound"


def test_short_threads_and_idents_used_again(bench: Bench, named: Named) -> None:
    script = bench.script("""
        import sys, threading, time
        sys.stdin.readline()
        idents = set()
        def short():
            idents.add(threading.get_ident())
            time.sleep(0.001)
        for n in range(200):
            thread = threading.Thread(target=short)
            thread.start()
            thread.join()
        assert len(idents) < 200  # used again
        threading.Thread(target=time.sleep, args=(120,), name="steady", daemon=True).start()
        sys.stdin.readline()
        """)
    steps = named("MainThread", seconds=0.01), named("steady", seconds=0.1)
    threads = bench.snapshot_when(*steps, words=[script]).processes[0].threads

    (steady,) = [thread for thread in threads if thread.name == "steady"]
    assert max(steady.states, key=lambda s: steady.states[s]) is S.SLEEP
    short = [thread for thread in threads if thread.name not in ("steady", "MainThread")]
    assert short
    assert not any(thread.alive for thread in short)
    assert len({(thread.tid, thread.started_s) for thread in threads}) == len(threads)


def test_three_hundred_threads(bench: Bench, named: Named) -> None:
    script = bench.script("""
        import sys, threading
        end = threading.Event()
        threads = [threading.Thread(target=end.wait, name=f"worker-{n}") for n in range(300)]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        end.set()
        for thread in threads:
            thread.join()
        """)
    names = [f"worker-{n}" for n in range(300)]
    snapshot = bench.snapshot_when(named(*names, seconds=0.2), words=[script])

    threads = {thread.name: thread for thread in snapshot.processes[0].threads}
    assert threads.keys() == {*names, "MainThread"}
    for name in names:
        states = threads[name].states
        assert max(states, key=lambda s: states[s]) is S.LOCK_WAIT, threads[name]


def test_names_given_at_run_time(bench: Bench, named: Named) -> None:
    """Also names that are no text, or no str at all: they are shown, or not, and break nothing."""
    script = bench.script(r"""
        import sys, threading
        calls = []
        class Name(str):
            def __str__(self): calls.append("str")
            __repr__ = __hash__ = __eq__ = __str__
        class Loud(threading.Thread):
            def __getattribute__(self, name):
                if end.ready:
                    calls.append(name)
                return super().__getattribute__(name)
        end = threading.Event()
        end.ready = False
        def rename():
            threading.current_thread().name = "second ünicode name 💩"
            end.wait()
        threads = [Loud(target=end.wait, name="loud"),
                   threading.Thread(target=rename, name="first name")]
        odd = ["half \udcff", Name("subclass"), None, "a\nb\x1b[31m", "x" * 10_000]
        threads += [threading.Thread(target=end.wait) for _ in odd]
        for thread in threads:
            thread.start()
        for thread, name in zip(threads[2:], odd):
            thread._name = name
        end.ready = True
        sys.stdin.readline()
        end.ready = False
        print(calls)
        end.set()
        """)
    names = "second ünicode name 💩", "subclass", "loud"
    done, snapshot = bench.done_when(named(*names), words=[script])

    assert done.out == b"[]\n"  # not one line of the target's own code was run
    found = [thread.name for thread in snapshot.processes[0].threads]
    assert "first name" not in found
    assert "half \\udcff" in found
    assert "MainThread" in found
    assert "\x1b" not in done.err.decode()


def test_a_thread_that_python_does_not_know(bench: Bench) -> None:
    script = bench.script("""
        import ctypes, sys
        libc = ctypes.CDLL(None)
        handle, usleep = ctypes.c_ulong(), ctypes.cast(libc.usleep, ctypes.c_void_p)
        minute = ctypes.c_void_p(60_000_000)
        assert libc.pthread_create(ctypes.byref(handle), None, usleep, minute) == 0
        sys.stdin.readline()
        """)

    def seen(process: ProcessState) -> bool:
        foreign = [t for t in process.threads.values() if t.tid != process.pid]
        return any(thread.watched_s > 0.2 for thread in foreign)

    threads = bench.snapshot_when(seen, words=[script]).processes[0].threads

    foreign = [thread for thread in threads if thread.ident is None]
    assert len(threads) == 2
    assert len(foreign) == 1
    assert max(foreign[0].states, key=lambda s: foreign[0].states[s]) is S.SLEEP
    assert foreign[0].stack == []
    assert foreign[0].name


def test_a_long_c_call_that_keeps_the_gil(bench: Bench, reader: Read, named: Named) -> None:
    script = bench.script("""
        import ctypes, sys, threading
        begin, runs, end = threading.Event(), threading.Event(), threading.Event()
        def keeper():
            runs.wait()
            ctypes.PyDLL(None).usleep(1_500_000)  # mark: keeper
            end.wait()
        def other():
            begin.wait()
            runs.set()
            while not end.is_set(): pass
        threads = [threading.Thread(target=f, name=f.__name__) for f in (keeper, other)]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        begin.set()
        sys.stdin.readline()
        end.set()
        """)

    def kept(process: ProcessState) -> bool:
        keeper = next(t for t in process.threads.values() if t.name == "keeper")
        return keeper.holds.blocked_s > 0.5 and keeper.state is S.LOCK_WAIT

    first = named("keeper", "other", seconds=0.01)
    seen = reader(bench.snapshot_when(first, kept, words=[script]))

    keeper = seen.thread("keeper")
    assert (keeper.states[S.SLEEP], keeper.holds_s) > (0.5, 0.5)
    assert seen.thread("other").states[S.GIL_WAIT] > 0.5
    top = next(line for line in keeper.hot if line.state is S.SLEEP)
    text = (bench.folder / script).read_text()
    assert (top.line, top.function) == (line_of(text, "keeper"), "keeper")
    assert top.seconds > 0.5


def test_code_with_no_file_and_other_names(bench: Bench, reader: Read, named: Named) -> None:
    script = bench.script("""
        import sys, threading, time
        source = "def schläfer_眠る(): \\n  time.sleep(60)\\n"
        space = {"time": time}
        exec(compile(source, "<erzeugt 💩>", "exec"), space)
        threading.Thread(target=space["schläfer_眠る"], name="made", daemon=True).start()
        sys.stdin.readline()
        """)
    seen = reader(bench.snapshot_when(named("made"), words=[script]))

    top = seen.thread("made").hot[0]
    assert (top.file, top.line, top.function) == ("<erzeugt 💩>", 2, "schläfer_眠る")


def test_deep_stacks_and_generators(bench: Bench, reader: Read, named: Named) -> None:
    script = bench.script("""
        import sys, threading
        end = threading.Event()
        def deep(n):
            if n:
                deep(n - 1)
            else:
                end.wait()
        def steps():
            while True:
                end.wait()
                yield
        def generate():
            for _ in steps():
                break
        class Method:
            def __call__(self):
                return [end.wait() for _ in range(1)]
        for target, *args in ((deep, 500), (generate,), (Method(),)):
            name = getattr(target, "__name__", "method")
            threading.Thread(target=target, args=args, name=name, daemon=True).start()
        sys.stdin.readline()
        """)
    seen = reader(bench.snapshot_when(named("deep", "generate", "method"), words=[script]))

    stacks = {
        name: [line.function for line in seen.thread(name).stack]
        for name in ("deep", "generate", "method")
    }
    waiting = ["Condition.wait", "Event.wait"]
    assert stacks["deep"][:4] == [*waiting, "deep", "deep"]
    assert stacks["deep"][-3:] == ["Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"]
    assert len(stacks["deep"]) <= 200
    left_out = seen.thread("deep").frames_left_out
    whole = 2 + 501 + 3
    assert whole <= left_out + len(stacks["deep"]) <= whole + 3  # the interpreter has some, too
    assert stacks["generate"][:5] == [*waiting, "steps", "generate", "Thread.run"]
    assert stacks["method"][:2] == waiting
    assert "Method.__call__" in stacks["method"][2:4]  # a comprehension may have its own frame


def test_it_stops_watching_when_asked(bench: Bench) -> None:
    """The snapshot is there while the target goes on to its end and status."""
    script = bench.script("""
        import os, sys, time
        end = time.monotonic() + 60
        while not os.path.exists("snapshot.json") and time.monotonic() < end:
            time.sleep(0.01)
        print(os.path.exists("snapshot.json"))
        sys.exit(4)
        """)
    done = bench.watched("--duration", "1.5", "-o", "snapshot.json", script)

    assert (done.status, done.out) == (4, b"True\n")
    snapshot = bench.read_snapshot()
    assert snapshot.target.exit_code is None
    assert snapshot.processes[0].ended_s is None
    assert snapshot.processes[0].threads[0].alive
    assert snapshot.duration_s >= 1.5
    assert "still running" in done.summary


def test_a_duration_longer_than_the_target(bench: Bench) -> None:
    snapshot = bench.snapshot("--duration", "60", "-c", "import sys; sys.exit(2)", status=2)
    assert snapshot.target.exit_code == 2


@pytest.mark.parametrize("rate", [50, 200])
def test_the_rate_is_what_was_asked_for(bench: Bench, rate: int) -> None:
    snapshot = bench.snapshot("--rate", str(rate), "-c", "import time; time.sleep(0.8)")
    # never more: each sample is a period or more after the one before
    assert 0 < snapshot.sampling.samples <= rate * snapshot.duration_s + 2
    assert snapshot.sampling.rate_hz == rate


def test_a_target_that_is_over_at_once(bench: Bench) -> None:
    snapshot = bench.snapshot("-c", "pass")
    assert snapshot.target.exit_code == 0
    assert snapshot.verdict.kind == "undecided" or snapshot.duration_s > 1.0  # beside other load


def test_a_target_whose_interpreter_does_not_start_the_probe(bench: Bench) -> None:
    """It replaces itself at once by one without site: what needs no interpreter is still read."""
    script = bench.script("""
        import os, sys
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(0.5)"])
        """)
    assert bench.watched("-o", "snapshot.json", script).status == 0
    assert bench.read_snapshot().target.exit_code == 0


# Touches memory that it has just been given, page by page.
TOUCHING = """
import mmap, threading
def faults():
    with open("/proc/thread-self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[7]), int(fields[9])
end = threading.Event()
def toucher():
    memory = mmap.mmap(-1, 4096 * mmap.PAGESIZE)
    for page in range(4096): memory[page * mmap.PAGESIZE] = 1
    print(*faults(), flush=True)
    end.wait()
thread = threading.Thread(target=toucher, name="toucher"); thread.start()
input(); end.set()
"""


def test_page_faults_of_a_thread_are_the_kernels(bench: Bench, reader: Read) -> None:
    def touched(process: ProcessState) -> bool:
        return any(one.counters.minor_faults >= 4096 for one in process.threads.values())

    done, snapshot = bench.done_when(touched, words=[bench.script(TOUCHING)])
    minor, major = map(int, done.out.split())
    toucher = reader(snapshot).thread("toucher")
    assert toucher.minor_faults is not None
    assert minor <= toucher.minor_faults < minor + 1000
    assert toucher.major_faults is not None
    assert major <= toucher.major_faults < major + 100
