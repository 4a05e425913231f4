"""What a script's first line names, and which words are options of Python's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refwatch.cli.interpreter import first_line, is_python_command
from refwatch.cli.python_options import refuse_shut_out, split_options

FOLDER = '"$(dirname -- "$(realpath -- "$0")")"'
FIRST_LINES = {
    "#!/a/bin/python": ["/a/bin/python"],
    "#! /a/bin/python3.13t -sE ": ["/a/bin/python3.13t", "-sE"],
    "#!\t/a/bin/python3\t-W error": ["/a/bin/python3", "-W error"],
    "#!/a/bin/python\r": ["/a/bin/python"],
    "#!/a/bin/pypy3": ["/a/bin/pypy3"],
    "#!/usr/bin/env python3": ["python3"],
    "#!/usr/bin/env -S python3.12 -u -X dev": ["python3.12", "-u", "-X", "dev"],
    "#!/bin/sh\n'''exec' /a/bin/python3 \"$0\" \"$@\"\n' '''": ["/a/bin/python3"],
    "#!/bin/sh\n'''exec' \"/a b/python\" -s \"$0\" \"$@\" #'''": ["/a b/python", "-s"],
    f"#!/bin/sh\n'''exec' {FOLDER}/'python' \"$0\" \"$@\"\n' '''": ["FOLDER/python"],
}
NOT_OF_PYTHON = {
    "#!/bin/sh\necho hello": "/bin/sh",
    "#!/usr/bin/env -S uv run --script": "uv run --script",
    "#!/usr/bin/pythonista": "/usr/bin/pythonista",
    "\x7fELF\x02": "machine program",
}


@pytest.mark.parametrize("text", FIRST_LINES)
def test_a_first_line_that_names_a_python(tmp_path: Path, text: str) -> None:
    script = tmp_path / "script"
    script.write_text(text + "\nprint()\n")
    line = first_line(str(script))
    assert line is not None
    words = [word.replace("FOLDER", str(tmp_path)) for word in FIRST_LINES[text]]
    assert [line.python, *line.options] == words


@pytest.mark.parametrize("text", NOT_OF_PYTHON)
def test_a_first_line_that_names_another_program(tmp_path: Path, text: str) -> None:
    script = tmp_path / "script"
    script.write_bytes(text.encode() + b"\n\xff\xfe")
    line = first_line(str(script))
    assert line is not None
    assert line.python is None
    assert NOT_OF_PYTHON[text] in line.program


@pytest.mark.parametrize("text", ["", "print()\n#!/bin/python", "#!\n", "\x00\x01"])
def test_no_first_line(tmp_path: Path, text: str) -> None:
    script = tmp_path / "script"
    script.write_text(text)
    line = first_line(str(script))
    assert line is None or line.python is None
    assert first_line(str(tmp_path)) is None
    assert first_line(str(tmp_path / "missing")) is None


def test_a_pipe_is_python_s_to_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert first_line(str(tmp_path / "pipe")) is None


def test_a_python_is_a_command_but_a_script_of_that_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pypy3").write_text("print()")
    (tmp_path / "python").mkdir()  # as repositories have it
    (tmp_path / "python3.12").symlink_to("/bin/sh")
    assert [
        word
        for word in (
            "python",
            "python3.13t",
            "pypy3",
            "./pypy3",
            "./python3.12",
            "./python",
            "x.py",
        )
        if is_python_command(word)
    ] == ["python", "python3.13t", "./python3.12"]


@pytest.mark.parametrize(
    ("line", "options", "rest"),
    [
        ("-X dev -u x.py -O", "-X dev -u", "x.py -O"),
        ("-Wignore -BOO -m m -c", "-Wignore -BOO", "-m m -c"),
        ("-Bcpass", "-B", "-cpass"),
        ("-um m", "-u", "-m m"),
        ("--check-hash-based-pycs never x.py", "--check-hash-based-pycs never", "x.py"),
        ("-W -m m x", "-W -m", "m x"),
        ("- -u", "", "- -u"),
        ("--help", "", "--help"),
        ("-uZ x.py", "", "-uZ x.py"),
    ],
)
def test_options_of_python(line: str, options: str, rest: str) -> None:
    assert split_options(line.split()) == (options.split(), rest.split())


@pytest.mark.parametrize("options", ["-I", "-uE", "-S -X dev", "-W x -BS"])
def test_options_that_shut_refwatch_out(options: str) -> None:
    with pytest.raises(SystemExit):
        refuse_shut_out(options.split(), "python ")


@pytest.mark.parametrize("options", ["", "-X ES", "-XE", "-W -S", "-WI -OPs", "-uWE"])
def test_options_that_do_not(options: str) -> None:
    refuse_shut_out(options.split(), "python ")
