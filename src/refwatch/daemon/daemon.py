"""The daemon: runs the watch, folds and keeps its events, serves viewers. One thread, one loop, in
which a sample never waits for a viewer."""

from __future__ import annotations

import contextlib
import gc
import resource
import select
import signal
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from refwatch.daemon.process_table import ProcessTable, WatchOptions
from refwatch.daemon.wakeups import Wakeups
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.target.proc import proc_is_own_namespace, state_of
from refwatch.wire import commands as cmd
from refwatch.wire.codec import encode_line
from refwatch.wire.connections import Connection, Listener, Viewer
from refwatch.wire.event import TimedEvent
from refwatch.wire.launch import Ended, Launch, Launched, Sized, Summary, Wrote

if TYPE_CHECKING:
    from refwatch.session.recording import RecordingWriter
    from refwatch.wire.files import Output

IDLE_S = 0.1  # longest sleep with nothing to sample
SERVE_NS = 20_000_000  # how often the sockets are looked at while sampling
MOST_VIEWERS = 64
RESTING_SERVE_NS = 50_000_000  # the same while no thread of the target runs
OBEY_NS = 10_000_000  # of which as long, at most, for one viewer
VIEWER_LIMIT_NS = 15_000_000_000  # how long the first viewer may take to come

_launches: msgspec.json.Decoder[Launch] = msgspec.json.Decoder(Launch)


