"""The daemon is a fork of the command, so that it shares what is already loaded, and loads the rest
while the target starts."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys

from refwatch.cli.errors import FAILED
from refwatch.daemon.session_dir import SessionDirectory

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from refwatch.cli.options import RunOptions
    from refwatch.session.recording import RecordingWriter
    from refwatch.wire.files import Output


def fork_daemon(
    options: RunOptions,
    session: SessionDirectory,
    recording: RecordingWriter | None,
    output: Output | None,
) -> tuple[int, socket.socket]:
    """Start the daemon; return its pid and the launcher's end of their link."""
    ours, theirs = socket.socketpair()
    probes, viewers = session.listen(session.probe_path), session.listen(session.viewer_path)
    with_ui = options.with_ui  # asked while the terminal is there
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
        gc.disable()  # what is loaded from here on stays
        _load_msgspec()
        from refwatch.daemon.daemon import Daemon, DaemonOptions
        from refwatch.daemon.heap_watch import HeapOptions
        from refwatch.daemon.process_table import WatchOptions
        from refwatch.readings.allocations.collector import AllocationOptions
        from refwatch.readings.objects.collector import ReferenceOptions

        daemon_options = DaemonOptions(
            watch=WatchOptions(
                rate_hz=options.rate,
                heap=HeapOptions(
                    ReferenceOptions(
                        paths=tuple(options.watch),
                        watch_hz=options.readings_per_second(),
                        census=options.census,
                    ),
                    AllocationOptions(
                        mode=options.alloc, frames=options.frames, budget=options.alloc_budget / 100
                    ),
                ),
                children=options.wanted_children,
            ),
            duration_s=options.duration,
            output=output,
            expects_viewer=with_ui,
        )
        path = session.probe_path
        Daemon(daemon_options, theirs, probes, viewers, recording, path).run()
        status = 0
    except BaseException:  # noqa: BLE001 - the top of a process; its log is the session's
        _leave_crash_report(session, theirs)
    finally:
        session.remove()
        os._exit(status)


def _load_msgspec() -> None:
    """Without typing_extensions, which it takes where that is installed, and which loads a sixth of
    all that the daemon has. Python's own typing has what it needs."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


def _leave_crash_report(session: SessionDirectory, link: socket.socket) -> None:
    """The traceback goes to a file that outlives the session; whoever waits is told where."""
    import json
    import traceback

    path = os.path.join(os.path.dirname(session.path), f"daemon-{os.getpid()}.log")
    with open(path, "w", encoding="utf-8") as file:
        file.write(traceback.format_exc())
    line = f"refwatch: the daemon failed, which is a bug of refwatch's; its traceback is in {path}"
    link.sendall(json.dumps({"launch": "summary", "lines": [line]}).encode() + b"\n")


def _leave_terminal(session: SessionDirectory) -> None:
    """The terminal is the target's; what the daemon says of its own trouble goes to its folder."""
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(
        os.path.join(session.path, "daemon.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    for fd, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(fd, target)
    os.close(null)
    os.close(log)
