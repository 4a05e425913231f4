"""``refwatch run``: three processes, and which of them is this one.

Headless, this process is the target's parent and waits for it; with a UI it is the viewer, and the
target's parent is a small process that stays when the viewer leaves. The daemon is a fork, so that
it shares what is already loaded, and loads the rest while the target starts.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from refwatch.cli.errors import FAILED, USAGE, give_up, say
from refwatch.cli.target import make_spec
from refwatch.daemon.session_dir import SessionDirectory, SessionError
from refwatch.daemon.target import TargetError, TargetSpec

if TYPE_CHECKING:
    from refwatch.session.recording import RecordingWriter

LAST_WORDS_S = 15.0  # how long the daemon may take to write what was asked for


@dataclass(frozen=True)
class RunOptions:
    """The options of ``refwatch run``."""

    headless: bool
    output: str | None
    record: str | None
    rate: float
    duration: float | None
    python: str | None

    @property
    def with_ui(self) -> bool:
        return not self.headless and all(os.isatty(fd) for fd in (0, 1, 2))


def run_target(
    options: RunOptions, module: str | None, code: str | None, arguments: list[str]
) -> int:
    """Run it under watch; return the exit status, which is the target's own."""
    spec = make_spec(options.python, module, code, arguments)
    recording = _check_files(options)
    try:
        session = SessionDirectory.create(spec.label)
    except SessionError as error:
        give_up(str(error))
    try:
        if options.with_ui:
            from refwatch.cli.with_ui import run_with_ui

            return run_with_ui(options, spec, session, recording)
        return _run_headless(options, spec, session, recording)
    finally:
        session.remove_if_unused()


def _check_files(options: RunOptions) -> RecordingWriter | None:
    """Refuse what can't be written before the target starts."""
    if options.output is not None:
        from refwatch.export.files import ExportError, check_writable

        try:
            check_writable(Path(options.output))
        except ExportError as error:
            give_up(str(error), USAGE)
    if options.record is None:
        return None
    from refwatch.session.recording import RecordingError, RecordingWriter

    try:
        return RecordingWriter(options.record)
    except RecordingError as error:
        give_up(str(error), USAGE)


def fork_daemon(
    options: RunOptions,
    session: SessionDirectory,
    recording: RecordingWriter | None,
) -> tuple[int, socket.socket]:
    """Start the daemon; return its pid and the launcher's end of their link."""
    ours, theirs = socket.socketpair()
    probes, viewers = session.listen(session.probe_path), session.listen(session.viewer_path)
    pid = os.fork()
    if pid:
        for one in (theirs, probes, viewers):
            one.close()
        return pid, ours
    status = FAILED
    try:
        ours.close()
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _leave_terminal(session)
        from refwatch.daemon.daemon import Daemon, DaemonOptions

        daemon_options = DaemonOptions(
            rate_hz=options.rate,
            duration_s=options.duration,
            output=Path(options.output).absolute() if options.output else None,
            expects_viewer=options.with_ui,
        )
        Daemon(daemon_options, theirs, probes, viewers, recording).run()
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a process; its log is the session's
        _leave_crash_report(session, theirs)
    finally:
        session.remove()
        os._exit(status)


def _leave_crash_report(session: SessionDirectory, link: socket.socket) -> None:
    """The traceback goes to a file that outlives the session; whoever waits is told where."""
    import json
    import traceback

    path = session.path.parent / f"daemon-{os.getpid()}.log"
    path.write_text(traceback.format_exc())
    line = f"refwatch: the daemon failed, which is a bug of refwatch's; its traceback is in {path}"
    link.sendall(json.dumps({"launch": "summary", "lines": [line]}).encode() + b"\n")


def _leave_terminal(session: SessionDirectory) -> None:
    """The terminal is the target's; what the daemon says of its own trouble goes to its folder."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(session.path / "daemon.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for fd, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, target)
    os.close(null)
    os.close(log)


def _run_headless(
    options: RunOptions,
    spec: TargetSpec,
    session: SessionDirectory,
    recording: RecordingWriter | None,
) -> int:
    from refwatch.daemon.launcher import Launcher

    daemon, link = fork_daemon(options, session, recording)
    if recording is not None:
        recording.close()  # the daemon has its own copy
    session.unlock()
    try:
        code = Launcher(spec, session.probe_path, daemon, link).run_in_foreground()
    except TargetError as error:
        link.close()
        os.waitpid(daemon, 0)
        give_up(str(error))
    _print_summary(link)
    link.close()
    os.waitpid(daemon, 0)
    return code


def _print_summary(link: socket.socket) -> None:
    """What the daemon has to say at the end; a daemon that is gone is worth a line."""
    import json

    data, end = b"", time.monotonic() + LAST_WORDS_S
    while b"\n" not in data:
        ready, _, _ = select.select([link], [], [], max(0.0, end - time.monotonic()))
        piece = b""
        if ready:
            try:
                piece = link.recv(65536)
            except OSError:
                piece = b""
        if not piece:
            say("the daemon is gone: there is no summary, and no snapshot was written")
            return
        data += piece
    for line in json.loads(data.split(b"\n", 1)[0])["lines"]:
        say_plain(line)


def say_plain(line: str) -> None:
    """A line of the summary on stderr."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, UnicodeError):
        pass
