"""The UI in a real terminal: what is on the screen, what keys do, and how it is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refwatch.readings.threads.states import ThreadState

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Reader, Terminal

    Open = Callable[..., Terminal]
    Wait = Callable[[Callable[[], object], str], None]

# Asks for a name, then for the file "go", and leaves a file at its end.
TARGET = """
import os, sys, threading, time
end = threading.Event()
threading.Thread(target=end.wait, name="quiet-worker", daemon=True).start()
print("hello from the target")
name = input("name? ")
print("your name is", name)
while not os.path.exists("go"):
    time.sleep(0.01)
with open("half", "w") as file:
    file.write(name)
os.rename("half", "ended")
sys.exit(3)
"""
WAITER = """
import os, sys, time
print("the target is ready")
while not os.path.exists("go"):
    time.sleep(0.01)
with open("half", "w") as file:
    file.write(f"{os.isatty(1)}")
os.rename("half", "ended")
sys.exit(3)
"""


def end_of(bench: Bench) -> Path:
    """The file that the target writes at its end."""
    return bench.folder / "ended"


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (40, 120)])
def test_a_session(
    bench: Bench, open_terminal: Open, reader: Callable[..., Reader], rows: int, columns: int
) -> None:
    terminal = open_terminal(bench.script(TARGET, "looked_at.py"), rows=rows, columns=columns)

    terminal.wait("refwatch", "looked_at.py", "running", "Overview")
    assert terminal.screen.alternate
    terminal.press("3")
    terminal.wait("quiet-worker", "MainThread")
    terminal.press("4")
    terminal.wait("hello from the target", "name?")
    terminal.press("\r")
    terminal.wait("TYPING")
    terminal.press("Ada q 2 s\r")
    terminal.wait("your name is Ada q 2 s")
    terminal.press("\x1d")
    terminal.wait("enter: type to it")
    terminal.press("s")
    terminal.wait("Snapshot written")
    (written,) = bench.folder.glob("refwatch-*.json")
    seen = reader(bench.read_snapshot(written.name))
    assert seen.thread("quiet-worker").states[ThreadState.LOCK_WAIT] > 0
    assert seen.snapshot.target.exit_code is None

    (bench.folder / "go").touch()
    terminal.wait("finished, exit 3")
    terminal.press("q")

    assert terminal.end() == 3
    assert terminal.restored  # the main screen too: its mode is off
    assert end_of(bench).read_text() == "Ada q 2 s"


def test_its_keys(bench: Bench, open_terminal: Open) -> None:
    terminal = open_terminal(bench.script(WAITER))
    terminal.wait("running")

    terminal.press("3")
    terminal.wait("MainThread: where its time goes")  # the row is chosen
    terminal.press("\r")
    terminal.wait("─ States ─")
    terminal.press("\x1b")
    terminal.wait_gone("─ States ─")
    terminal.press(" ")
    terminal.wait("PAUSED")
    terminal.press(" ")
    terminal.wait_gone("PAUSED")
    terminal.press("?")
    terminal.wait("Everywhere")
    terminal.press("\x1b")
    terminal.wait_gone("Everywhere")
    terminal.press("q")
    terminal.wait("still running")
    terminal.press("\x1b")
    terminal.wait_gone("still running")
    terminal.press("q")
    terminal.wait("still running")
    terminal.press("e")

    assert terminal.end() == 143
    assert terminal.restored
    assert not end_of(bench).exists()


def test_it_is_left_and_the_target_ends(bench: Bench, open_terminal: Open) -> None:
    terminal = open_terminal("-o", "snapshot.json", bench.script(WAITER))
    terminal.wait("running")

    terminal.press("q")
    terminal.wait("still running")
    terminal.press("e")

    assert terminal.end() == 143
    assert terminal.restored
    assert bench.read_snapshot().target.exit_code == 143


@pytest.mark.slow
def test_a_target_that_does_not_end_politely(bench: Bench, open_terminal: Open) -> None:
    script = bench.script("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITER)
    terminal = open_terminal(script)
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("the target is ready")
    terminal.press("q")
    terminal.wait("still running")
    terminal.press("e")

    assert terminal.end() == 137


def test_it_is_left_and_the_target_goes_on(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    terminal = open_terminal("-o", "snapshot.json", bench.script(WAITER))
    terminal.wait("running")

    terminal.press("q")
    terminal.wait("still running")
    terminal.press("g")
    assert terminal.end() == 0
    assert terminal.restored
    assert "goes on" in terminal.heard
    assert not end_of(bench).exists()

    (bench.folder / "go").touch()
    wait_until(end_of(bench).exists, "the target's end")
    wait_until((bench.folder / "snapshot.json").exists, "the snapshot")
    assert bench.read_snapshot().target.exit_code == 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM])
def test_the_viewer_is_killed(
    bench: Bench, open_terminal: Open, wait_until: Wait, number: signal.Signals
) -> None:
    terminal = open_terminal(bench.script(WAITER))
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("the target is ready")

    os.kill(terminal.pid, number)
    terminal.end()

    (bench.folder / "go").touch()
    wait_until(end_of(bench).exists, "the target's end")
    assert end_of(bench).read_text() == "True"


def test_the_daemon_is_killed(bench: Bench, open_terminal: Open, wait_until: Wait) -> None:
    terminal = open_terminal(bench.script(WAITER))
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("the target is ready")

    os.kill(bench.daemon_of(terminal.pid), signal.SIGKILL)
    terminal.wait("daemon gone")
    terminal.press("s")
    terminal.wait("the daemon is gone")
    (bench.folder / "go").touch()
    wait_until(end_of(bench).exists, "the target's end")
    terminal.press("q")

    assert terminal.end() == 3
    assert terminal.restored
    bench.watched("-c", "pass")  # tidies up


def test_the_target_is_over_before_the_screen(open_terminal: Open) -> None:
    terminal = open_terminal("-c", "print('quick'); raise SystemExit(5)")
    terminal.wait("finished, exit 5")
    terminal.press("4")
    terminal.wait("quick")
    terminal.press("q")
    assert terminal.end() == 5
    assert terminal.restored


def test_keys_that_are_signals_go_to_the_target(bench: Bench, open_terminal: Open) -> None:
    """Typed in the Output panel, Ctrl-C interrupts the target and Ctrl-D ends its input."""
    script = bench.script("""
        import signal, sys
        print("dispositions", *(signal.getsignal(n) is d for n, d in (
            (signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL),
            (signal.SIGQUIT, signal.SIG_DFL), (signal.SIGCHLD, signal.SIG_DFL))))
        print("mask", signal.pthread_sigmask(signal.SIG_BLOCK, []))
        try:
            input("interrupt me ")
        except KeyboardInterrupt:
            print("interrupted")
        print("the rest:", repr(sys.stdin.read()))
        """)
    terminal = open_terminal(script)
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("interrupt me", "dispositions True True True True", "mask set()")
    terminal.press("\r")
    terminal.wait("TYPING")
    terminal.press("\x03")
    terminal.wait("interrupted")
    terminal.press("line\r\x04")
    terminal.wait(r"the rest: 'line\n'", "finished, exit 0")
    terminal.press("q")
    assert terminal.end() == 0


def test_the_target_s_terminal_follows_the_size(bench: Bench, open_terminal: Open) -> None:
    script = bench.script("""
        import os, signal, sys
        print("tty", all(os.isatty(fd) for fd in range(3)), os.getsid(0) == os.getpid())
        print("at first", *os.get_terminal_size(), os.environ["TERM"], os.environ.get("LINES"))
        signal.signal(signal.SIGWINCH, lambda *_: print("size", *os.get_terminal_size()))
        while True:
            signal.pause()
        """)
    terminal = open_terminal(script, rows=24, columns=80)
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("tty True True", "at first 77 20 xterm-256color None")
    terminal.resize(40, 120)
    terminal.wait("size 117 36")
    terminal.press("q")
    terminal.wait("still running")
    terminal.press("e")
    assert terminal.end() == 143


FULL_SCREEN = """
import curses
print("before it")
def show(window):
    height, width = window.getmaxyx()
    window.addstr(height - 1, width - 12, "last column")
    window.addstr(3, 20, f"{height} x {width}", curses.A_REVERSE)
    while (key := window.getkey()) != "q":
        window.addstr(5, 20, f"key {key}")
        window.clrtoeol()
