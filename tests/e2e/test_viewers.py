"""Several viewers of one session: coming back to it, a bound on how many, and on what they send."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.e2e.references import watching

from refwatch.daemon.daemon import MOST_VIEWERS
from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.wire.codec import LineReader
from refwatch.wire.commands import FindChains, WriteSnapshot

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Terminal

    Open = Callable[..., Terminal]

WAITER = """
import sys, time
from pathlib import Path
print("the target is ready", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
sys.exit(3)
"""


def viewer_socket(bench: Bench) -> str:
    (path,) = bench.runtime.glob("refwatch/*/viewer.sock")
    return str(path)


def connected(path: str) -> socket.socket:
    viewer = socket.socket(socket.AF_UNIX)
    viewer.settimeout(40)
    viewer.connect(path)
    return viewer


def heard(viewer: socket.socket, met: Callable[[ev.Event], bool]) -> ev.Event:
    """The first event that is so."""
    lines = LineReader(event_decoder())
    while data := viewer.recv(1 << 16):
        for event in lines.feed(data):
            if met(event):
                return event
    raise AssertionError("the daemon has closed")


def test_who_has_left_is_told_what_was_seen_and_comes_back(
    bench: Bench, open_terminal: Open
) -> None:
    terminal = open_terminal(bench.script(WAITER, "kept.py"))
    terminal.wait("running")
    terminal.press("q")
    terminal.wait("still running, pid", "Keep running", "Stop program", "Cancel")
    terminal.press("k")
    assert terminal.end() == 0
    assert terminal.restored
    after = terminal.heard.rpartition("\x1b")[2]
    assert "verdict  " in after
    assert "memory  " in after
    (name,) = (path.name for path in bench.sessions())
    assert f"refwatch attach {name} shows it again" in after.replace("\r\n", "")

    for words in (["attach"], ["attach", name], ["attach", "kept"]):
        again = open_terminal(*words)
        again.wait("running", "kept.py")
        again.press("q")
        again.wait("still running")
        again.press("k")
        assert again.end() == 0
        assert again.restored
    last = open_terminal("attach")
    last.wait("running")
    last.press("q")
    last.wait("still running")
    last.press("s")
    assert last.end() == 0
    assert "was asked to end" in last.heard


def test_the_summary_of_a_program_that_has_ended(bench: Bench, open_terminal: Open) -> None:
    terminal = open_terminal(bench.script(WAITER))
    terminal.wait("running")
    (bench.folder / "go").touch()
    terminal.wait("finished, exit 3")
    terminal.press("q")
    assert terminal.end() == 3
    after = terminal.heard.rpartition("\x1b")[2]
    assert "finished, exit 3" in after
    assert after.count("verdict  ") == 1


def test_nothing_to_attach_to(bench: Bench, open_terminal: Open) -> None:
    terminal = open_terminal("attach", "nobody")
    assert terminal.end() == 2
    assert "there is no session to attach to" in terminal.heard
    done = bench.refwatch("attach")
    assert done.status == 2
    assert b"needs a terminal" in done.err


def test_more_viewers_than_are_served(bench: Bench, open_terminal: Open) -> None:
    running = bench.start_watched(bench.script(WAITER))
    assert running.line() == "the target is ready"
    path = viewer_socket(bench)
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_VIEWERS):
            viewer = stack.enter_context(connected(path))
            heard(viewer, lambda event: isinstance(event, ev.Checkpoint))
        for _ in range(3):
            more = stack.enter_context(connected(path))
            heard(more, lambda event: isinstance(event, ev.ViewerRefused))
            assert more.recv(1) == b""
        terminal = open_terminal("attach")
        assert terminal.end() == 1
        assert terminal.restored
        assert f"there are {MOST_VIEWERS} viewers already" in terminal.heard
    (bench.folder / "go").touch()
    assert running.ended().status == 3


def test_a_viewer_whose_line_never_ends(bench: Bench) -> None:
    running = bench.start_watched(bench.script(WAITER))
    assert running.line() == "the target is ready"
    path = viewer_socket(bench)
    with connected(path) as other, connected(path) as endless:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(1000):
                endless.sendall(b"x" * (1 << 20))
            raise AssertionError("the daemon takes a line without end")
        told = heard(other, lambda event: isinstance(event, ev.Noted) and "let go" in event.text)
        assert "more than 32 MiB" in str(told)
    (bench.folder / "go").touch()
    assert running.ended().status == 3


def test_what_is_asked_before_the_interpreter_has_begun_waits_for_it(bench: Bench) -> None:
    begin = f'#!/bin/sh\n[ "$1" = -c ] || read line\nexec {sys.executable} "$@"\n'
    bench.write("late", begin).chmod(0o755)
    script = bench.script("import sys\nsys.stdin.readline()\n")
    with watching(bench, "--python", bench.folder / "late", script) as session:
        session.wait(lambda _: session.state.main is not None, "the target")
        session.ask(FindChains(work="early", module="builtins", name="function"))
        session.ask(WriteSnapshot(path="answered.json"))
        session.wait(lambda _: (bench.folder / "answered.json").exists(), "the snapshot")
        session.go()
        session.wait(lambda known: ("builtins", "function") in known.chains, "the chains")
        session.go()
        session.end()