def _open_many_files() -> None:
    """Two files stay open for each of the target's threads: use all that the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _has_ended(pid: int) -> bool:
    """Whether it has ended; nobody may have waited for it yet."""
    if not proc_is_own_namespace():
        return False  # its launcher says so, if it is still there
    return state_of(pid) in (b"", b"Z", b"X")


class DaemonOptions(msgspec.Struct, frozen=True):
    """What the user asked for."""

    watch: WatchOptions
    duration_s: float | None = None
    output: Output | None = None
    expects_viewer: bool = False


class Daemon:
    """One session. ``recording`` is open, or None; ``probes`` listens at ``probe_path``."""

    def __init__(
        self,
        options: DaemonOptions,
        launcher: socket.socket,
        probes: socket.socket,
        viewers: socket.socket,
        recording: RecordingWriter | None,
        probe_path: str,
    ) -> None:
        self._options = options
        self._launcher: Connection[Launch] = Connection(launcher, _launches)
        self._probes = Listener(probes)
        self._probe_path = probe_path
        self._viewer_listener = Listener(viewers)
        self._viewers: list[Viewer] = []
        self._recording = recording
        self._state = State()
        self._watch: ProcessTable | None = None
        self._wakeups = Wakeups()
        self._launched: Launched | None = None
        self._started_ns = time.monotonic_ns()
        self._had_viewer = False
        self._ended = False
        self._failed = False
        """What the user has asked to be written was not."""
        self._asked_to_end = False
        self._next_serve = 0

    # Events

    def emit(self, event: TimedEvent) -> None:
        """Everything goes this way: into the state, to the viewers, into the recording."""
        self._state.apply(event)
        if self._recording is not None:
            self._recording.write([event], time.monotonic())
            if self._recording.wants_checkpoint:
                self._recording.write_checkpoint(self._state.checkpoint())
            if self._recording.failed:
                failed, self._recording = self._recording.failed, None
                self._fail(failed)
        if self._viewers:
            line = encode_line(event)
            for viewer in self._viewers:
                viewer.send(line)

    def _fail(self, reason: str) -> None:
        """What the user has asked for cannot be written."""
        self._failed = True
        self.emit(ev.Noted(at=self._now(), level="error", text=reason))

    def _now(self) -> float:
        return self._watch.now_ns() / 1e9 if self._watch else 0.0

    # The loop

    def run(self) -> None:
        """Until the target has ended and no viewer is left."""
        _open_many_files()
        # Next to nothing that a sample makes is in a cycle: collect rarely, and not what is loaded.
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)
        gc.enable()
        signal.signal(signal.SIGTERM, self._ask_to_end)
        self._wakeups.add(self._probes.fileno())
        while not self._done():
            if self._asked_to_end:
                self._finish("refwatch was asked to end")
            watch = self._watch
            sampled = watch is not None and watch.sampling
            wait = watch.step() if watch is not None and not self._ended else IDLE_S
            now = time.monotonic_ns()
            if now >= self._next_serve or not sampled:
                rests = watch is not None and watch.rests
                self._next_serve = now + (RESTING_SERVE_NS if rests else SERVE_NS)
                self._serve()
            watch = self._watch  # it may have just begun
            if watch is not None and watch.sampling:
                if sampled and self._wakeups.sleep(wait):  # else the first sample is due
                    self._next_serve = 0  # a process may wait for an answer
            else:
                self._wait_for_word(min(wait, IDLE_S))
        self._close()

    def _ask_to_end(self, *_: object) -> None:
        """SIGTERM may come in the middle of anything: the loop ends the session when it is back."""
        self._asked_to_end = True

    def _wait_for_word(self, limit_s: float) -> None:
        """Nothing is to be sampled: sleep until somebody says something, at most that long."""
        watched = [self._wakeups.fileno() or self._probes.fileno(), self._viewer_listener.fileno()]
        watched += [viewer.fileno() for viewer in self._viewers if viewer.open]
        if self._launcher.open:
            watched.append(self._launcher.fileno())
        poll = select.poll()
        for fd in watched:
            poll.register(fd, select.POLLIN)
        poll.poll(0 if any(viewer.asked for viewer in self._viewers) else limit_s * 1000)

    def _done(self) -> bool:
        if not self._ended:
            return not self._launcher.open and self._launched is None
        if self._viewers:
            return False
        late = time.monotonic_ns() - self._started_ns > VIEWER_LIMIT_NS
        return self._had_viewer or late or not self._options.expects_viewer

    def _serve(self) -> None:
        for launch in self._launcher.receive():
            self._take_launch(launch)
        self._read_probe()
        self._welcome(self._viewer_listener.accept())
        for viewer in self._viewers:
            viewer.flush()
            if self._watch is not None:  # else what they ask for waits until there is a target
                viewer.obeyed(self._obey, OBEY_NS)
            if viewer.trouble and not viewer.asked:
                self._note_let_go(viewer)
        self._viewers = [viewer for viewer in self._viewers if viewer.open or viewer.asked]
        self._check_target()
        if self._recording is not None:
            self._recording.flush_if_late(time.monotonic())

    def _read_probe(self) -> None:
        if self._watch is not None:
            self._watch.accept(self._probes)

    def _check_target(self) -> None:
        """Nobody tells of the end when the launcher is gone; and the watch may have its limit."""
        if self._launched is None or self._watch is None or self._ended:
            return
        if self._watch.done:
            self._finish(self._watch.main.over or "the target has ended")
            return
        if not self._launcher.open and _has_ended(self._launched.pid):
            self._target_ended(None)
        limit = self._options.duration_s
        if limit is not None and self._now() >= limit:
            self._stop_watching(f"watched for {limit:g} s, as asked")

    # The target

    def _take_launch(self, launch: Launch) -> None:
        if isinstance(launch, Launched):
            self._start(launch)
        elif isinstance(launch, Wrote):
            self.emit(ev.OutputWritten(at=self._now(), data=launch.data))
        elif isinstance(launch, Sized):
            self.emit(ev.TerminalSized(at=self._now(), rows=launch.rows, columns=launch.columns))
        elif isinstance(launch, Ended):
            self._target_ended(launch.exit_code)

    def _start(self, launched: Launched) -> None:
        self._launched = launched
        self._watch = ProcessTable(
            launched,
            self._options.watch,
            self.emit,
            self._state.references_of,
            self._wakeups,
            self._probe_path,
        )

    def _target_ended(self, exit_code: int | None) -> None:
        """Copies may outlive the target: one that counts its heap has a moment to say so."""
        assert self._watch is not None
        if not self._watch.over:
            self._read_probe()
            self._watch.main_ended(exit_code)
            self._check_target()

    def _stop_watching(self, reason: str) -> None:
        self._finish(reason)

    def _finish(self, reason: str) -> None:
        """The end of the session: everything that was asked for is written."""
        if self._ended:
            return
        self._ended = True
        if self._watch is not None:
            self._watch.end(reason)
        self.emit(ev.SessionEnded(at=self._now(), reason=reason))
        if self._options.output is not None:
            self._write_output(self._options.output)
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.close()
            if recording.failed:
                self._fail(recording.failed)
        from refwatch.export.summary import summary_lines

        failed = [f"refwatch: {note.text}" for note in self._state.notes if note.level == "error"]
        lines = summary_lines(self._state) + failed
        self._launcher.send(
            encode_line(Summary(lines=lines, stays=bool(self._viewers), failed=self._failed))
        )

    def _write_output(self, output: Output) -> None:
        from refwatch.export.snapshot import ExportError, snapshot_json

        try:
            output.write(snapshot_json(self._state))
        except ExportError as error:
            self._fail(str(error))
        else:
            self.emit(ev.SnapshotWritten(at=self._now(), path=output.name))

    def _write_snapshot(self, path: str) -> None:
        from pathlib import Path

        from refwatch.export.snapshot import ExportError, write_snapshot

        try:
            write_snapshot(self._state, Path(path))
        except ExportError as error:
            self.emit(ev.Noted(at=self._now(), level="error", text=str(error)))
        else:
            self.emit(ev.SnapshotWritten(at=self._now(), path=path))

    # Viewers

    def _welcome(self, connections: list[socket.socket]) -> None:
        """Each gets the state so far; those that come together share its bytes."""
        room = MOST_VIEWERS - len(self._viewers)
        state = b""
        if self._state.version and connections and room > 0:
            state = encode_line(self._state.checkpoint())
        for connection in connections[:room]:
            viewer = Viewer(connection)
            self._had_viewer = True
            if state:
                viewer.send(state)
            self._viewers.append(viewer)
        for connection in connections[room:]:
            refused = Viewer(connection)
            reason = f"there are {MOST_VIEWERS} viewers already: no more are served"
            refused.send(encode_line(ev.ViewerRefused(at=self._now(), reason=reason)))
            refused.close()

    def _note_let_go(self, viewer: Viewer) -> None:
        text = f"a viewer was let go: {viewer.trouble}"
        self.emit(ev.Noted(at=self._now(), level="warning", text=text))

    def _obey(self, command: cmd.Command) -> None:
        self._read_probe()  # what the viewer has seen of the target came after the probe's hello
        if isinstance(command, cmd.WriteSnapshot):
            self._write_snapshot(command.path)
        elif isinstance(command, cmd.Mark):
            if self._watch is not None:
                self._watch.mark(command.name, self._now())
        elif isinstance(command, cmd.EndSession):
            if not self._ended and self._watch is not None:
                self._stop_watching("stopped by the viewer")
        elif isinstance(command, cmd.TypeInput | cmd.ResizeTerminal | cmd.SignalTarget):
            self._tell_launcher(command)
        elif command.process not in self._state.processes:
            text = f"there is no process {command.process} in this session"
            self.emit(ev.Noted(at=self._now(), level="warning", text=text))
        elif self._watch is not None:
            self._watch.obey(command)

    def _tell_launcher(self, command: cmd.Command) -> None:
        """Only one that has the target's terminal listens while the target runs."""
        if self._launched is None or not self._launched.terminal:
            text = "the target has no terminal of refwatch's: it takes no input or signal from here"
            self.emit(ev.Noted(at=self._now(), level="warning", text=text))
        else:
            self._launcher.send(encode_line(command))

    def _close(self) -> None:
        self._launcher.flush()
        self._launcher.close()
        self._probes.close()
        self._wakeups.close()
        self._viewer_listener.close()
