"""``refwatch run``: three processes, and which of them is this one.

Headless, this process is the target's parent and waits for it; with a UI it is the viewer, and the
target's parent is a small process that stays when the viewer leaves. The daemon is a fork, so that
it shares what is already loaded, and loads the rest while the target starts.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from refwatch.cli.errors import USAGE, give_up, say
from refwatch.cli.fork import RunOptions, fork_daemon
from refwatch.cli.target import make_spec
from refwatch.daemon.session_dir import SessionDirectory, SessionError
from refwatch.daemon.target import TargetError, TargetSpec

if TYPE_CHECKING:
    from refwatch.session.recording import RecordingWriter

LAST_WORDS_S = 15.0  # how long the daemon may take to write what was asked for


def run_target(
    options: RunOptions, module: str | None, code: str | None, arguments: list[str]
) -> int:
    """Run it under watch; return the exit status, which is the target's own."""
    spec = make_spec(options.python, module, code, arguments)
    if options.alloc != "off":
        deep = f":{options.frames}" if options.alloc == "exact" else ""
        spec = replace(spec, allocations=options.alloc + deep)
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
    stays = _print_summary(link)
    link.close()
    if not stays:
        os.waitpid(daemon, 0)
    return code


def _print_summary(link: socket.socket) -> bool:
    """What the daemon has to say at the end; a daemon that is gone is worth a line. Returns whether
    it stays for viewers that look at what there was."""
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
            return False
        data += piece
    summary = json.loads(data.split(b"\n", 1)[0])
    for line in summary["lines"]:
        say_plain(line)
    return bool(summary.get("stays"))


def say_plain(line: str) -> None:
    """A line of the summary on stderr."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, UnicodeError):
        pass
