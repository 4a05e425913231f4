"""``refwatch run`` on a terminal: the launcher gets a process of its own, this one becomes the
viewer. Whoever leaves first, the others go on."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from refwatch.cli.errors import FAILED, give_up, say, say_plain
from refwatch.cli.fork import fork_daemon
from refwatch.daemon.last_words import BUSY_S, reap
from refwatch.daemon.session_dir import SessionDirectory
from refwatch.daemon.target import TargetSpec
from refwatch.tui.panels.output.room import room

if TYPE_CHECKING:
    from refwatch.cli.options import RunOptions
    from refwatch.session.recording import RecordingWriter
    from refwatch.session.state import State
    from refwatch.wire.files import Output

END_POLITELY_S = 5.0  # between SIGTERM and SIGKILL
CARRIED_S = 2.0  # for the daemon to take a word for the launcher
START_LIMIT_S = 10.0
LAST_WORDS_S = BUSY_S + 20.0


class Status:
    """What the launcher's process says over its pipe: ``pid N``, ``exit N`` or ``error TEXT``; and
    then ``say TEXT`` and ``line TEXT``, the summary's, for the user, and ``failed`` where what was
    asked for was not written."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        self.pid: int | None = None
        self.exit_code: int | None = None
        self.error: str | None = None
        self.failed = False

    def wait(self, limit_s: float) -> bool:
        """Read until the next line has come, at most that long; False when none did."""
        end = time.monotonic() + limit_s
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._fd, 4096) if ready else b""
            if not data:
                return False
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        kind, _, value = line.decode("utf-8", "replace").partition(" ")
        if kind == "pid":
            self.pid = int(value)
        elif kind == "exit":
            self.exit_code = int(value)
        elif kind == "say":
            say(value)
        elif kind == "line":
            say_plain(value)
        elif kind == "failed":
            self.failed = True
        else:
            self.error = value
        return True


def run_with_ui(
    options: RunOptions,
    spec: TargetSpec,
    session: SessionDirectory,
    recording: RecordingWriter | None,
    output: Output | None,
) -> int:
    """Run under watch with the UI on this terminal; return the exit status."""
    daemon, link = fork_daemon(options, session, recording, output)
    if recording is not None:
        recording.release()
    read_end, write_end = os.pipe()
    launcher = _fork_launcher(spec, session, daemon, link, write_end, output)
    _pass_hangup_on(launcher)
    link.close()
    os.close(write_end)
    session.unlock()
    status = Status(read_end)
    if not status.wait(START_LIMIT_S) or status.error:
        give_up(status.error or "the target could not be started", FAILED)
    code = _view(session, status)
    if status.exit_code is None:
        return code
    while status.wait(LAST_WORDS_S):  # what the daemon's last words were, to the end
        pass
    reap(launcher, END_POLITELY_S)
    reap(daemon, END_POLITELY_S, may_stay=True)  # for other viewers
    return code or (FAILED if status.failed else 0)


def _pass_hangup_on(launcher: int) -> None:
    """When the terminal is closed this process ends, and the target's own terminal is closed, too;
    not where SIGHUP is ignored, as nohup has it. A SIGHUP with the terminal still there is for this
    process alone: the others go on."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN

    def hung_up(number: int, _: object) -> None:
        gone = _terminal_gone(0)
        if gone and not ignored:
            os.kill(launcher, signal.SIGHUP)
        if gone or not ignored:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def wait() -> None:  # the signal goes to the leader of the session, which may be a shell
        _terminal_gone(None)
        os.kill(os.getpid(), signal.SIGHUP)

    signal.signal(signal.SIGHUP, hung_up)
    threading.Thread(target=wait, daemon=True).start()


def _terminal_gone(limit_ms: int | None) -> bool:
    """Whether it is, within this time."""
    poll = select.poll()
    poll.register(0, 0)  # POLLHUP is told without being asked for
    return bool(poll.poll(limit_ms))


def _fork_launcher(
    spec: TargetSpec,
    session: SessionDirectory,
    daemon: int,
    link: socket.socket,
    status_fd: int,
    output: Output | None,
) -> int:
    """Return the pid of the process that is the target's parent."""
    size = room(*reversed(shutil.get_terminal_size()))
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        session.unlock()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        from refwatch.daemon.launcher import Launcher

        launcher = Launcher(spec, session.probe_path, daemon, link, output)
        launcher.run_on_terminal(*size, status_fd)
        session.remove_if_unused()
    finally:
        os._exit(0)


def _view(session: SessionDirectory, status: Status) -> int:
    from refwatch.tui.app import Leave, RefwatchApp
    from refwatch.tui.feed import SocketFeed

    app = RefwatchApp(SocketFeed(session.viewer_path), snapshot_dir=Path.cwd())
    leave = app.run()
    if _terminal_gone(0):  # the UI has seen it before the signal came
        os.kill(os.getpid(), signal.SIGHUP)
    if leave is Leave.END_TARGET:
        _end_target(session, status)
    elif leave is not Leave.FINISHED and not status.wait(0.0):
        if app.refused:
            give_up(f"{app.refused}; the program goes on, pid {status.pid}")
        tell_left(app.state, os.path.basename(session.path), gone=app.feed.gone)
        return 0
    status.wait(END_POLITELY_S)
    return status.exit_code if status.exit_code is not None else FAILED


def tell_summary(state: State) -> None:
    from refwatch.export.summary import summary_lines

    for line in summary_lines(state):
        say_plain(line)


def tell_left(state: State, session: str, *, gone: bool) -> None:
    """What was seen so far, and how to come back to a program that goes on."""
    tell_summary(state)
    if state.exited is not None or state.target is None:
        return
    text = f"the program goes on, pid {state.target.pid}"
    watched = not gone and state.ended is None
    say(f"{text}: refwatch attach {session} shows it again" if watched else text)


def _end_target(session: SessionDirectory, status: Status) -> None:
    """SIGTERM, and SIGKILL to one that stays."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if (
            not signal_target(session.viewer_path, number)
            and status.exit_code is None
            and status.pid
        ):
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, number)
        if status.wait(END_POLITELY_S):
            return


def signal_target(viewer_path: str, number: int) -> bool:
    """By its parent, which knows that the pid is still the target's; False where there is no daemon
    that carries the word."""
    import json

    line = json.dumps({"command": "signal_target", "number": int(number)}).encode() + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CARRIED_S)
        try:
            connection.connect(viewer_path)
            connection.sendall(line)
            heard = connection.recv(1)  # the welcome: the command is read now, or soon
        except OSError:
            return False
        time.sleep(0.05)
    return bool(heard)
