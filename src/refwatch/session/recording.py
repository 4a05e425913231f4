"""Recordings: the events of a session in a file, one line of JSON each, after a header line.

The file is flushed often: a writer that is killed loses half a second at most. It is read as a
stream, of any length, up to where it was cut off. Some lines are checkpoints, with the whole state
up to there. Playback starts from them; a reader of the events in order does not see them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from refwatch import __version__
from refwatch.session.events import Checkpoint, Event, event_decoder
from refwatch.wire.codec import encode_line
from refwatch.wire.event import MAIN, TimedEvent
from refwatch.wire.files import create_temporary, is_plain, reason_of
from refwatch.wire.streams import Stream, descriptor_of

FORMAT = "refwatch.recording/"
VERSION = 2
"""Version 2 added the process number to each event; in version 1 there was one process."""
FLUSH_S = 0.5  # between two flushes: the most that the death of the writer loses
CHECKPOINT_BYTES = 2 << 20
"""Least size of the events between two checkpoints: a state folds them in about 0.15 s."""
EVENTS_PER_CHECKPOINT = 4
"""Least ratio of their size to that of a checkpoint."""
CHECKPOINT = b'{"event":"checkpoint",'
"""Start of a checkpoint's line."""
MAX_LINE = 1 << 24  # bytes; events have a few kilobytes, so a longer line is noise
MAX_BAD = 100  # undecodable lines in a row, after which the rest is not read


Writing = TypeVar("Writing", BinaryIO, Stream)


class RecordingError(Exception):
    """A recording cannot be written or read. The text is one line for the user."""


class _Header(msgspec.Struct, kw_only=True):
    recording: str
    refwatch: str = ""


class RecordingWriter:
    """Writes events to a new file at ``path``, or to a descriptor (``-``: stdout), pipe or device.

    An older file is replaced only when the new one exists. Raises RecordingError if ``path`` cannot
    be written. A later failure ends the recording but not the session: ``failed`` then says why, in
    one line.
    """

    def __init__(self, path: Path | str, *, terminal: bool = True) -> None:
        self.failed: str | None = None
        self._path = Path(path)
        self._flushed_at = float("-inf")
        self._since_checkpoint = 0
        self._checkpoint_size = 0
        header = _Header(recording=f"{FORMAT}{VERSION}", refwatch=__version__)
        try:
            self._file: BinaryIO | Stream | None = _create(path, encode_line(header), terminal)
        except (OSError, ValueError) as error:
            raise RecordingError(f"cannot record to {_reason(self._path, error)}") from error

    def write(self, events: Iterable[TimedEvent], now: float) -> None:
        """Append events and flush if it is time. ``now`` is a monotonic time in seconds."""
        if self._file is None:
            return
        try:
            data = b"".join(map(encode_line, events))
            self._file.write(data)
            self._since_checkpoint += len(data)
            if now - self._flushed_at >= FLUSH_S:
                self._file.flush()
                self._flushed_at = now
        except OSError as error:
            self._fail(error)

    @property
    def wants_checkpoint(self) -> bool:
        """Whether enough events have been written since the last checkpoint to be worth another."""
        least = max(CHECKPOINT_BYTES, EVENTS_PER_CHECKPOINT * self._checkpoint_size)
        return self._file is not None and self._since_checkpoint >= least

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write the state after the events so far, unless it exceeds the longest line."""
        line = encode_line(checkpoint)
        self._since_checkpoint, self._checkpoint_size = 0, len(line)
        if self._file is not None and len(line) < MAX_LINE:
            try:
                self._file.write(line)
            except OSError as error:
                self._fail(error)

    def flush_if_late(self, now: float) -> None:
        """Flush if it is time, for a caller with nothing to write."""
        if now - self._flushed_at >= FLUSH_S:
            self._flushed_at = now
            self.flush()

    def flush(self) -> None:
        """Pass everything written to the system."""
        if self._file is not None:
            try:
                self._file.flush()
            except OSError as error:
                self._fail(error)

    def close(self) -> None:
        """Flush and close. A second call does nothing."""
        self.flush()
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._fail(error)
            self._file = None

    def release(self) -> None:
        """Close without flushing: a fork of this process goes on writing the file."""
        if self._file is not None:
            if isinstance(self._file, Stream):
                self._file.forget()
            self._file.close()
            self._file = None

    def _fail(self, error: OSError) -> None:
        self.failed = f"the recording stopped: cannot write {_reason(self._path, error)}"
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # it flushes its buffer
                file.close()


def _create(name: Path | str, header: bytes, terminal: bool) -> BinaryIO | Stream:
    """Open the destination and write the header; a regular file is replaced atomically.
    ``terminal``: it may be a terminal."""
    path, fd = Path(name), descriptor_of(os.fspath(name))
    if fd is not None:
        fd = os.dup(fd)
    elif not is_plain(path):
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    if fd is not None:
        if not terminal and os.isatty(fd):
            raise OSError("the UI has the terminal (--headless has none)")
        return _begin(Stream(fd), header)
    beside = create_temporary(path)
    try:
        file = _begin(beside.open("wb"), header)
        try:
            beside.replace(path.resolve())
        except BaseException:
            file.close()
            raise
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return file


def _begin(file: Writing, header: bytes) -> Writing:
    try:
        file.write(header)
        file.flush()
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        raise
    return file


class Recording:
    """The events of a recording, read on demand.

    Once ``events`` is exhausted, ``truncated`` says whether the file ends within a line or in
    noise, and ``bad_lines`` how many whole lines did not decode. Reading raises RecordingError if
    the file becomes unreadable.
    """

    def __init__(self, path: Path, file: BinaryIO, offset: int) -> None:
        self.truncated = False
        self.bad_lines = 0
        self.offset = self._read_to = offset
        """Offset of the next event's line, in bytes."""
        self.path = path
        self.file = file
        try:
            self.next = self._read()
            """The event that :meth:`take` will return; None at the end."""
        except BaseException:
            file.close()
            raise
        if self.next is None:
            file.close()
            raise RecordingError(f"{str(path)!r} holds no events")
        self.events: Iterator[Event] = self._play()

    def close(self) -> None:
        """Close the file; needed only before the end."""
        self.file.close()

    def take(self) -> Event | None:
        """Return the next event; None at the end."""
        event = self.next
        if event is not None:
            self.next = self._read()
        return event

    def go(self, offset: int) -> None:
        """Continue with the line that starts at ``offset``. Raises RecordingError."""
        try:
            self.file.seek(offset)
        except (OSError, ValueError) as error:
            raise RecordingError(f"cannot read {_reason(self.path, error)}") from error
        self.truncated, self._read_to = False, offset
        self.next = self._read()

    def _play(self) -> Iterator[Event]:
        with self.file:
            while (event := self.take()) is not None:
                yield event

    def _read(self) -> Event | None:
        in_a_row = 0
        self.offset = self._read_to
        while in_a_row < MAX_BAD and (line := self._next_line()):
            if line.startswith(CHECKPOINT):
                continue
            event = decode_event(line)
            if event is not None:
                return event
            self.bad_lines += 1
            in_a_row += 1
        self.truncated = self.truncated or in_a_row >= MAX_BAD
        return None

    def _next_line(self) -> bytes:
        """The next complete line; empty at the end, or where the recording was cut off."""
        try:
            line = self.file.readline(MAX_LINE)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            raise RecordingError(f"cannot read {_reason(self.path, error)}") from error
        self._read_to += len(line)
        if line and not line.endswith(b"\n"):
            self.truncated = True
            return b""
        return line


