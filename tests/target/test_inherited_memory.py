"""What of its parent's memory the child of a fork still shares, against real forks."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import pytest

from refwatch.target.inherited_memory import Inherited, InheritedMemory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc/PID/pagemap")

PROGRAM = """
import os, sys
things = [object() for _ in range(300_000)]
block = bytearray(8 << 20)
pid = os.fork()
if pid == 0:
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    {work}
    print("done", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.waitpid(pid, 0)
"""
THINGS, BLOCK = 300_000 * 16, 8 << 20  # bytes, at least


def read_after(work: str) -> Inherited:
    """What is shared once a child has done this."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(work=work)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        child = int(program.stdout.readline())
        with closing(InheritedMemory(child, program.pid)) as memory:
            program.stdin.write("\n")
            assert program.stdout.readline() == "done\n"
            found = memory.read()
        program.stdin.write("\n")
        program.stdin.close()
        assert program.wait(20) == 0
    return found


def test_a_child_that_only_waits_shares_nearly_all() -> None:
    found = read_after("pass")
    assert found.inherited > THINGS + BLOCK
    assert found.copied < 0.2 * found.inherited


def test_looking_at_objects_copies_them_by_their_counts_alone() -> None:
    found = read_after("for each in things: pass")
    assert found.copied > THINGS
    assert found.by_counts > 0.8 * found.copied
    kept = read_after("kept = list(things)")
    assert kept.copied > THINGS
    assert kept.by_counts > 0.8 * kept.copied


def test_what_is_written_is_no_count() -> None:
    found = read_after("block[:] = b'x' * len(block)")
    assert found.copied > BLOCK
    assert found.by_counts < 0.2 * found.copied


def test_new_memory_was_not_inherited() -> None:
    before = read_after("pass")
    after = read_after("more = b'x' * (64 << 20)")
    assert after.inherited < before.inherited + (8 << 20)
    assert after.copied < before.copied + (8 << 20)


def test_a_process_that_is_gone_is_said_to_be() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
        with pytest.raises(OSError):  # noqa: PT011 - which one it is depends on the moment
            InheritedMemory(gone.pid, os.getpid())
