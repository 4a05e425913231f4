"""Children of the program are watched like the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import until

from refwatch.readings.threads.states import ThreadState as S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.e2e.conftest import Bench

    from refwatch.export.schema_types import Process, Snapshot
    from refwatch.session.state import State

RUNNING = (S.GIL_HELD, S.NATIVE, S.CPU_WAIT)


def children(snapshot: Snapshot) -> list[Process]:
    return [process for process in snapshot.processes if process.number != 1]


def share(process: Process, *states: S) -> float:
    """Of the time of its threads, the part in these states."""
    sums = [thread.states for thread in process.threads]
    whole = sum(sum(states.values()) for states in sums)
    return sum(each.get(state, 0.0) for each in sums for state in states) / whole


def functions(process: Process) -> set[str]:
    return {line.function for thread in process.threads for line in thread.hot}


FORKS = """
    import os, sys, threading, time
    class Own: pass
    def burn():
        while waiter.is_alive(): sum(range(500))
    def wait():
        os.read(read, 1)
    read, write = os.pipe()
    pids = []
    for number in range(2):
        pid = os.fork()
        if pid == 0:
            os.close(write)
            kept = [Own() for _ in range(10 + number)]
            waiter = threading.Thread(target=wait, name=f"waiter {number}")
            waiter.start()
            burn()
            os._exit(number + 3)
        pids.append(pid)
    sys.stdin.readline()
    os.close(write)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
    """


def snapshot_when(bench: Bench, seen: Callable[[State], object], *words: str) -> Snapshot:
    """Run it watched; when the daemon has seen this, the program gets a line on stdin."""
    return snapshot_after(bench, [seen], *words)


def snapshot_after(
    bench: Bench, steps: Sequence[Callable[[State], object]], *words: str
) -> Snapshot:
    """The same, with a line after each of these."""
    running = bench.start_watched("-o", "snapshot.json", *words)
    for seen in steps:
        bench.wait_state(running.pid, seen)
        running.say("go\n")
    done = running.end()
    assert done.status == 0, done
    return bench.read_snapshot()


def all_counted(number: int) -> Callable[[State], object]:
    """So many processes have a census."""

    def seen(state: State) -> bool:
        counted = [one for one in state.processes.values() if one.references.census.taken]
        return len(counted) == number

    return seen


def test_the_children_of_a_fork(bench: Bench) -> None:
    """Each has states, a GIL, lines, names, live classes and an end of its own."""
    snapshot = snapshot_when(bench, all_counted(3), bench.script(FORKS))
    main, *both = snapshot.processes
    for number, child in enumerate(sorted(both, key=lambda one: one.exit_code or 0)):
        assert (child.ppid, child.start_method) == (main.pid, "fork")
        assert child.exit_code == number + 3
        assert main.started_s < child.started_s < (child.ended_s or 0) < (main.ended_s or 0)
        names = [thread.name for thread in child.threads]
        assert sorted(names) == ["MainThread", f"waiter {number}"]
        work, waits = sorted(child.threads, key=lambda thread: thread.name)
        assert sum(work.states.get(state, 0.0) for state in RUNNING) > 0.5
        assert waits.states.get(S.IO_WAIT, 0.0) > 0.5
        assert "burn" in functions(child)
        assert child.gil.held_fraction is not None
        assert child.gil.held_fraction > 0.5
        assert child.memory.rss
        assert child.startup_s is not None
        assert 0 <= child.startup_s <= (child.ended_s or 0) - child.started_s
        counted = {row.name: row.instances for row in child.classes}
        assert counted.get("Own") == 10 + number
    assert share(main, *RUNNING) < 0.5
    assert "burn" not in functions(main)
    assert snapshot.totals.processes == 3
    assert snapshot.totals.cpu_s >= sum(child.cpu.user_s or 0 for child in both)
    assert not [one for one in snapshot.limits if one.reading == "children"]


def test_the_memory_that_a_child_of_a_fork_copies(bench: Bench) -> None:
    """It only looks at what its parent has made."""
    script = bench.script("""
        import os, sys
        things = [object() for _ in range(300_000)]
        pid = os.fork()
        if pid == 0:
            for each in things: pass
            sys.stdin.readline()
            os._exit(0)
        os.waitpid(pid, 0)
        """)

    def copied(state: State) -> object:
        found = [one.inherited for one in state.processes.values() if one.number != 1]
        return found and found[0] is not None and found[0].copied > 300_000 * 16

    (child,) = children(snapshot_when(bench, copied, script))
    assert child.memory.inherited is not None
    assert child.memory.copied is not None
    assert child.memory.copied_by_counts is not None
    assert child.memory.inherited >= child.memory.copied > 300_000 * 16
    assert child.memory.copied_by_counts > 0.8 * child.memory.copied
    assert child.startup_s is not None
    assert 0 < child.startup_s < 5


def test_children_that_end_at_once_are_told(bench: Bench) -> None:
    """With their exit status, and no reading of theirs is made up."""
    script = bench.script("""
        import os, time
        for n in range(40):
            pid = os.fork()
            if pid == 0:
                os._exit(n)
            os.waitpid(pid, 0)
        time.sleep(0.2)
        """)
    found = children(bench.snapshot(script))
    assert [child.number for child in found] == list(range(2, 42))
    codes = [child.exit_code for child in found if child.exit_code is not None]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= set(range(40))
    assert all(child.ended_s is not None for child in found)


def test_children_of_children(bench: Bench) -> None:
    script = bench.script("""
        import os, time
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(0.5)
                os._exit(1)
            os.wait()
            os._exit(2)
        os.wait()
        """)
    snapshot = bench.snapshot(script)
    main, child, grandchild = snapshot.processes
    assert (child.ppid, grandchild.ppid) == (main.pid, child.pid)
    assert (child.exit_code, grandchild.exit_code) == (2, 1)
    assert share(grandchild, S.SLEEP) > 0.8


def test_a_hidden_copy_is_no_child(bench: Bench) -> None:
    """Each process has censuses, by copies of its own."""
    snapshot = snapshot_when(bench, all_counted(3), bench.script(FORKS))
    assert len(snapshot.processes) == 3
    assert all(process.census is not None for process in snapshot.processes)


def used(state: State) -> bool:
    """Both children were seen, and have used CPU time."""
    memory = state.main.memory if state.main is not None else None
    return memory is not None and memory.children == 2 and bool(memory.children_cpu_s)


def test_children_are_left_alone_where_that_is_asked_for(bench: Bench) -> None:
    snapshot = snapshot_when(bench, used, "--no-children", bench.script(FORKS))
    assert len(snapshot.processes) == 1
    (limit,) = [one for one in snapshot.limits if one.reading == "children"]
    assert limit.reason.endswith("they are not watched")


def test_children_chosen_by_a_part_of_their_command_line(bench: Bench) -> None:
    script = bench.script(FORKS)
    snapshot = snapshot_when(bench, all_counted(3), "--children", "target.py", script)
    assert len(snapshot.processes) == 3
    assert len(snapshot_when(bench, used, "--children", "another.py", script).processes) == 1


def test_the_program_ends_before_its_child(bench: Bench) -> None:
    """The session ends with the program, as without refwatch; the child runs on alone."""
    script = bench.script("""
        import os, sys, time
        if os.fork() == 0:
            os.setsid()
            for fd in (0, 1, 2):
                os.close(fd)
            time.sleep(3)
            open("the child has gone on", "w").close()
            os._exit(0)
        time.sleep(0.5)
        """)
    snapshot = bench.snapshot(script)
    assert snapshot.processes[1].ended_s is None
    (limit,) = [one for one in snapshot.limits if one.reading == "children"]
    assert limit.reason == "1 of them still ran when the program ended"
    until((bench.folder / "the child has gone on").exists, "the end of the child")


@pytest.mark.parametrize("signal", [9, 15])
def test_a_child_that_is_killed(bench: Bench, signal: int) -> None:
    script = bench.script(f"""
        import os, time
        pid = os.fork()
        if pid == 0:
            time.sleep(30)
        time.sleep(0.3)
        os.kill(pid, {signal})
        os.waitpid(pid, 0)
        time.sleep(0.2)
        """)
    (child,) = children(bench.snapshot(script))
    assert child.exit_code == 128 + signal


POOLS = """
    import multiprocessing, sys, time
    from concurrent.futures import ProcessPoolExecutor
    def crunch(n):
        end = time.monotonic() + 1.0
        while time.monotonic() < end: sum(range(500))
        return n
    if __name__ == "__main__":
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            print(sum(pool.map(crunch, range(2))))
    """


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_workers_of_a_pool(bench: Bench, method: str) -> None:
    snapshot = bench.snapshot(bench.script(POOLS), method)
    found = children(snapshot)
    workers = [child for child in found if child.start_method == method]
    assert len(workers) == 2
    assert len(found) == (3 if method == "forkserver" else 2)
    for worker in workers:
        assert "crunch" in functions(worker)
        assert worker.gil.held_fraction
    assert not [one for one in snapshot.limits if one.reading == "children"]


SHOW = (
    "import os, sys; "
    "print(sorted(n for n in os.environ if n.startswith(('REFWATCH', 'PYTHONPATH'))), sys.path[:3])"
)
STARTS = f"""
    import os, subprocess, sys
    show, python = {SHOW!r}, sys.executable
    def run(*words, **options):
        done = subprocess.run(words, capture_output=True, text=True, **options)
        print(done.returncode, done.stdout, done.stderr)
    run(python, "-c", show)
    run(python, "-c", show, env={{"PYTHONPATH": "/nowhere"}})
    run(python, "-I", "-c", show, env={{"PYTHONPATH": "/nowhere"}})
    run(python, "-W", "ignore", "-Sc", show)
    run("env", env={{"A": "1"}})
    print(subprocess.run("env | grep -c REFWATCH", shell=True, capture_output=True))
    with open("script", "w") as file:
        file.write(f"#!{{python}}\\n{{show}}\\n")
    os.chmod("script", 0o755)
    run(os.path.abspath("script"))
    for words in ([os.path.join("nowhere", "python3")], [python, "-c", "\\0"], [python, 5], []):
        try:
            run(*words)
        except Exception as error:
            print(type(error), error)
    def counted():  # what is bound in __main__ the probe may hold
        arguments, environment = [python, "-c", show + " "], dict(os.environ)
        counts = [[sys.getrefcount(one) for one in (arguments, environment, arguments[2])]]
        for _ in range(5):
            subprocess.run(arguments, env=environment, stdout=subprocess.DEVNULL)
            counts.append([sys.getrefcount(one) for one in (arguments, environment, arguments[2])])
        print(counts)
    counted()
    arguments, environment = [python, "-c", show], dict(os.environ)
    os.waitpid(os.posix_spawn(python, arguments, os.environ), 0)
    os.waitpid(os.posix_spawn(python, arguments, environment, setpgroup=0), 0)
    os.waitpid(os.posix_spawnp("env", ["env"], {{"A": "1"}}), 0)
    os.spawnv(os.P_WAIT, python, arguments)
    for call in (lambda: os.execv("/nowhere/python3", ["python3"]), lambda: os.execv(python, []),
                 lambda: os.execve(python, arguments, 5), lambda: os.execv(python)):
        try:
            call()
        except Exception as error:
            print(type(error), error)
    sys.stdout.flush()
    os.execv(python, [python, "-c", show])
    """


def test_what_children_that_start_python_find(bench: Bench) -> None:
    """Their environment, paths, errors and counts of references are those of a plain run."""
    done = bench.alike(bench.script(STARTS))
    assert done.status == 0


def test_which_of_them_are_watched(bench: Bench) -> None:
    """A Python that runs the probe: not one that is told to ignore the environment, nor a shell.
    After an exec a process goes on under its number."""
    snapshot = bench.snapshot(bench.script(STARTS))
    main, *found = snapshot.processes
    assert main.start_method == "exec"
    assert main.argv[1] == "-c"
    methods = [child.start_method for child in found]
    assert methods.count("subprocess") == 2 + 1 + 5 + 2
    assert methods.count("exec") == 1  # os.spawnv forks
    assert len(found) == len(methods)


def test_a_sitecustomize_of_the_users_own(bench: Bench) -> None:
    (bench.folder / "own").mkdir()
    bench.write("own/sitecustomize.py", "print('their own')")
    script = bench.script("""
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "pass"], capture_output=True).stdout)
        """)
    done = bench.alike(script, env={"PYTHONPATH": str(bench.folder / "own")})
    assert done.lines == ["their own", "b'their own\\n'"]


def test_an_exec_at_once_after_a_fork(bench: Bench) -> None:
    """Of Python: it goes on under its number. Of another program: that is told, and its end."""
    script = bench.script("""
        import os, sys
        for words in (["/bin/sh", "-c", "sleep 0.4; exit 5"],
                      [sys.executable, "-c", "import time; time.sleep(0.4); sys = 1; exit(6)"]):
            pid = os.fork()
            if pid == 0:
                os.execv(words[0], words)
            os.waitpid(pid, 0)
        """)
    snapshot = bench.snapshot(script)
    _, shell, python = snapshot.processes
    assert (shell.start_method, shell.exit_code) == ("fork", 5)
    assert (python.start_method, python.exit_code) == ("exec", 6)
    assert share(python, S.SLEEP) > 0.5
    (limit,) = [one for one in snapshot.limits if one.process == 2 and one.reading == "interpreter"]
    assert "exec" in limit.reason


def test_forks_while_another_thread_watches_objects(bench: Bench) -> None:
    """In the child nobody is left to release a lock of the probe's."""
    done = bench.watched(
        bench.script("""
        import os, threading, refwatch
        class Thing: pass
        over = threading.Event()
        def watch():
            while not over.is_set():
                refwatch.watch(Thing(), "from the thread")
        threads = [threading.Thread(target=watch) for _ in range(2)]
        for thread in threads: thread.start()
        for _ in range(40):
            if (pid := os.fork()) == 0:
                refwatch.watch(Thing(), "in the child")
                os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        over.set()
        for thread in threads: thread.join()
        print("done")
        """)
    )
    assert (done.status, done.lines) == (0, ["done"])


