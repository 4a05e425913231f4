"""Signals reach the target as they would without refwatch: each once, and none is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Terminal

READ_X86_64, READ_ARM64 = "0", "63"  # the number of read(2)
COUNTER = """
import signal, sys
seen = []
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM"):
    signal.signal(getattr(signal, name), lambda number, _: seen.append(signal.Signals(number).name))
print("ready", flush=True)
sys.stdin.readline()
print(*sorted(seen))
sys.exit(4)
"""
WAITER = "import sys; print('ready', flush=True); sys.stdin.readline()"


def nothing_pending(pid: int) -> bool:
    """Whether the process has taken every signal that was sent to it."""
    with open(f"/proc/{pid}/status") as file:
        masks = dict(line.split(":\t") for line in file if line.startswith(("SigPnd", "ShdPnd")))
    return all(int(mask, 16) == 0 for mask in masks.values())


def reads_input(launcher: int) -> bool:
    """Whether a child of the launcher is in read(2) of its standard input (proc_pid_syscall(5)). A
    signal just before would not end Python's input(), with or without refwatch."""
    for child in psutil.Process(launcher).children():
        try:
            call = Path(f"/proc/{child.pid}/syscall").read_text().split()
        except OSError:
            continue
        if call[0] in (READ_X86_64, READ_ARM64) and int(call[1], 16) == 0:
            return True
    return False


def test_signals_to_refwatch_are_passed_on(
    bench: Bench, wait_until: Callable[[Callable[[], object], str], None]
) -> None:
    running = bench.start_watched(bench.script(COUNTER))
    assert running.line() == "ready"

    names = ["SIGALRM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"]
    for name in names:
        os.kill(running.pid, getattr(signal, name))
    wait_until(lambda: nothing_pending(running.pid), "refwatch to take the signals")
    done = running.end(b"\n")

    assert done.lines == [" ".join(names)]
    assert done.status == 4


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT"])
def test_a_signal_ends_the_target(bench: Bench, name: str) -> None:
    number = getattr(signal, name)
    running = bench.start_watched("-o", "snapshot.json", bench.script(WAITER))
    assert running.line() == "ready"

    os.kill(running.pid, number)
    done = running.ended()

    assert done.status == 128 + number
    assert (b"KeyboardInterrupt" in done.own_err) == (name == "SIGINT")
    assert b"refwatch" not in done.own_err
    assert bench.read_snapshot().target.exit_code == 128 + number


@pytest.mark.parametrize("trap", ["", "trap '' INT HUP USR1;", "trap '' PIPE QUIT;"])
def test_ignored_signals_stay_ignored(bench: Bench, trap: str) -> None:
    """As under ``nohup``, or behind ``&`` in a script."""
    bench.script("import signal; print({s.name: str(signal.getsignal(s)) for s in signal.Signals})")
    said = [
        bench.start(["sh", "-c", f'{trap} exec "$@"', "sh", *prefix, "target.py"]).end().out
        for prefix in ([sys.executable], [*bench.command, "--headless"])
    ]
    assert said[0] == said[1] != b""


def test_blocked_signals_stay_blocked(bench: Bench) -> None:
    shim = bench.script(
        """
        import os, signal, sys
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGINT, signal.SIGCHLD])
        os.execv(sys.argv[1], sys.argv[1:])
        """,
        "shim.py",
    )
    script = bench.script("import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))")
    said = [
        bench.start([sys.executable, shim, *prefix, script]).end().out
        for prefix in ([sys.executable], [*bench.command, "--headless"])
    ]
    assert said[0] == said[1]
    assert b"SIGUSR2" in said[0]


def test_a_parent_that_ignores_its_children(bench: Bench) -> None:
    shim = bench.script(
        """
        import os, signal, sys
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.execv(sys.argv[1], sys.argv[1:])
        """,
        "shim.py",
    )
    words = [sys.executable, shim, *bench.command, "--headless", "-c", "import sys; sys.exit(5)"]
    assert bench.start(words).end().status == 5


def test_system_calls_are_interrupted_and_resumed(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import os, select, signal, threading, time
            ticks = []
            signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
            signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
            read, write = os.pipe()
            writer = threading.Timer(0.1, os.write, (write, b"late"))
            writer.start()
            print(os.read(read, 10))
            time.sleep(0.05)
            print(select.select([read], [], [], 0.02))
            while len(ticks) < 20:
                signal.pause()
            signal.setitimer(signal.ITIMER_REAL, 0)
            writer.join()
            print(signal.siginterrupt(signal.SIGUSR1, True), len(ticks) >= 20)
            """)
    )


def test_ctrl_c_in_a_terminal_comes_once(
    bench: Bench,
    open_terminal: Callable[..., Terminal],
    wait_until: Callable[[Callable[[], object], str], None],
) -> None:
    """The terminal sends it to the whole group: the target must not get a second one."""
    script = bench.script("""
        import sys
        count = 0
        print("ready")
        while True:
            try:
                line = input()
                print("in all", count)  # the next one may come before this has returned
                if line == "end":
                    sys.exit(8)
            except KeyboardInterrupt:
                count += 1
                print("interrupt", count)
        """)
    terminal = open_terminal("--headless", script)
    terminal.wait("ready")

    wait_until(lambda: reads_input(terminal.pid), "the target to wait for input")
    terminal.press("\x03")
    terminal.wait("interrupt 1")
    wait_until(lambda: nothing_pending(terminal.pid), "refwatch to take the signal")
    terminal.press("more\n")
    terminal.wait("in all 1")
    wait_until(lambda: reads_input(terminal.pid), "the target to wait for input")
    terminal.press("\x03")
    terminal.wait("interrupt 2")
    wait_until(lambda: nothing_pending(terminal.pid), "refwatch to take the signal")
    terminal.press("end\n")

    assert terminal.end() == 8
    assert terminal.shows("in all 2", "exit 8")
    assert "interrupt 3" not in terminal.heard


def test_ctrl_c_in_a_terminal_ends_the_target(
    bench: Bench, open_terminal: Callable[..., Terminal]
) -> None:
    terminal = open_terminal("--headless", "-o", "snapshot.json", bench.script(WAITER))
    terminal.wait("ready")

    terminal.press("\x03")

    assert terminal.end() == 130
    assert terminal.heard.count("Traceback") == 1
    assert terminal.restored
    assert bench.read_snapshot().target.exit_code == 130


def test_the_target_keeps_the_terminal(
    bench: Bench, open_terminal: Callable[..., Terminal]
) -> None:
    """Headless on a terminal, it has it as its own: size, foreground, echo, raw input."""
    script = bench.script("""
        import os, sys, termios, tty
        print([os.isatty(fd) for fd in range(3)], os.get_terminal_size())
        print("foreground", os.tcgetpgrp(0) == os.getpgid(0))
        before = termios.tcgetattr(0)
        tty.setraw(0)
        os.write(1, b"raw\\r\\n")
        key = os.read(0, 1)
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        print("key", key)
        """)
    terminal = open_terminal("--headless", script, rows=30, columns=100)
    terminal.wait("raw")
    terminal.press("\x04")

    assert terminal.end() == 0
    assert terminal.shows("[True, True, True] os.terminal_size(columns=100, lines=30)")
    assert terminal.shows("foreground True", r"key b'\x04'", "exit 0")
    assert terminal.restored
