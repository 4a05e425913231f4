"""``refwatch run``: three processes, and which of them is this one.

Headless, this process is the target's parent and waits for it; with a UI it is the viewer, and the
target's parent is a small process that stays when the viewer leaves. The daemon is a fork, so that
it shares what is already loaded, and loads the rest while the target starts.
"""

from __future__ import annotations

import os

from refwatch.cli.errors import FAILED, USAGE, give_up, say, say_plain
from refwatch.cli.fork import fork_daemon
from refwatch.cli.target import make_spec
from refwatch.daemon.session_dir import SessionDirectory, SessionError
from refwatch.daemon.target import TargetError, TargetSpec

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from refwatch.cli.options import RunOptions
    from refwatch.session.recording import RecordingWriter
    from refwatch.wire.files import Output

END_S = 5.0  # how long the daemon may take to end when it has said that it does


def run_target(options: RunOptions) -> int:
    """Run it under watch; return the exit status, which is the target's own."""
    spec = make_spec(options.wanted, options.module, options.code, options.arguments)
    if spec.script and not os.path.exists(spec.script):
        options.headless = True  # Python says so, and a UI has nothing to show
    if options.alloc != "off":
        deep = f":{options.frames}" if options.alloc == "exact" else ""
        spec.allocations = options.alloc + deep
    spec.children = options.wanted_children
    output, recording = _output(options), _recording(options)
    try:
        session = SessionDirectory.create(spec.label)
    except SessionError as error:
        give_up(str(error))
    try:
        if options.with_ui:
            from refwatch.cli.with_ui import run_with_ui

            return run_with_ui(options, spec, session, recording, output)
        return _run_headless(options, spec, session, recording, output)
    finally:
        session.remove_if_unused()


def _output(options: RunOptions) -> Output | None:
    """Where the snapshot is to go; what can't be written is refused before the target starts."""
    if options.output is None:
        return None
    from refwatch.wire.files import ExportError, Output

    try:
        output = Output(options.output)
    except ExportError as error:
        give_up(str(error), USAGE)
    if options.with_ui and output.on_terminal:
        give_up(f"-o {options.output}: the UI has the terminal (--headless has none)", USAGE)
    return output


def _recording(options: RunOptions) -> RecordingWriter | None:
    """The same for the events."""
    if options.record is None:
        return None
    from refwatch.session.recording import RecordingError, RecordingWriter

    try:
        recording = RecordingWriter(options.record, terminal=not options.with_ui)
    except RecordingError as error:
        give_up(str(error), USAGE)
    return recording


def _run_headless(
    options: RunOptions,
    spec: TargetSpec,
    session: SessionDirectory,
    recording: RecordingWriter | None,
    output: Output | None,
) -> int:
    daemon, link = fork_daemon(options, session, recording, output)
    from refwatch.daemon.last_words import reap  # while the daemon loads what it needs
    from refwatch.daemon.launcher import Launcher

    if recording is not None:
        recording.release()  # the daemon has its own copy
    session.unlock()
    launcher = Launcher(spec, session.probe_path, daemon, link, output)
    try:
        code = launcher.run_in_foreground()
    except TargetError as error:
        link.close()
        reap(daemon, END_S)
        give_up(str(error))
    words = launcher.last_words()
    if words.trouble:
        say(words.trouble)
    for line in words.lines:
        say_plain(line)
    link.close()
    if not words.stays:
        reap(daemon, END_S)
    return code or (FAILED if words.failed else 0)