def read_recording(path: Path | str) -> Recording:
    """Open a recording. Raises RecordingError if it is none or cannot be read."""
    path = Path(path)
    try:
        file: BinaryIO = path.open("rb")
        if not file.seekable():
            file = _spooled(file)
    except (OSError, ValueError) as error:
        raise RecordingError(f"cannot read {_reason(path, error)}") from error
    try:
        header = file.readline(4096)
        _check_header(path, header)
    except OSError as error:
        file.close()
        raise RecordingError(f"cannot read {_reason(path, error)}") from error
    except RecordingError:
        file.close()
        raise
    return Recording(path, file, len(header))


def _spooled(pipe: BinaryIO) -> BinaryIO:
    """The contents of a pipe as a seekable file."""
    with pipe:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - who reads it closes it
        shutil.copyfileobj(pipe, file)
    file.seek(0)
    return file


def _check_header(path: Path, line: bytes) -> None:
    if not line:
        raise RecordingError(f"{str(path)!r} is empty, not a recording")
    try:
        header = msgspec.json.decode(line, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RecordingError(f"{str(path)!r} is not a recording of refwatch") from None
    name, _, version = header.recording.rpartition("/")
    if f"{name}/" != FORMAT or not version.isdecimal():
        raise RecordingError(f"{str(path)!r} is not a recording of refwatch")
    if int(version) > VERSION:
        newer = f"written by refwatch {header.refwatch or 'of a newer version'}"
        raise RecordingError(f"{str(path)!r} is a newer recording, {newer}; this is {__version__}")


def decode_event(line: bytes) -> Event | None:
    """Decode a line; None if it is no event of this version or an older one."""
    try:
        return event_decoder().decode(line)
    except msgspec.ValidationError:
        return _decode_first_version(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_first_version(line: bytes) -> Event | None:
    try:
        fields = msgspec.json.decode(line, type=dict[str, object])
        old: Event = msgspec.convert({"process": MAIN, **fields}, Event)
        return old
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _reason(path: Path, error: OSError | ValueError) -> str:
    return f"{'stdout' if str(path) == '-' else repr(str(path))}: {reason_of(error)}"
