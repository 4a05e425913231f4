"""The end of a process, and its exit status, whoever waits for it first."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from tests.e2e.conftest import until

from refwatch.target.exit_status import ProcessHandle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux's /proc")
RELEASE = tuple(map(int, subprocess.check_output(["uname", "-r"], text=True).split(".")[:2]))
KEEPS_STATUS = RELEASE >= (6, 15)


def started(code: str) -> tuple[subprocess.Popen[bytes], ProcessHandle]:
    process = subprocess.Popen(["/bin/sh", "-c", f"read x; {code}"], stdin=subprocess.PIPE)
    return process, ProcessHandle(process.pid)


@pytest.mark.parametrize(("code", "status"), [("exit 7", 7), ("true", 0), ("kill -9 $$", 137)])
def test_of_a_zombie(code: str, status: int) -> None:
    process, handle = started(code)
    assert not handle.ended()
    assert process.stdin is not None
    process.stdin.close()
    until(handle.ended, "the end")
    assert handle.exit_code() == status
    process.wait()
    assert handle.exit_code() == status
    handle.close()
    handle.close()


def test_of_one_that_was_waited_for() -> None:
    process, handle = started("exit 9")
    process.communicate(b"\n")
    assert handle.ended()
    assert handle.exit_code() == (9 if KEEPS_STATUS else None)
    handle.close()


def test_a_process_that_is_gone_already() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    handle = ProcessHandle(process.pid)
    assert handle.ended()
    assert handle.exit_code() is None
    handle.close()


def test_one_that_is_killed() -> None:
    process, handle = started("exit 0")
    process.send_signal(signal.SIGTERM)
    until(handle.ended, "the end")
    assert handle.exit_code() == 128 + signal.SIGTERM
    process.communicate()
    handle.close()
