"""Exit statuses as a shell has them, and what the target is started with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from refwatch.daemon.launcher import shell_status
from refwatch.daemon.target import TargetError, TargetSpec, check_interpreter


@pytest.mark.parametrize("code", [0, 1, 3, 130, 255])
def test_a_status_stays(code: int) -> None:
    assert shell_status(code << 8) == code


@pytest.mark.parametrize("number", [1, 2, 9, 11, 15, 64])
def test_a_signal_is_128_and_its_number(number: int) -> None:
    assert shell_status(number) == 128 + number
    assert shell_status(number | 0x80) == 128 + number  # with a core dump


@pytest.mark.parametrize("code", ["exit 7", "kill -9 $$", "kill -TERM $$"])
def test_as_the_shell_says_it(code: str) -> None:
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", code], os.environ)
    said = subprocess.run(["sh", "-c", f"(sh -c '{code}'); exit $?"], check=False).returncode
    assert shell_status(os.waitpid(pid, 0)[1]) == said


@pytest.mark.parametrize("path", [None, "", "mine", "mine:", ":"])
def test_its_environment_says_what_the_probe_must_undo(
    path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME", "thing")
    if path is None:
        monkeypatch.delenv("PYTHONPATH", raising=False)
    else:
        monkeypatch.setenv("PYTHONPATH", path)

    environment = TargetSpec(sys.executable, ["x.py"], "x").environment(77, "/run/probe.sock")

    assert environment["REFWATCH_PROBE"] == f"77:{os.getpid()}:/run/probe.sock"
    assert environment.get("REFWATCH_PYTHONPATH") == path
    first, *rest = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "sitecustomize.py").is_file()
    assert rest == (path.split(os.pathsep) if path else [])
    added = {"REFWATCH_PROBE", "REFWATCH_CHILDREN", "REFWATCH_PYTHONPATH", "PYTHONPATH"}
    assert {k: v for k, v in environment.items() if k not in added} == {
        k: v for k, v in os.environ.items() if k not in added
    }


def test_an_interpreter_of_ours_will_do() -> None:
    check_interpreter(sys.executable)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("echo CPython 3 10", "is CPython 3.10; refwatch needs 3.11 or newer"),
        ("echo CPython 2 7", "is CPython 2.7"),
        ("echo PyPy 3 11", "is PyPy"),
        ("echo CPython 3 12; exit 1", "does not answer"),
        ("echo", "does not answer"),
        ("echo CPython three 12", "does not answer"),
        ("echo Traceback >&2; exit 1", "does not answer"),
    ],
)
def test_an_interpreter_that_will_not_do(tmp_path: Path, says: str, reason: str) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{says}\n")
    fake.chmod(0o755)

    with pytest.raises(TargetError, match=reason):
        check_interpreter(str(fake))


def test_an_interpreter_that_cannot_be_run(tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.write_bytes(b"\x7fELF noise")
    noise.chmod(0o755)
    for path in (noise, tmp_path, tmp_path / "missing"):
        with pytest.raises(TargetError):
            check_interpreter(str(path))


REAPS = """
import os
from refwatch.daemon.launcher import reap_copies

def ended(code):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid

copy = ended(0)
reap_copies()
try:
    os.waitpid(copy, 0)
except ChildProcessError:
    print("the copy is gone")
target = ended(7)
reap_copies(target)
print(os.waitstatus_to_exitcode(os.waitpid(target, 0)[1]))
reap_copies(target)
"""


def test_a_target_that_ends_while_copies_are_waited_for_keeps_its_status() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REAPS], capture_output=True, text=True, check=False
    )
    assert (done.stdout.splitlines(), done.stderr) == (["the copy is gone", "7"], "")
