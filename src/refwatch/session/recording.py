"""A recording: the events of a session, one line of JSON each, after one line that says so.

Written in pieces so that a writer killed at any moment leaves a file that plays up to half a second
before; read as a stream, so that its size does not matter. What follows a cut is not guessed. Now
and then a line is a checkpoint, the whole state up to there: playback.py starts from these, and who
reads the events one after another is not given them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from refwatch import __version__
from refwatch.session.events import Checkpoint, Event, event_decoder
from refwatch.wire.codec import encode_line
from refwatch.wire.event import MAIN, TimedEvent
from refwatch.wire.streams import Stream, descriptor_of

FORMAT = "refwatch.recording/"
VERSION = 2
"""Since 2 each event has the number of its process; before there was one process."""
FLUSH_S = 0.5  # what the death of the writer may cost at most
CHECKPOINT_BYTES = 2 << 20
"""Of events, at least, from one checkpoint to the next: what a state folds in 0.15 s or so."""
EVENTS_PER_CHECKPOINT = 4
"""So many times the size of a checkpoint, at least, is that of the events up to the next."""
CHECKPOINT = b'{"event":"checkpoint",'
"""How the line of one begins."""
MAX_LINE = 1 << 24  # bytes; an event is a few kilobytes, so a longer line is noise
MAX_BAD = 100  # lines in a row that are no event, after which the rest is taken for noise


Writing = TypeVar("Writing", BinaryIO, Stream)


class RecordingError(Exception):
    """A recording cannot be written or read; the text is one line for the user."""


class _Header(msgspec.Struct, kw_only=True):
    recording: str
    refwatch: str = ""


class RecordingWriter:
    """Appends events to a new file at ``path``, or to what that means (``-``: stdout). Raises
    RecordingError if that cannot be written; an older file is replaced only once the new one
    stands. A failure later on ends the recording,
    not the session: ``failed`` then says why, in one line."""

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
        """Append events; ``now`` is a monotonic time in seconds, by which the file is flushed."""
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
        """So many events have been written since the last one that it is worth its size."""
        least = max(CHECKPOINT_BYTES, EVENTS_PER_CHECKPOINT * self._checkpoint_size)
        return self._file is not None and self._since_checkpoint >= least

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write the state after all events so far, unless it is too large for a line."""
        line = encode_line(checkpoint)
        self._since_checkpoint, self._checkpoint_size = 0, len(line)
        if self._file is not None and len(line) < MAX_LINE:
            try:
                self._file.write(line)
            except OSError as error:
                self._fail(error)

    def flush_if_late(self, now: float) -> None:
        """Flush when the last time is half a second ago, for a caller with nothing to write."""
        if now - self._flushed_at >= FLUSH_S:
            self._flushed_at = now
            self.flush()

    def flush(self) -> None:
        """Hand everything to the system; for a caller that has had nothing to write for a while."""
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
        """A fork of this process writes it: let this one's share go."""
        if self._file is not None:
            if isinstance(self._file, Stream):
                self._file.forget()
            self._file.close()
            self._file = None

    def _fail(self, error: OSError) -> None:
        self.failed = f"the recording stopped: cannot write {_reason(self._path, error)}"
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # its buffer cannot be written either
                file.close()


def _create(name: Path | str, header: bytes, terminal: bool) -> BinaryIO | Stream:
    """An open file of that name that holds the header, put there in one step. ``terminal``: it may
    be one."""
    path, fd = Path(name), descriptor_of(os.fspath(name))
    if fd is not None:
        fd = os.dup(fd)
    elif path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a folder raises
        fd = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    if fd is not None:
        if not terminal and os.isatty(fd):
            raise OSError("the UI has the terminal (--headless has none)")
        return _begin(Stream(fd), header)
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError("permission denied")
    place = path.resolve()
    beside = place.parent / f".refwatch-{os.getpid()}-{os.urandom(4).hex()}.tmp"
    try:
        file = _begin(beside.open("xb"), header)
        try:
            beside.replace(place)
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
    """The events of a recording, read as they are asked for.

    ``truncated`` and ``bad_lines`` are right once ``events`` is exhausted: whether it ends in the
    middle of a line or in noise, and how many whole lines were no event known here. The iterator
    raises RecordingError if the file stops being readable.
    """

    def __init__(self, path: Path, file: BinaryIO, offset: int) -> None:
        self.truncated = False
        self.bad_lines = 0
        self.offset = self._read_to = offset
        """Where the line of the next event begins, in bytes from the beginning."""
        self.path = path
        self.file = file
        try:
            self.next = self._read()
            """The event that :meth:`take` returns; None at the end."""
        except BaseException:
            file.close()
            raise
        if self.next is None:
            file.close()
            raise RecordingError(f"{str(path)!r} holds no events")
        self.events: Iterator[Event] = self._play()

    def close(self) -> None:
        """For a reader that stops before the end."""
        self.file.close()

    def take(self) -> Event | None:
        """The next event; None at the end."""
        event = self.next
        if event is not None:
            self.next = self._read()
        return event

    def go(self, offset: int) -> None:
        """Go on from the line that begins there. Raises RecordingError."""
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
        """The next line that has an end, or nothing where the recording was cut off."""
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
    """Open a recording. Raises RecordingError for whatever is none, with one line that says why."""
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
    """All that comes from it, as a file that can be gone back in."""
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
    """The event that is this line; None where it is none that is known here."""
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
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{'stdout' if str(path) == '-' else repr(str(path))}: {reason}"
