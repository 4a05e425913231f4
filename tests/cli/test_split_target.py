"""Where refwatch's own options end and the target's arguments begin."""

from __future__ import annotations

import pytest

from refwatch.cli.main import split_target

LINES = {
    "x.py": "run x.py",
    "x.py -o out --headless": "run x.py -o out --headless",
    "--headless x.py a b": "run --headless x.py a b",
    "run x.py": "run x.py",
    "run --rate 50 x.py -m": "run --rate 50 x.py -m",
    "-m json.tool": "run -m json.tool --",
    "-m json.tool --sort-keys": "run -m json.tool -- --sort-keys",
    "-mjson.tool -x": "run -mjson.tool -- -x",
    "-o out -m json.tool -o y": "run -o out -m json.tool -- -o y",
    "-c pass -c": "run -c pass -- -c",
    "-cpass -m x": "run -cpass -- -m x",
    "run -c pass --help": "run -c pass -- --help",
    "--output=out -c pass": "run --output=out -c pass --",
    "-oout x.py": "run -oout x.py",
    "-o -m x.py": "run -o -m x.py",
    "--python python3.12 -m m x": "run --python python3.12 -m m -- x",
    "--duration 3 --record r x.py -- y": "run --duration 3 --record r x.py -- y",
    "--alloc exact --frames 3 -m m -x": "run --alloc exact --frames 3 -m m -- -x",
    "--alloc-budget 1 -c pass -x": "run --alloc-budget 1 -c pass -- -x",
    "-- x.py -m": "run -- x.py -m",
    "-- -x.py": "run -- -x.py",
    "-": "run -",
    "-X dev x.py": "run --python-option=-X --python-option=dev x.py",
    "-Xdev -o out x.py": "run --python-option=-Xdev -o out x.py",
    "--headless -OO -W error x.py -W": (
        "run --headless --python-option=-OO --python-option=-W --python-option=error x.py -W"
    ),
    "-uBm m -c": "run --python-option=-uB -m m -- -c",
    "-Xa -mm x": "run --python-option=-Xa -mm -- x",
    "-I x.py": "run --python-option=-I x.py",
    "-W": "run --python-option=-W",
    "-k x.py": "run -k x.py",
    "-uk x.py": "run -uk x.py",
    "python -X dev x.py": "run python -X dev x.py",
    "-o -X x.py": "run -o -X x.py",
    "x.py run": "run x.py run",
    "./run": "run ./run",
    "run run": "run run",
    "run replay": "run replay",
    "-m": "run -m",
    "-c": "run -c",
    "-m m -- x": "run -m m -- -- x",
    "replay file": "replay file",
    "replay": "replay",
    "doctor --python x": "doctor --python x",
    "--help": "--help",
    "-h": "-h",
    "--version": "--version",
    "--headless --help": "run --headless --help",
    "": "--help",
}


@pytest.mark.parametrize("line", LINES)
def test_a_command_line(line: str) -> None:
    assert split_target(line.split()) == LINES[line].split()


def test_empty_and_spaced_arguments_stay_as_they_are() -> None:
    assert split_target(["-c", "", "", "a b"]) == ["run", "-c", "", "--", "", "a b"]
    assert split_target(["x.py", "", "-m"]) == ["run", "x.py", "", "-m"]