curses.wrapper(show)
print("after it")
"""


def test_a_full_screen_program(bench: Bench, open_terminal: Open) -> None:
    script = bench.script(FULL_SCREEN)
    terminal = open_terminal("--record", "events.rec", script, rows=24, columns=80)
    terminal.wait("running")
    terminal.press("4")
    terminal.wait("20 x 77", "last column")
    assert not terminal.shows("before it")
    terminal.press("\r")
    terminal.wait("TYPING: ctrl+] ends it")
    for keys, name in (("\x1b[A", "KEY_UP"), ("\x1b[15~", "KEY_F(5)"), ("\t", "\t"), ("3", "3")):
        terminal.press(keys)
        terminal.wait(f"key {name}".rstrip())
    terminal.press("q")
    terminal.wait("before it", "after it", "finished, exit 0")
    assert not terminal.shows("20 x 77")
    terminal.press("q")
    assert terminal.end() == 0

    smaller = open_terminal("replay", "events.rec", rows=20, columns=60)
    smaller.wait("recording")
    smaller.press("J4")
    smaller.wait("after it")
    smaller.press("q")
    assert smaller.end() == 0


def test_a_program_asks_where_its_cursor_is(bench: Bench, open_terminal: Open) -> None:
    script = bench.script("""
        import os, termios, tty
        before = termios.tcgetattr(0)
        tty.setraw(0)
        os.write(1, b"12345\\x1b[6n")
        answer = os.read(0, 64)
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        print("the answer:", answer)
        """)
    terminal = open_terminal(script)
    terminal.wait("finished, exit 0")
    terminal.press("4")
    terminal.wait(r"the answer: b'\x1b[1;6R'")
    terminal.press("q")
    assert terminal.end() == 0


def test_a_recording_in_the_ui(bench: Bench, open_terminal: Open) -> None:
    script = bench.script("import time; time.sleep(0.3); raise SystemExit(4)", "recorded.py")
    bench.refwatch("--headless", "--record", "events.rec", script)

    terminal = open_terminal("replay", "events.rec", rows=40, columns=120)
    terminal.wait("recorded.py", "recording")
    terminal.press("J")
    terminal.wait("finished, exit 4")
    terminal.press("3")
    terminal.wait("MainThread")
    terminal.press("q")

    assert terminal.end() == 0
    assert terminal.restored


def test_headless_and_refusals_leave_the_terminal_alone(open_terminal: Open) -> None:
    for words in (["missing.py"], ["--rate", "0", "x.py"], ["--headless", "-c", "pass"]):
        terminal = open_terminal(*words)
        terminal.end()
        assert terminal.restored
        assert "\x1b" not in terminal.heard
