"""What the environment says to Python is said to the target; refwatch itself does not obey."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import REFWATCH, SUMMARY

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

INSTALLED = str(Path(sys.executable).with_name("refwatch"))
# What an interpreter that obeys would do before, or be unable to do at all.
SHADOWS = ("msgspec", "json", "socket", "refwatch_of_the_user")
SAID = {
    "PYTHONTRACEMALLOC": "5",
    "PYTHONWARNINGS": "error",
    "PYTHONDEVMODE": "1",
    "PYTHONINSPECT": "1",
    "PYTHONPROFILEIMPORTTIME": "",
    "PYTHONPATH": "of-the-user",
}
SHOW = """
import os, sys, tracemalloc
print([f"{name}={value}" for name, value in sorted(os.environ.items()) if "PYTHON" in name])
print(sys.flags, sys.warnoptions, sys.path, tracemalloc.get_traceback_limit())
"""


@pytest.mark.parametrize("command", [[INSTALLED], REFWATCH], ids=["installed", "module"])
@pytest.mark.parametrize("name", SAID)
def test_it_is_the_target_s(bench: Bench, name: str, command: list[str]) -> None:
    for shadow in SHADOWS:
        bench.write(f"of-the-user/{shadow}.py", "raise SystemExit('not this one')\n")
    script = bench.script(SHOW)
    env = {name: SAID[name]}

    plain = bench.plain(script, env=env)
    done = bench.start([*command, "--headless", script], env).end()

    assert done.lines == plain.lines
    assert (done.status, done.own_err) == (plain.status, plain.err)
    assert SUMMARY.search(done.err)


def test_a_sitecustomize_runs_once(bench: Bench) -> None:
    bench.write("of-the-user/sitecustomize.py", "print('begin', flush=True)\n")
    script = bench.script("print('the program')\n")

    done = bench.start([INSTALLED, "--headless", script], {"PYTHONPATH": "of-the-user"}).end()

    assert done.lines == ["begin", "the program"]
    assert done.status == 0


def test_it_is_found_by_a_link(bench: Bench) -> None:
    os.symlink(INSTALLED, bench.folder / "link")
    done = bench.start(["./link", "--headless", "-c", "print('the program')"]).end()
    assert (done.status, done.lines) == (0, ["the program"])
