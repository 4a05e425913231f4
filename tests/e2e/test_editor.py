"""An editor in the terminal of the UI: it has the terminal to itself, and gives it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Terminal

    Open = Callable[..., Terminal]
    Wait = Callable[[Callable[[], object], str], None]

TALKER = """
import os, time
while not os.path.exists("go"):
    print("talker.py:3: it talks")
    with open("spoken", "ab") as file:
        file.write(b".")
    time.sleep(0.01)
"""
# As an editor does: a screen of its own, modes of its own, of which it leaves some behind.
EDITOR = """#!/bin/sh
printf '\\033[2J\\033[H'
echo "editing $1 of $2"
read line
echo "$line" > written
[ "$line" = fail ] && exit 4
stty raw -echo
"""


def test_an_editor_has_the_terminal_to_itself(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    editor = bench.write("vim", EDITOR)
    editor.chmod(0o755)
    bench.environment["EDITOR"] = str(editor)
    bench.environment.pop("VISUAL", None)
    terminal = open_terminal(bench.script(TALKER, "talker.py"))
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("it talks")

    terminal.press("e")
    terminal.wait("editing +3", "talker.py")
    heard, spoken = len(terminal.heard), (bench.folder / "spoken").stat().st_size
    wait_until(lambda: (bench.folder / "spoken").stat().st_size > spoken + 100, "more output")
    terminal.read()
    assert terminal.heard[heard:] == ""
    assert not terminal.screen.alternate
    terminal.press("saved\r")
    terminal.wait("4 Output", "it talks")
    assert not terminal.shows("editing +")

    bench.write("go", "")
    terminal.wait("finished")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.restored


def test_an_editor_that_fails_is_told(bench: Bench, open_terminal: Open) -> None:
    editor = bench.write("nano", EDITOR)
    editor.chmod(0o755)
    bench.environment["VISUAL"] = str(editor)
    terminal = open_terminal(bench.script(TALKER, "talker.py"))
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("it talks")
    terminal.press("e")
    terminal.wait("editing +")
    terminal.press("fail\r")
    terminal.wait("nano ended with exit status 4")
    assert (bench.folder / "written").read_text() == "fail\n"
    terminal.press("e")
    terminal.wait("editing +")
    terminal.press("\x03")  # for the editor, not for the UI
    terminal.wait("nano was ended by SIGINT")

    bench.write("go", "")
    terminal.wait("finished")
    terminal.press("q")
    assert terminal.end() == 0
    assert terminal.restored
