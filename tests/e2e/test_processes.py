"""Children of the program are watched like the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import until

from refwatch.readings.threads.states import ThreadState as S

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    from refwatch.export.schema_types import Process, Snapshot

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
        end = time.monotonic() + 1.5
        while time.monotonic() < end: sum(range(500))
    pids = []
    for number in range(2):
        pid = os.fork()
        if pid == 0:
            kept = [Own() for _ in range(10 + number)]
            thread = threading.Thread(target=time.sleep, args=(1,), name=f"sleeper {number}")
            thread.start()
            burn()
            thread.join()
            os._exit(number + 3)
        pids.append(pid)
    print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])
    """


def test_the_children_of_a_fork(bench: Bench) -> None:
    """Each has states, a GIL, lines, names, live classes and an end of its own."""
    snapshot = bench.snapshot(bench.script(FORKS))
    main, *both = snapshot.processes
    for number, child in enumerate(sorted(both, key=lambda one: one.exit_code or 0)):
        assert (child.ppid, child.start_method) == (main.pid, "fork")
        assert child.exit_code == number + 3
        assert main.started_s < child.started_s < (child.ended_s or 0) < (main.ended_s or 0)
        names = [thread.name for thread in child.threads]
        assert sorted(names) == ["MainThread", f"sleeper {number}"]
        work = next(thread for thread in child.threads if thread.name == "MainThread")
        assert sum(work.states.get(state, 0.0) for state in RUNNING) > 1.0
        assert "burn" in functions(child)
        assert child.gil.held_fraction is not None
        assert child.gil.held_fraction > 0.5
        assert child.memory.rss
        counted = {row.name: row.instances for row in child.classes}
        assert counted.get("Own") == 10 + number
    assert share(main, *RUNNING) < 0.5
    assert "burn" not in functions(main)
    assert snapshot.totals.processes == 3
    assert snapshot.totals.cpu_s >= sum(child.cpu.user_s or 0 for child in both)
    assert not [one for one in snapshot.limits if one.reading == "children"]


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
    script = bench.script("""
        import os, time
        if os.fork() == 0:
            time.sleep(2.5)
            os._exit(0)
        os.wait()
        """)
    snapshot = bench.snapshot(script)
    assert len(snapshot.processes) == 2
    assert all(process.census is not None for process in snapshot.processes)


def test_children_are_left_alone_where_that_is_asked_for(bench: Bench) -> None:
    snapshot = bench.snapshot("--no-children", bench.script(FORKS))
    assert len(snapshot.processes) == 1
    (limit,) = [one for one in snapshot.limits if one.reading == "children"]
    assert limit.reason.endswith("they are not watched")


def test_children_chosen_by_a_part_of_their_command_line(bench: Bench) -> None:
    script = bench.script(FORKS)
    assert len(bench.snapshot("--children", "target.py", script).processes) == 3
    assert len(bench.snapshot("--children", "another.py", script).processes) == 1


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
    assert "still ran" in limit.reason
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
