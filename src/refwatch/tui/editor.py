"""The editor that opens a place in a file: its arguments, and whether it needs this terminal."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from refwatch.text.sanitize import printable

VARIABLES = ("VISUAL", "EDITOR")
USUAL = ("nano", "vi")
"""Where neither variable is set."""
PLUS_LINE = frozenset({
    "vi", "vim", "view", "vimx", "nvi", "nvim", "elvis", "ex", "gvim", "gview", "mvim", "nano",
    "rnano", "pico", "emacs", "emacsclient", "micro", "kak", "joe", "jmacs", "jpico", "mg", "ne",
    "jed", "zile", "gedit", "mousepad", "pluma", "xed", "geany",
})  # fmt: skip
"""``+LINE FILE``"""
GOTO = frozenset({"code", "codium", "vscodium", "cursor", "windsurf"})
"""``--goto FILE:LINE``"""
COLON = frozenset({"subl", "sublime_text", "atom", "zed", "zeditor", "hx", "helix"})
"""``FILE:LINE``"""
LINE_OPTION = frozenset({"pycharm", "charm", "idea", "webstorm", "clion", "goland", "kate"})
"""``--line LINE FILE``"""
WINDOWS = frozenset({
    *GOTO, *LINE_OPTION, "subl", "sublime_text", "atom", "zed", "zeditor", "gvim", "gview", "mvim",
    "gedit", "mousepad", "pluma", "xed", "geany", "nvim-qt",
})  # fmt: skip
"""They have a window of their own: the UI stays as it is."""
IN_TERMINAL = frozenset({"-nw", "--no-window-system", "-t", "-tty", "--tty"})
"""With one of these Emacs has none."""
EMACS = frozenset({"emacs", "emacsclient"})
LOOK_S = 0.03


class EditorError(Exception):
    """Why a place cannot be opened, in a sentence."""


@dataclass(frozen=True)
class Editing:
    """A command that opens a place. ``window``: beside this terminal."""

    name: str
    argv: tuple[str, ...]
    window: bool


def editing(file: str, line: int, environment: Mapping[str, str]) -> Editing:
    """The command that opens a file at a line, or where line is 0 anywhere."""
    _check(file)
    words, variable = _chosen(environment)
    program = shutil.which(words[0], path=environment.get("PATH"))
    name = printable(os.path.basename(words[0]))
    if program is None:
        raise EditorError(f"The editor {name} was not found: ${variable} names it.")
    kind = _kind(words[0])
    if not _known(kind):
        kind = _kind(os.path.realpath(program))  # "editor" is a link to one
    window = kind in WINDOWS or os.path.basename(words[0]) in WINDOWS
    if kind in EMACS and not IN_TERMINAL.intersection(words):
        window = bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    if kind.endswith("vim") and "-g" in words[1:]:
        window = True
    return Editing(name, (*words, *_arguments(kind, file, line)), window)


def _arguments(kind: str, file: str, line: int) -> tuple[str, ...]:
    if line <= 0:
        return (file,)
    if kind in PLUS_LINE:
        return (f"+{line}", file)
    if kind in GOTO:
        return ("--goto", f"{file}:{line}")
    if kind in COLON:
        return (f"{file}:{line}",)
    if kind in LINE_OPTION:
        return ("--line", str(line), file)
    return (file,)


def _known(kind: str) -> bool:
    return any(kind in kinds for kinds in (PLUS_LINE, GOTO, COLON, LINE_OPTION))


def _kind(command: str) -> str:
    """``vim`` of ``/usr/bin/vim.basic``, ``pycharm`` of ``pycharm-community``."""
    found = re.match(r"[a-z_]+", os.path.basename(command).lower())
    return found.group() if found else ""


def _chosen(environment: Mapping[str, str]) -> tuple[list[str], str]:
    """(the editor and its arguments, the variable that names it)"""
    for variable in VARIABLES:
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if not words:
            raise EditorError(f"${variable} is no command: {printable(text)}")
        return words, variable
    for name in USUAL:
        if shutil.which(name, path=environment.get("PATH")):
            return [name], "PATH"
    raise EditorError("No editor is known: set $EDITOR to one, as in EDITOR=vim.")


def _check(file: str) -> None:
    """Raise why this file cannot be opened."""
    name = printable(os.path.basename(file))
    if file.startswith("<"):
        raise EditorError(f"{printable(file)} is no file: there is no source to open.")
    if not os.path.isabs(file):
        raise EditorError(f"The folder of {printable(file)} is not known.")
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):
        raise EditorError(f"{name} is not here: {printable(file)}") from None
    if not stat.S_ISREG(mode):
        raise EditorError(f"{name} is no regular file: {printable(file)}")
    if not os.access(file, os.R_OK):
        raise EditorError(f"{name} cannot be read: {printable(file)}")


def how_it_failed(name: str, code: int) -> str:
    """A sentence about an editor's exit status; empty where that is 0."""
    if not code:
        return ""
    if code > 0:
        return f"{name} ended with exit status {code}."
    with suppress(ValueError):
        return f"{name} was ended by {signal.Signals(-code).name}."
    return f"{name} was ended by signal {-code}."


async def run_in_terminal(argv: tuple[str, ...]) -> int:
    """Give the terminal to an editor until it ends; return its status. The loop goes on meanwhile:
    a viewer that does not read is cut off by the daemon."""
    with _terminal_kept():
        return await ended(subprocess.Popen(argv))


def start_window(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start an editor that has a window, so that it stays when refwatch is left."""
    null = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, start_new_session=True)


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for its exit status."""
    try:
        while (code := process.poll()) is None:
            await asyncio.sleep(LOOK_S)
    finally:
        if process.returncode is None:
            process.returncode = 0  # it stays when refwatch is left, and nobody waits for it
    return code


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Put the terminal's modes back, however the editor leaves them. ctrl+c and ctrl+\\ there are
    for the editor: a handler, other than SIG_IGN, is not handed down to it."""
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    modes = None
    with suppress(termios.error):
        modes = termios.tcgetattr(0)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        if modes is not None:
            with suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, modes)