def test_a_child_that_hangs_since_its_fork_is_named(bench: Bench) -> None:
    """Its only thread waits for a lock that another thread of the parent held at the fork."""
    script = bench.script("""
        import os, signal, sys, threading, warnings
        warnings.simplefilter("ignore")
        lock, held, enough = threading.Lock(), threading.Event(), threading.Event()
        def hold():
            with lock:
                held.set()
                enough.wait()
        holder = threading.Thread(target=hold, name="holder")
        holder.start()
        held.wait()
        sys.stdin.readline()
        pid = os.fork()
        if pid == 0:
            with lock:
                pass
            os._exit(0)
        enough.set()
        holder.join()
        sys.stdin.readline()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        """)

    def named(state: State) -> bool:
        main = state.main
        return main is not None and any(one.name == "holder" for one in main.threads.values())

    def still(state: State) -> bool:
        return any(one.unmoved_s > 4 for one in state.processes.values() if one.number != 1)

    snapshot = snapshot_after(bench, [named, still], script)
    verdict = snapshot.verdict
    child = snapshot.processes[1]
    assert verdict.sentence.startswith(f"child {child.pid} has not moved for")
    assert verdict.sentence.endswith("it waits for a lock at target.py:15")
    assert "(holder)" in verdict.advice
    assert child.exit_code == 137


