"""CPU time in the children of a process: running ones, ended ones, and theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from refwatch.readings.memory.children import Children, ChildrenReader

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux's /proc")

LIMIT_S = 60.0
BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
"""


@contextmanager
def program(code: str) -> Iterator[tuple[int, Callable[[], str], Callable[[], None]]]:
    """A program that runs: (pid, its next line, let it go on)."""
    script = "import os, sys, signal, subprocess\n" + BURN + textwrap.dedent(code)
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    put, lines = process.stdin, process.stdout

    def go_on() -> None:
        put.write("\n")
        put.flush()

    try:
        yield process.pid, lines.readline, go_on
    finally:
        process.kill()
        process.communicate()


def until(reader: ChildrenReader, enough: Callable[[Children], bool]) -> Children:
    """Read once a moment until it is so."""
    end = time.monotonic() + LIMIT_S
    while True:
        children = reader.read(time.monotonic())
        assert children is not None
        if enough(children):
            return children
        assert time.monotonic() < end, children
        time.sleep(0.05)


def test_the_time_of_a_running_child_and_of_its_child_counts_and_stays_when_they_end() -> None:
    child = """
        if os.fork() == 0:
            if os.fork() == 0:
                burn(0.4)
                print("burnt", flush=True)
                sys.stdin.readline()
                os._exit(0)
            burn(0.3)
            os.wait()
            os._exit(0)
        os.wait()
        print("waited", flush=True)
        sys.stdin.readline()
    """
    with program(child) as (pid, line, go_on):
        reader = ChildrenReader(pid, copies_among=False)
        assert line() == "burnt\n"
        running = until(reader, lambda c: c.seen == 2 and c.cpu_s >= 0.65)
        assert running.cpu_s < 1.2
        go_on()
        assert line() == "waited\n"
        ended = until(reader, lambda _: True)
        assert running.cpu_s <= ended.cpu_s < 1.2
        assert (ended.seen, ended.more) == (2, False)
        assert ended.lived_s > 0


def test_children_that_nobody_saw_are_known_by_what_was_waited_for() -> None:
    code = """
        burn = "import time\\nwhile time.process_time() < 0.1: pass"
        for _ in range(3):
            subprocess.run([sys.executable, "-S", "-c", burn])
        print("waited", flush=True)
        sys.stdin.readline()
    """
    with program(code) as (pid, line, _):
        assert line() == "waited\n"
        children = ChildrenReader(pid, copies_among=False).read(1.0)
        assert children is not None
        assert (children.seen, children.more) == (0, True)
        assert children.cpu_s > 0.2
        unknown = ChildrenReader(pid, copies_among=True).read(1.0)
        assert unknown == Children(0, 0.0, more=False, cpu_s=0.0)


def test_a_child_that_uses_hardly_any_time_is_known_to_have_been_there() -> None:
    code = """
        for _ in range(2):
            print("ready", flush=True)
            sys.stdin.readline()
            if os.fork() == 0:
                os._exit(0)
            os.wait()
        print("waited", flush=True)
        sys.stdin.readline()
    """
    with program(code) as (pid, line, go_on):
        reader = ChildrenReader(pid, copies_among=False)
        assert line() == "ready\n"
        assert reader.read(1.0) == Children(0, 0.0, more=False, cpu_s=0.0)
        go_on()
        assert line() == "ready\n"
        first = reader.read(1.1)
        go_on()
        assert line() == "waited\n"
        second = reader.read(5.0)
    assert first is not None
    assert second is not None
    assert (first.seen, first.more, second.more) == (0, True, True)
    assert second.cpu_s < 0.2


def test_children_that_nobody_waits_for_count_as_long_as_they_were_seen() -> None:
    code = """
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if os.fork() == 0:
            burn(0.5)
            print("burnt", flush=True)
            sys.stdin.readline()
            os._exit(0)
        try:
            os.wait()
        except ChildProcessError:
            print("gone", flush=True)
        sys.stdin.readline()
    """
    with program(code) as (pid, line, go_on):
        reader = ChildrenReader(pid, copies_among=False)
        assert line() == "burnt\n"
        until(reader, lambda c: c.cpu_s >= 0.45)
        go_on()
        assert line() == "gone\n"
        assert until(reader, lambda _: True).cpu_s >= 0.45


def test_a_copy_and_the_standard_librarys_servant_are_no_children() -> None:
    code = """
        import ctypes, multiprocessing.resource_tracker as servant
        servant.ensure_running()
        libc = ctypes.CDLL(None)
        if libc.syscall({"x86_64": 56, "aarch64": 220}[os.uname().machine], 0, 0, 0, 0, 0) == 0:
            libc.prctl(15, b"refwatch-copy", 0, 0, 0)
            burn(0.3)
            os.write(1, b"burnt\\n")
            signal.pause()
        sys.stdin.readline()
        for pid in map(int, open(f"/proc/self/task/{os.getpid()}/children").read().split()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0x40000000)
        print("reaped", flush=True)
        sys.stdin.readline()
    """
    with program(code) as (pid, line, go_on):
        reader = ChildrenReader(pid, copies_among=True)
        assert line() == "burnt\n"
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            assert len(file.read().split()) == 2
        assert reader.read(1.0) == Children(0, 0.0, more=False, cpu_s=0.0)
        go_on()
        assert line() == "reaped\n"
        assert reader.read(3.0) == Children(0, 0.0, more=False, cpu_s=0.0)


def test_of_a_process_that_is_gone_nothing_is_told() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", ""], {})
    os.waitpid(pid, 0)
    assert ChildrenReader(pid, copies_among=False).read(1.0) is None
