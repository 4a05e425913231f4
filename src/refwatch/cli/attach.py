"""``refwatch attach``: the UI on a session that goes on, for another terminal or to come back."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from refwatch.cli.errors import USAGE, give_up, say
from refwatch.cli.with_ui import signal_target, tell_left, tell_summary
from refwatch.daemon.session_dir import SessionError, sessions


def attach(name: str) -> int:
    """Show the session of that name, or the only one; return the exit status."""
    if not all(os.isatty(fd) for fd in (0, 1, 2)):
        give_up("attach shows the UI, and needs a terminal", USAGE)
    folder = _find(name)
    path, session = os.path.join(folder, "viewer.sock"), os.path.basename(folder)
    from refwatch.tui.app import Leave, RefwatchApp
    from refwatch.tui.feed import SocketFeed

    app = RefwatchApp(SocketFeed(path), snapshot_dir=Path.cwd())
    leave = app.run()
    target = app.state.target
    if app.refused or target is None:
        give_up(app.refused or f"the daemon of session {session} did not answer")
    if leave is Leave.END_TARGET:
        tell_summary(app.state)
        if not (target.terminal and signal_target(path, signal.SIGTERM)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(target.pid, signal.SIGTERM)
        say(f"the program was asked to end, pid {target.pid}")
    else:
        tell_left(app.state, session, gone=app.feed.gone)
    return 0


def _find(name: str) -> str:
    """The folder of a session. ``name``: of the session, its number, or what runs there."""
    try:
        every = sessions()
    except SessionError as error:
        give_up(str(error))
    named = {os.path.basename(path): path for path in every}
    found = [one for one in named if not name or name in (one, *one.split("-", 1))]
    if len(found) == 1:
        return named[found[0]]
    names = ", ".join(found or named)
    why = f"which session: {names}?" if found else f"no session {name}; there is {names}"
    return give_up(why if names else "there is no session to attach to", USAGE)
