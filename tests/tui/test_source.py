"""The text of source lines: of files that may be anything."""

from __future__ import annotations

import os
from pathlib import Path

from refwatch.tui.source import MOST_CHARACTERS, source_line, source_lines


def test_a_range_of_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def f():\n\treturn 1  \n\n\nlast\n")
    assert source_lines(str(file), 1, 2) == ("def f():", "    return 1")
    assert source_lines(str(file), 4, 99) == ("", "last")
    assert source_lines(str(file), -3, 1) == ("def f():",)
    assert source_lines(str(file), 9, 12) == ()
    assert source_line(str(file), 2) == "return 1"
    assert source_line(str(file), 0) == ""


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("one\n")
    assert source_lines(str(file), 1, 1) == ("one",)
    file.write_text("another\n")
    assert source_lines(str(file), 1, 1) == ("another",)


def test_what_is_no_source(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (str(pipe), str(binary), str(tmp_path), "relative.py", "<string>", "/no\x00where"):
        assert source_lines(file, 1, 10) == ()


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x" * 10_000)
    assert len(source_lines(str(file), 1, 1)[0]) == MOST_CHARACTERS
