"""A daemon that hangs, a terminal that is closed: nobody is held up, and nobody is left behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Terminal

    Open = Callable[..., Terminal]
    Wait = Callable[[Callable[[], object], str], None]

WAITER = """
import sys, time
from pathlib import Path
print("the target is ready", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
for _ in range({lines}):
    print("x" * 99, flush=True)
sys.exit(5)
"""
ENDED = b"refwatch: the daemon did not answer for "


def stop(pid: int, wait_until: Wait) -> None:
    """Stop a process, and wait until it has."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T", "the daemon to stop")


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_daemon_that_hangs(bench: Bench, wait_until: Wait) -> None:
    bench.write("snapshot.json", "older")
    words = ["-o", "snapshot.json", "--record", "events.rec", bench.script(WAITER.format(lines=1))]
    running = bench.start_watched(*words)
    assert running.line() == "the target is ready"
    daemon = bench.daemon_of(running.pid)
    recording = bench.folder / "events.rec"
    wait_until(lambda: recording.read_bytes().count(b"\n") > 1, "the recording to hold an event")
    stop(daemon, wait_until)
    half = bench.write(f".refwatch-{daemon}-abcd.tmp", "{")  # it hung as it was writing

    (bench.folder / "go").touch()
    done = running.ended()

    assert done.status == 5
    assert done.err.startswith(ENDED)
    assert done.err.count(b"\n") == 1
    assert (bench.folder / "snapshot.json").read_text() == "older"
    assert not half.exists()
    assert bench.refwatch("replay", "events.rec").status == 0


def test_a_daemon_that_hangs_with_the_ui(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    """The target prints more than is kept for the daemon."""
    terminal = open_terminal("-o", "snapshot.json", bench.script(WAITER.format(lines=20_000)))
    terminal.wait("running")
    stop(bench.daemon_of(terminal.pid), wait_until)

    (bench.folder / "go").touch()
    terminal.wait("daemon gone")
    terminal.press("q")

    assert terminal.end() == 5
    assert ENDED.decode() in terminal.heard
    assert terminal.restored
    assert not (bench.folder / "snapshot.json").exists()


def test_a_target_is_ended_though_the_daemon_hangs(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    terminal = open_terminal(bench.script(WAITER.format(lines=1)))
    terminal.wait("running")
    stop(bench.daemon_of(terminal.pid), wait_until)

    terminal.press("q")
    terminal.wait("still running")
    terminal.press("e")

    assert terminal.end() == 128 + signal.SIGTERM


# What bare python does with it stands beside: it has the terminal, or its parent has.
HUNG_UP = """
import os, signal, sys
from pathlib import Path
said = Path("said")
def hung_up(*_):
    said.write_text("hung up")
    try:
        os.write(1, b"anybody there?")
    except OSError as error:
        said.write_text(f"hung up, {error.strerror}")
    sys.exit(6)
if "handles" in sys.argv:
    signal.signal(signal.SIGHUP, hung_up)
Path("pid").write_text(str(os.getpid()))
print("the target is ready", flush=True)
while True:
    signal.pause()
"""


def close(terminal: Terminal, bench: Bench, wait_until: Wait) -> None:
    """Close the terminal as its window or its ssh does; nobody may be left."""
    terminal.hang_up()
    wait_until(lambda: terminal.process.poll() is not None, "refwatch to end")
    wait_until(lambda: not bench.processes(), "every process to end")


@pytest.mark.parametrize("handles", ["", "handles"])
@pytest.mark.parametrize("ui", ["--headless", ""])
def test_a_terminal_that_is_closed(
    bench: Bench, open_terminal: Open, wait_until: Wait, ui: str, handles: str
) -> None:
    script = bench.script(HUNG_UP)
    options = [*([ui] if ui else []), "-o", "snapshot.json", "--record", "events.rec"]
    terminal = open_terminal(*options, script, *([handles] if handles else []))
    terminal.wait("the target is ready" if ui else "running")
    wait_until((bench.folder / "pid").exists, "the target")

    close(terminal, bench, wait_until)

    status = 6 if handles else 128 + signal.SIGHUP
    assert terminal.end() == (status if ui else 128 + signal.SIGHUP)
    assert bench.read_snapshot().target.exit_code == status
    assert bench.refwatch("replay", "events.rec").status == 0
    if handles:
        assert (bench.folder / "said").read_text() == "hung up, Input/output error"


def test_a_shell_s_terminal_that_is_closed(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    """Then refwatch is not the leader of the session, and the whole group is told."""
    terminal = open_terminal("--headless", bench.script(HUNG_UP), "handles", shell=True)
    terminal.wait("the target is ready")

    close(terminal, bench, wait_until)

    assert (bench.folder / "said").read_text() == "hung up, Input/output error"


def test_a_terminal_that_is_closed_while_nobody_is_to_hear_of_it(
    bench: Bench, open_terminal: Open, wait_until: Wait
) -> None:
    """With SIGHUP ignored the program goes on; the UI has nothing to be shown on."""
    script = bench.script(WAITER.format(lines=1))
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *bench.command]
    terminal = open_terminal("-o", "snapshot.json", script, command=ignoring)
    terminal.wait("running")

    terminal.hang_up()
    wait_until(lambda: terminal.process.poll() is not None, "the UI to end")
    assert bench.processes()
    (bench.folder / "go").touch()

    wait_until(lambda: not bench.processes(), "every process to end")
    assert bench.read_snapshot().target.exit_code == 5


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "watched"])
def test_nohup(bench: Bench, open_terminal: Open, wait_until: Wait, plain: bool) -> None:
    """What is started with it goes on."""
    script = bench.script(WAITER.format(lines=1))
    command = [sys.executable] if plain else [*bench.command, "-o", "snapshot.json"]
    terminal = open_terminal(script, command=["nohup", *command])
    wait_until((bench.folder / "nohup.out").exists, "nohup")
    out = bench.folder / "nohup.out"
    wait_until(lambda: "the target is ready" in out.read_text(), "the target")

    terminal.hang_up()
    assert terminal.process.poll() is None
    (bench.folder / "go").touch()

    assert terminal.process.wait(40) == 5
    assert "x" * 99 in out.read_text()
    if not plain:
        assert bench.read_snapshot().target.exit_code == 5
