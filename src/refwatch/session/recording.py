"""A recording: the events of a session, one line of JSON each, after one line that says so.

Written in pieces so that a writer killed at any moment leaves a file that plays up to half a second
before; read as a stream, so that its size does not matter. What follows a cut is not guessed.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from refwatch import __version__
from refwatch.model.events import Event
from refwatch.model.wire import encode_line, event_decoder
from refwatch.session.streams import Stream, descriptor_of

FORMAT = "refwatch.recording/"
VERSION = 1
FLUSH_S = 0.5  # what the death of the writer may cost at most
MAX_LINE = 1 << 24  # bytes; an event is a few kilobytes, so a longer line is noise
MAX_BAD = 100  # lines in a row that are no event, after which the rest is taken for noise


Writing = TypeVar("Writing", BinaryIO, Stream)


class RecordingError(Exception):
    """A recording cannot be written or read; the text is one line for the user."""


class _Header(msgspec.Struct):
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
        header = _Header(f"{FORMAT}{VERSION}", __version__)
        try:
            self._file: BinaryIO | Stream | None = _create(path, encode_line(header), terminal)
        except (OSError, ValueError) as error:
            raise RecordingError(f"cannot record to {_reason(self._path, error)}") from error

    def write(self, events: Iterable[Event], now: float) -> None:
        """Append events; ``now`` is a monotonic time in seconds, by which the file is flushed."""
        if self._file is None:
            return
        try:
            self._file.write(b"".join(map(encode_line, events)))
            if now - self._flushed_at >= FLUSH_S:
                self._file.flush()
                self._flushed_at = now
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

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.truncated = False
        self.bad_lines = 0
        self._path = path
        self._file = file
        rest = self._play()
        try:
            first = next(rest, None)
        except BaseException:
            file.close()
            raise
        if first is None:
            raise RecordingError(f"{str(path)!r} holds no events")
        self.events: Iterator[Event] = chain((first,), rest)

    def close(self) -> None:
        """For a reader that stops before the end."""
        self._file.close()

    def _play(self) -> Iterator[Event]:
        in_a_row = 0
        with self._file:
            while (line := self._next_line()) and in_a_row < MAX_BAD:
                event = _decode(line)
                if event is not None:
                    in_a_row = 0
                    yield event
                else:
                    self.bad_lines += 1
                    in_a_row += 1
            self.truncated = self.truncated or in_a_row >= MAX_BAD

    def _next_line(self) -> bytes:
        """The next line that has an end, or nothing where the recording was cut off."""
        try:
            line = self._file.readline(MAX_LINE)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            raise RecordingError(f"cannot read {_reason(self._path, error)}") from error
        if line and not line.endswith(b"\n"):
            self.truncated = True
            return b""
        return line


def read_recording(path: Path | str) -> Recording:
    """Open a recording. Raises RecordingError for whatever is none, with one line that says why."""
    path = Path(path)
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise RecordingError(f"cannot read {_reason(path, error)}") from error
    try:
        _check_header(path, file.readline(4096))
    except OSError as error:
        file.close()
        raise RecordingError(f"cannot read {_reason(path, error)}") from error
    except RecordingError:
        file.close()
        raise
    return Recording(path, file)


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


def _decode(line: bytes) -> Event | None:
    try:
        return event_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _reason(path: Path, error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{'stdout' if str(path) == '-' else repr(str(path))}: {reason}"
