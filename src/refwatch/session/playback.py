"""Random access to a recording: from any moment to any other.

A jump starts from the last checkpoint before the moment and reads the events since. Checkpoints are
found in the file when it is opened; where it has none, they are made in memory while it is played.
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

CHUNK = 4 << 20
LAST_BYTES = 64 << 10  # in which the last event is looked for first
HEAD = re.compile(rb'"at":([-+.0-9eE]+),"process":0,"shape":"([0-9a-f]+)"')
HEAD_SIZE = 120


class _Place(NamedTuple):
    """A moment from which the recording can be played, and what the state was there: the checkpoint
    itself, or where its line begins."""

    at: float
    offset: int
    checkpoint: Checkpoint | None


class Playback:
    """Plays ``recording``. Raises RecordingError if that stops being readable.

    ``length_s`` is the time of its last event, ``now_s`` of the newest that was handed out.
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
        """The time of the next event; None at the end."""
        event = self._recording.next
        return None if event is None else event.at

    def until(self, at: float) -> Iterator[Event]:
        """The next events, up to the first that is later than ``at`` seconds."""
        while (event := self._recording.next) is not None and event.at <= at:
            self.now_s = max(self.now_s, event.at)
            self._recording.take()
            yield event
        self.length_s = max(self.length_s, self.now_s)
        if self._recording.next is None:
            self.length_s = self.now_s

    def seek(self, at: float) -> Iterator[Event]:
        """The events that bring the state to what it was at ``at`` seconds: a checkpoint first,
        unless going on from here is shorter."""
        while True:
            place = self._last_before(at)
            if at >= self.now_s and place.offset <= self._recording.offset:
                break
            checkpoint = self._checkpoint_of(place)
            if checkpoint is not None:
                self.now_s = place.at
                yield checkpoint
                break
            self._places.remove(place)  # it is broken
        yield from self.until(at)

    def keep(self, state: State) -> None:
        """``state`` is the fold of all that was handed out: a checkpoint is made of it where the
        last one is far back."""
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
        """Go there, and return the state there; None, from where it was, if that cannot be read."""
        recording, checkpoint = self._recording, place.checkpoint
        back = recording.offset
        if checkpoint is None:
            recording.file.seek(place.offset)
            event = decode_event(recording.file.readline(MAX_LINE))
            if isinstance(event, Checkpoint) and codec.is_whole(event.data):
                checkpoint = event
        recording.go(back if checkpoint is None else place.offset)
        return checkpoint


def _places_in(file: BinaryIO) -> list[_Place]:
    """The checkpoints of this version in the file, in order. Their lines are not read."""
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
    """The time of the last event that can be read, seconds; 0 where there is none near the end."""
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