def test_a_pool_at_work_is_told_as_such(bench: Bench) -> None:
    """The threads that it has in the program wait for it, and decide nothing."""
    script = bench.script("""
        import multiprocessing, time
        def crunch(n):
            end = time.monotonic() + 1.0
            while time.monotonic() < end: n += 1
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(crunch, range(4), 1)
        """)
    verdict = bench.snapshot(script).verdict
    assert verdict.kind == "process_parallel"
    assert "compute side by side" in verdict.sentence


SPIN = """
    import sys, threading
    def spin():
        while waiter.is_alive(): sum(range(500))
    waiter = threading.Thread(target=sys.stdin.read, daemon=True)
    waiter.start()
    spin()
    """
TWINS = """
    import subprocess, sys
    pipe = subprocess.PIPE
    isolated = subprocess.Popen([sys.executable, "-I", "spin.py"], stdin=pipe)
    shell = subprocess.Popen(f'"{sys.executable}" spin.py; exit 3', shell=True, stdin=pipe)
    sys.stdin.readline()
    for child in (isolated, shell):
        child.communicate()
    print(isolated.returncode, shell.returncode)
    """


def test_children_without_the_probe_are_watched_from_outside(bench: Bench) -> None:
    """One ignores its environment, the other was started by a shell: nothing is run in them."""

    def both_spin(state: State) -> bool:
        found = [one for one in state.processes.values() if one.number != 1]
        return len(found) == 2 and all(
            one.samples > 200 and any(line.function == "spin" for line in one.lines.values())
            for one in found
        )

    bench.script(SPIN, "spin.py")
    snapshot = snapshot_when(bench, both_spin, bench.script(TWINS))
    for child in children(snapshot):
        assert child.start_method == "subprocess"
        assert "spin" in functions(child)
        assert len(child.threads) == 2
        assert share(child, S.IO_WAIT) > 0.3
        assert child.gil.held_fraction is not None
        assert child.exit_code == 0
        assert child.census is None
        limits = [one for one in snapshot.limits if one.process == child.number]
        reasons = {one.reading: one.reason for one in limits}
        assert "watched from outside" in reasons["census"]
        assert "interpreter" not in reasons
