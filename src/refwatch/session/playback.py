"""Playback of a recording, with jumps to any time.

A jump starts from the last checkpoint before that time and reads the events since. Checkpoints are
found in the file when it is opened; where it has none, they are made in memory during playback.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from refwatch.session import codec
from refwatch.session.events import Checkpoint, Event
from refwatch.session.recording import (
    CHECKPOINT,
    CHECKPOINT_BYTES,
    MAX_LINE,
    Recording,
    decode_event,
)
from refwatch.session.state import State

CHUNK = 4 << 20  # bytes read at a time in search of checkpoints
LAST_BYTES = 64 << 10  # searched first for the last event
HEAD = re.compile(rb'"at":([-+.0-9eE]+),"process":0,"shape":"([0-9a-f]+)"')
HEAD_SIZE = 120


class _Place(NamedTuple):
    """A time from which the recording can be played. ``checkpoint`` is the state at that time; None
    if it is in the file, where its line starts at ``offset``."""

    at: float
    offset: int
    checkpoint: Checkpoint | None


class Playback:
    """Plays ``recording``. Raises RecordingError if it becomes unreadable.

    ``length_s`` is the time of its last event, ``now_s`` that of the newest event returned so far.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._beginning = recording.offset
        self._places = [_Place(0.0, self._beginning, State().checkpoint())]
        self._places += _places_in(recording.file)
        self.now_s = 0.0
        self.length_s = max(_last_at(recording.file), self._places[-1].at)
        recording.go(self._beginning)

    @property
    def next_s(self) -> float | None:
        """Time of the next event; None at the end."""
        event = self._recording.next
        return None if event is None else event.at

    def until(self, at: float) -> Iterator[Event]:
        """The next events, up to ``at`` seconds."""
        while (event := self._recording.next) is not None and event.at <= at:
            self.now_s = max(self.now_s, event.at)
            self._recording.take()
            yield event
        self.length_s = max(self.length_s, self.now_s)
        if self._recording.next is None:
            self.length_s = self.now_s

    def seek(self, at: float) -> Iterator[Event]:
        """The events that turn the state into that at ``at`` seconds: a checkpoint first, unless
        playing on from here is shorter."""
        while True:
            place = self._last_before(at)
            if at >= self.now_s and place.offset <= self._recording.offset:
                break
            checkpoint = self._checkpoint_of(place)
            if checkpoint is not None:
                self.now_s = place.at
                yield checkpoint
                break
            self._places.remove(place)  # unreadable
        yield from self.until(at)

    def keep(self, state: State) -> None:
        """Make a checkpoint of ``state``, the fold of all events returned, if the last one is far
        back."""
        offset = self._recording.offset
        nearest = max(place.offset for place in self._places if place.offset <= offset)
        if offset - nearest >= CHECKPOINT_BYTES:
            insort(self._places, _Place(self.now_s, offset, state.checkpoint()))

    def close(self) -> None:
        self._recording.close()

    def _last_before(self, at: float) -> _Place:
        index = bisect_right(self._places, at, key=lambda place: place.at)
        return self._places[max(0, index - 1)]

    def _checkpoint_of(self, place: _Place) -> Checkpoint | None:
        """Go to a place and return its checkpoint. If that cannot be read, return None and stay."""
        recording, checkpoint = self._recording, place.checkpoint
        back = recording.offset
        if checkpoint is None:
            recording.file.seek(place.offset)
            event = decode_event(recording.file.readline(MAX_LINE))
            if isinstance(event, Checkpoint) and codec.is_complete(event.data):
                checkpoint = event
        recording.go(back if checkpoint is None else place.offset)
        return checkpoint


def _places_in(file: BinaryIO) -> list[_Place]:
    """The checkpoints in the file that can be decoded, in order; only their heads are read."""
    shape = codec.shape_of(State).encode()
    found: list[_Place] = []
    rest, start = b"", 0
    file.seek(0)
    while data := file.read(CHUNK):
        data = rest + data
        place = data.find(b"\n" + CHECKPOINT)
        while 0 <= place < len(data) - HEAD_SIZE:
            head = HEAD.match(data, place + 1 + len(CHECKPOINT))
            if head is not None and head[2] == shape:
                found.append(_Place(float(head[1]), start + place + 1, None))
            place = data.find(b"\n" + CHECKPOINT, place + 1)
        rest = data[-HEAD_SIZE:]
        start += len(data) - len(rest)
    return found


def _last_at(file: BinaryIO) -> float:
    """Time of the last readable event in seconds; 0 if there is none near the end."""
    size = file.seek(0, 2)
    wanted = LAST_BYTES
    while True:
        file.seek(max(0, size - wanted))
        lines = file.read(wanted).split(b"\n")[1:-1]  # whole lines
        events = [decode_event(line) for line in lines if not line.startswith(CHECKPOINT)]
        times = [event.at for event in events if event is not None]
        if times:
            return max(times)
        if wanted >= min(size, 4 * MAX_LINE):
            return 0.0
        wanted *= 8
