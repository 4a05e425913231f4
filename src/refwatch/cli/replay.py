"""``refwatch replay``: a recording through the code that showed it live."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

from refwatch.cli.errors import FAILED, USAGE, give_up, say
from refwatch.text.formats import fmt_duration


def replay(file: str) -> int:
    """Show ``file`` in the UI; without a terminal print its summary."""
    from refwatch.session.recording import Recording, RecordingError, read_recording

    try:
        recording: Recording = read_recording(Path(file))
    except RecordingError as error:
        give_up(str(error), USAGE)
    if all(os.isatty(fd) for fd in (0, 1, 2)):
        return _in_ui(recording)
    from refwatch.export.summary import summary_lines
    from refwatch.session.state import State

    state = State()
    for event in recording.events:
        state.apply(event)
    for line in summary_lines(state):
        sys.stdout.write(line + "\n")
    if recording.truncated:
        say(f"{file} is cut off: it was read up to {fmt_duration(state.now)}")
    if recording.bad_lines:
        say(f"{file} has {recording.bad_lines} lines that are no events; they were left out")
    return FAILED if state.target is None else 0


def _in_ui(recording: object) -> int:
    from refwatch.export.snapshot import write_snapshot
    from refwatch.session.playback import Playback
    from refwatch.session.recording import Recording
    from refwatch.tui.app import RefwatchApp
    from refwatch.tui.feed import ReplayFeed

    assert isinstance(recording, Recording)
    with closing(Playback(recording)) as playback:
        feed = ReplayFeed(playback)
        app = RefwatchApp(feed, replay=True, write_snapshot=write_snapshot, snapshot_dir=Path.cwd())
        app.run()
    return 0
