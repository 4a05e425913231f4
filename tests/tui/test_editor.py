"""Which command opens a place, and why none can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from refwatch.tui.editor import EditorError, editing, how_it_failed


@pytest.fixture(name="programs")
def _programs(tmp_path: Path) -> Path:
    """A folder with programs that are never run."""
    folder = tmp_path / "programs"
    folder.mkdir()
    names = (
        "vim nvim nano vi emacs micro kak code codium cursor windsurf subl atom zed hx helix "
        "pycharm pycharm-community idea.sh kate gvim vim.basic odd emacsclient"
    )
    for name in names.split():
        (folder / name).write_text("")
        (folder / name).chmod(0o755)
    (folder / "editor").symlink_to(folder / "vim.basic")
    return folder


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> str:
    path = tmp_path / "shop one.py"
    path.write_text("pass\n")
    return str(path)


@pytest.mark.parametrize(
    ("editor", "arguments", "window"),
    [
        ("vim", ["+7", "FILE"], False),
        ("nvim", ["+7", "FILE"], False),
        ("nano", ["+7", "FILE"], False),
        ("micro", ["+7", "FILE"], False),
        ("kak", ["+7", "FILE"], False),
        ("emacs", ["+7", "FILE"], False),
        ("vim.basic", ["+7", "FILE"], False),
        ("editor", ["+7", "FILE"], False),
        ("vim -p", ["-p", "+7", "FILE"], False),
        ("vim -g", ["-g", "+7", "FILE"], True),
        ("gvim", ["+7", "FILE"], True),
        ("code", ["--goto", "FILE:7"], True),
        ("code -w", ["-w", "--goto", "FILE:7"], True),
        (
            "code -w --user-data-dir 'a b'",
            ["-w", "--user-data-dir", "a b", "--goto", "FILE:7"],
            True,
        ),
        ("codium", ["--goto", "FILE:7"], True),
        ("cursor", ["--goto", "FILE:7"], True),
        ("windsurf", ["--goto", "FILE:7"], True),
        ("subl", ["FILE:7"], True),
        ("atom", ["FILE:7"], True),
        ("zed", ["FILE:7"], True),
        ("hx", ["FILE:7"], False),
        ("helix", ["FILE:7"], False),
        ("pycharm", ["--line", "7", "FILE"], True),
        ("pycharm-community", ["--line", "7", "FILE"], True),
        ("idea.sh", ["--line", "7", "FILE"], True),
        ("odd --option", ["--option", "FILE"], False),
    ],
)
def test_each_editor_has_its_own_way(
    programs: Path, file: str, editor: str, arguments: list[str], window: bool
) -> None:
    command = editing(file, 7, {"EDITOR": editor, "PATH": str(programs)})
    words = [word.replace("FILE", file) for word in arguments]
    assert command.argv == (editor.split(maxsplit=1)[0], *words)
    assert command.window is window


def test_a_file_without_a_line(programs: Path, file: str) -> None:
    for editor in ("vim", "code", "hx", "pycharm"):
        assert editing(file, 0, {"EDITOR": editor, "PATH": str(programs)}).argv == (editor, file)


def test_emacs_has_a_window_where_there_is_a_display(programs: Path, file: str) -> None:
    here = {"PATH": str(programs), "DISPLAY": ":0"}
    assert editing(file, 7, {**here, "EDITOR": "emacs"}).window
    assert editing(file, 7, {**here, "EDITOR": "emacsclient -c"}).window
    assert not editing(file, 7, {**here, "EDITOR": "emacs -nw"}).window
    assert not editing(file, 7, {**here, "EDITOR": "emacsclient -t"}).window


def test_visual_comes_first_and_there_is_one_without_both(programs: Path, file: str) -> None:
    path = {"PATH": str(programs)}
    both = {**path, "VISUAL": str(programs / "nvim"), "EDITOR": "vim"}
    assert editing(file, 7, both).argv == (str(programs / "nvim"), "+7", file)
    assert editing(file, 7, {**path, "VISUAL": " ", "EDITOR": "vim"}).name == "vim"
    assert editing(file, 7, path).argv == ("nano", "+7", file)
    (programs / "nano").unlink()
    assert editing(file, 7, path).argv == ("vi", "+7", file)
    (programs / "vi").unlink()
    with pytest.raises(EditorError, match=r"set \$EDITOR"):
        editing(file, 7, path)


@pytest.mark.parametrize("editor", ["vim 'a", "''x'"])
def test_what_is_no_command(programs: Path, file: str, editor: str) -> None:
    with pytest.raises(EditorError, match=r"\$EDITOR is no command"):
        editing(file, 7, {"EDITOR": editor, "PATH": str(programs)})


def test_an_editor_that_is_not_there(programs: Path, file: str) -> None:
    with pytest.raises(EditorError, match=r"The editor vimm was not found: \$VISUAL names it\."):
        editing(file, 7, {"VISUAL": "vimm", "PATH": str(programs)})


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("<string>", "<string> is no file"),
        ("<frozen importlib._bootstrap>", "is no file"),
        ("<garbage collector>", "is no file"),
        ("/nowhere/shop.py", "shop.py is not here: /nowhere/shop.py"),
        ("/nowhere/\x1b[2Jx.py", r"\[2Jx\.py is not here"),
        ("/a\0b", "is not here"),
        ("shop.py", "The folder of shop.py is not known"),
        ("/dev/null", "null is no regular file"),
    ],
)
def test_what_cannot_be_opened(programs: Path, file: str, said: str) -> None:
    with pytest.raises(EditorError, match=said) as raised:
        editing(file, 1, {"EDITOR": "vim", "PATH": str(programs)})
    assert str(raised.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(programs: Path, file: str) -> None:
    os.chmod(file, 0)
    with pytest.raises(EditorError, match="cannot be read"):
        editing(file, 1, {"EDITOR": "vim", "PATH": str(programs)})


def test_how_it_ended() -> None:
    assert how_it_failed("vim", 0) == ""
    assert how_it_failed("vim", 3) == "vim ended with exit status 3."
    assert how_it_failed("vim", -9) == "vim was ended by SIGKILL."
    assert how_it_failed("vim", -99) == "vim was ended by signal 99."
