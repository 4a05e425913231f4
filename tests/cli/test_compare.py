"""``refwatch compare``: what is printed, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sample_events import target_started

from refwatch.cli.main import _command
from refwatch.export.snapshot import write_snapshot
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two snapshots, of one second and of three, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for name, seconds in (("before", 1.0), ("after", 3.0)):
        state = State()
        state.apply(target_started(argv=("/py", "job.py")))
        state.apply(ev.TargetExited(at=seconds, process=MAIN, exit_code=0))
        write_snapshot(state, f"{name}.json")
    return tmp_path


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Obeys a command line; returns its status and what it wrote."""

    def obey(*words: str) -> tuple[int, str, str]:
        try:
            status = _command(list(words), linked=False)
        except SystemExit as done:
            status = int(done.code or 0)
        sys.stdout.flush()
        return (status, *capfd.readouterr())

    return obey


@pytest.mark.usefixtures("files")
def test_a_table(command: Command) -> None:
    status, out, err = command("compare", "before.json", "after.json")

    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["before", "after"]
    assert "wall time" in lines[2]
    assert lines[2].endswith("3.00 s (3 times)")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("line", ["--json {}", "{} --json", "--json -- {}"])
def test_json(command: Command, line: str) -> None:
    words = line.format("before.json after.json").split()

    status, out, err = command("compare", *words)

    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["schema"] == "refwatch.comparison/1"
    assert [one["name"] for one in found["columns"]] == ["before", "after"]
    wall = next(row for row in found["rows"] if row["key"] == "wall_s")
    assert [(one["value"], one["ratio"]) for one in wall["cells"]] == [(1.0, None), (3.0, 3.0)]
    rss = next(row for row in found["rows"] if row["key"] == "rss")
    assert [one["value"] for one in rss["cells"]] == [None, None]


def test_help(command: Command) -> None:
    status, out, err = command("compare", "--help")
    assert (status, err) == (0, "")
    assert out.startswith("Usage: refwatch compare ")


REFUSED = {
    "": "compare takes two FILEs or more",
    "before.json": "compare takes two FILEs or more",
    "--json before.json": "compare takes two FILEs or more",
    "before.json missing.json": "cannot read 'missing.json': No such file or directory",
    "before.json .": "cannot read '.': Is a directory",
    "before.json after.json --jason": "no such option: --jason; did you mean --json?",
    "before.json after.json --json=1": "--json takes no value",
    "before.json -- --json": "cannot read '--json': No such file or directory",
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("line", REFUSED)
def test_what_is_refused(command: Command, line: str) -> None:
    status, out, err = command("compare", *line.split())

    assert (status, out) == (2, "")
    assert err.startswith(f"refwatch: {REFUSED[line]}")
    assert err.count("\n") == 1
