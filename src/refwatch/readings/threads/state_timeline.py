"""The last seconds of one thread, at sampling resolution."""

from __future__ import annotations

import bisect
from collections import deque
from itertools import islice

from refwatch.readings.threads.states import STATE_OF_LETTER, ThreadState, decode_runs

Run = tuple[float, float, ThreadState]
"""(start, end, state), in seconds."""


class StateTimeline:
    """Runs of states of the last ``keep_s`` seconds, newest last.

    The slices are kept as they came over the wire, one short text each, and read when somebody
    looks: 500 threads then cost little more than their names.
    """

    def __init__(self, keep_s: float = 30.0) -> None:
        self.keep_s = keep_s
        self._slices: deque[tuple[float, str]] = deque()  # (end, runs)
        self._decoded: dict[float, list[Run]] = {}

    def add(self, end: float, runs: str) -> None:
        """Append the runs of a slice that ended at ``end`` seconds."""
        if not runs:
            return
        self._slices.append((end, runs))
        self.drop_before(end - self.keep_s)

    def drop_before(self, start: float) -> None:
        """Drop the slices that ended before ``start`` seconds."""
        while self._slices and self._slices[0][0] < start:
            gone, _ = self._slices.popleft()
            self._decoded.pop(gone, None)

    def __bool__(self) -> bool:
        return bool(self._slices)

    def last(self) -> ThreadState | None:
        """The state at the newest sample."""
        if not self._slices:
            return None
        letter = self._slices[-1][1].rstrip("0123456789")[-1:]
        return STATE_OF_LETTER.get(letter, ThreadState.OTHER)

    def packed(self) -> tuple[object, ...]:
        """What :meth:`unpacked` makes it of again."""
        return self.keep_s, list(self._slices)

    @classmethod
    def unpacked(cls, keep_s: float, slices: list[tuple[float, str]]) -> StateTimeline:
        strip = cls(keep_s)
        strip._slices.extend((end, runs) for end, runs in slices)
        return strip

    def runs(self, start: float, end: float) -> list[Run]:
        """The runs that lie at least partly between two times, in order."""
        found: list[list[Run]] = []
        for at, text in reversed(self._slices):
            if at <= start:
                break
            decoded = self._decode(at, text)
            if decoded and decoded[0][0] < end:
                found.append([run for run in decoded if run[1] > start and run[0] < end])
        return [run for piece in reversed(found) for run in piece]

    def cells(self, start: float, end: float, count: int) -> list[ThreadState | None]:
        """``count`` equal pieces of the time between; each the state that filled most of it, and
        None where nothing is known."""
        width = (end - start) / count
        if width <= 0:
            return [None] * count
        runs = self.runs(start, end)
        starts = [run[0] for run in runs]
        cells: list[ThreadState | None] = []
        for index in range(count):
            low = start + index * width
            first = max(bisect.bisect_right(starts, low) - 1, 0)
            cells.append(_dominant(runs, first, low, low + width))
        return cells

    def _decode(self, at: float, text: str) -> list[Run]:
        decoded = self._decoded.get(at)
        if decoded is None:
            pieces = decode_runs(text)
            cursor = at - sum(micros for _, micros in pieces) / 1e6
            decoded = []
            for state, micros in pieces:
                decoded.append((cursor, cursor + micros / 1e6, state))
                cursor += micros / 1e6
            if len(self._decoded) > 64:  # what is drawn again and again is the newest part
                self._decoded.clear()
            self._decoded[at] = decoded
        return decoded


def _dominant(runs: list[Run], first: int, low: float, high: float) -> ThreadState | None:
    time: dict[ThreadState, float] = {}
    for start, end, state in islice(runs, first, None):
        if start >= high:
            break
        overlap = min(end, high) - max(start, low)
        if overlap > 0:
            time[state] = time.get(state, 0.0) + overlap
    return max(time, key=lambda state: time[state]) if time else None
