"""What the commands say of themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refwatch import __version__

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench


def test_the_version(bench: Bench) -> None:
    done = bench.refwatch("--version")
    assert (done.status, done.out.decode().strip()) == (0, f"refwatch {__version__}")


@pytest.mark.parametrize(
    "words", [["--help"], ["-h"], [], *([one, "--help"] for one in ("run", "replay", "compare"))]
)
def test_help(bench: Bench, words: list[str]) -> None:
    done = bench.refwatch(*words)
    assert done.status == 0
    assert b"Usage: refwatch" in done.out
    assert done.err == b""
    if words[:1] == ["run"]:
        for option in ("--headless", "--output", "--record", "--rate", "--duration", "--python"):
            assert option in done.out.decode()


def test_doctor(bench: Bench) -> None:
    done = bench.refwatch("doctor")

    first, *rows = done.lines
    assert first.startswith(f"refwatch {__version__} on Linux")
    assert {row[:5] for row in rows} <= {"  yes", "  no "}
    names = {row[7:29].strip(): row[2:5].strip() for row in rows}
    for reading in ("interpreter", "outside", "thread states", "GIL", "stacks", "thread names"):
        assert names[reading] == "yes", done
    assert names["terminal UI"] == "no"
    assert all(row[30:].strip() for row in rows)
    assert (done.status, done.err) == (0, b"")


def pythons() -> list[Path]:
    """Other interpreters of this machine that can be watched."""
    found = sorted(Path.home().glob(".pyenv/versions/3.1[1-9]*/bin/python3"))
    found += [Path(path) for path in os.environ.get("REFWATCH_TEST_PYTHONS", "").split()]
    return found


@pytest.mark.parametrize("python", pythons(), ids=lambda path: path.parent.parent.name)
def test_another_interpreter(bench: Bench, python: Path) -> None:
    """It needs nothing of refwatch's own environment."""
    script = bench.script("""
        import sys, time
        print(sys.version.split()[0], sys.prefix, "msgspec" in sys.modules)
        time.sleep(0.3)
        """)
    plain = bench.start([python, script]).end()
    done = bench.watched("--python", python, "-o", "snapshot.json", script)

    assert (done.status, done.out, done.own_err) == (0, plain.out, b"")
    snapshot = bench.read_snapshot()
    assert snapshot.target.python == done.out.decode().split()[0]
    assert snapshot.target.executable == str(python)
    assert snapshot.sampling.method == "outside"
    readings = {limit.reading for limit in snapshot.limits}
    assert not readings & {"interpreter", "GIL", "stacks", "thread states", "outside reading"}


def test_no_terminal_means_headless(bench: Bench) -> None:
    done = bench.refwatch("-c", "print('no panel')")
    assert done.out == b"no panel\n"
    assert done.summary


def test_an_explicit_run(bench: Bench) -> None:
    script = bench.script("import sys; print(sys.argv)", "run")
    assert bench.refwatch("run", "--headless", script, "run").lines == ["['run', 'run']"]
    assert bench.refwatch("--headless", script, "replay").lines == ["['run', 'replay']"]
    assert bench.refwatch("run", "--", script, "--", "-x").lines == ["['run', '--', '-x']"]


def test_the_summary(bench: Bench) -> None:
    done = bench.watched(bench.script("import time; time.sleep(0.4); raise SystemExit(3)"))
    lines = done.summary.splitlines()
    assert 3 <= len(lines) <= 9
    assert lines[0].startswith("target   ")
    assert "target.py · finished, exit 3 · " in lines[0]
    assert lines[1].startswith("verdict  ")
    assert any("MainThread" in line and "sleep" in line for line in lines)
    assert any(line.startswith("cost     ") for line in lines)
