"""A count over time: it holds until it changes, and its memory is bounded."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import frexp, inf

RECENT = 48  # newest points that stay as they came, where the limit leaves room for them
LARGEST = (1 << 63) - 1  # what a point holds; a larger count is no count


def _recent(limit: int) -> int:
    """How many of the newest points stay as they came."""
    return max(limit // 4, min(RECENT, limit // 2))


@dataclass
class Room:
    """Which of many series may be long: the first that come to need it."""

    left: int
    """How many more there may be."""
    points: int
    """That a long one may have."""


_UNSHARED = Room(0, 0)


class Steps:
    """Points (time, count), one for each change, at most ``limit`` of them.

    Between two points the count is that of the first. The first point stays, and so do the newest;
    when there are too many, those between are thinned to about half as many, evenly spread over
    their time, each with the count that was right from then on. Two neighbours always differ.
    Before it is thinned for the first time, the limit becomes that of ``room`` if there is any.
    """

    __slots__ = ("_counts", "_limit", "_recent", "_room", "_times")

    def __init__(self, limit: int = 600, room: Room | None = None) -> None:
        if limit < 4:
            raise ValueError(f"steps need room for four points, not {limit}")
        self._limit = limit
        self._recent = _recent(limit)
        self._room = room
        self._times = array("d")  # 16 bytes for each point, where a tuple takes over 100
        self._counts = array("q")

    def packed(self) -> tuple[object, ...]:
        """What :meth:`unpacked` makes it of again, but for its room: see :meth:`share`."""
        return self._limit, self._room is not None, self._times.tolist(), self._counts.tolist()

    @classmethod
    def unpacked(
        cls, limit: int, roomy: bool, times: Sequence[float], counts: Sequence[int]
    ) -> Steps:
        steps = cls(limit, _UNSHARED if roomy else None)
        steps._times, steps._counts = array("d", times), array("q", counts)
        return steps

    def share(self, room: Room) -> None:
        """Unpacked steps that had a room have this one from now on; others are left as they are."""
        if self._room is _UNSHARED:
            self._room = room

    @property
    def limit(self) -> int:
        """How many points there may be."""
        return self._limit

    def add(self, at: float, count: int) -> None:
        """The count from ``at`` on, seconds; a time before the newest point's is taken as that."""
        counts = self._counts
        if counts:
            if counts[-1] == count:
                return
            at = max(at, self._times[-1])
        try:
            counts.append(count)
        except OverflowError:
            counts.append(LARGEST if count > 0 else -LARGEST)
        self._times.append(at)
        if len(counts) > self._limit and not self._takes_room():
            self._thin()

    def _takes_room(self) -> bool:
        room = self._room
        if room is None or room.left <= 0 or self._limit == room.points:
            return False
        room.left -= 1
        self._limit, self._recent = room.points, _recent(room.points)
        return True

    def leave(self) -> None:
        """Nothing more comes: its room is another's."""
        if self._room is not None and self._limit == self._room.points:
            self._room.left += 1
        self._room = None

    def _thin(self) -> None:
        """Keep the last point of each cell of time, but for the recent ones. A cell is a power of
        two seconds long and begins at a multiple of that: else, as the time grows, its bounds would
        wander and no point would ever be the last of a cell for long."""
        times, counts = self._times, self._counts
        end = len(times) - self._recent  # of those to thin
        most = end // 2 + 1
        _, exponent = frexp((times[end - 1] - times[0]) / most)
        kept = self._last_of_cells(2.0**exponent, end)
        while len(kept) > most:
            exponent += 1
            kept = self._last_of_cells(2.0**exponent, end)
        self._times = array("d", [times[index] for index in kept]) + times[end:]
        self._counts = array("q", [counts[index] for index in kept]) + counts[end:]

    def _last_of_cells(self, span: float, end: int) -> list[int]:
        """The first point, and of those before ``end`` the last of each cell where it differs from
        the one kept before it."""
        cells = [time // span for time in self._times[:end]]
        cells.append(inf)
        kept = [0]
        for index in range(1, end):
            last = cells[index] != cells[index + 1]
            if last and self._counts[index] != self._counts[kept[-1]]:
                kept.append(index)
        return kept

    def __iter__(self) -> Iterator[tuple[float, int]]:
        return zip(self._times, self._counts, strict=True)

    def __len__(self) -> int:
        return len(self._times)

    def last(self) -> int | None:
        """The newest count."""
        return self._counts[-1] if self._counts else None

    def changed_s(self) -> float:
        """When it changed to that, seconds; 0 before the first count."""
        return self._times[-1] if self._times else 0.0

    def first(self) -> int | None:
        """The first count."""
        return self._counts[0] if self._counts else None

    def at(self, time: float) -> int | None:
        """The count at this time; None before the first."""
        index = bisect_right(self._times, time)
        return self._counts[index - 1] if index else None

    def at_each(self, times: Sequence[float]) -> list[int | None]:
        """The counts at these times, which must ascend."""
        index = 0
        counts: list[int | None] = []
        for time in times:
            index = bisect_right(self._times, time, index)
            counts.append(self._counts[index - 1] if index else None)
        return counts

    def near(self, time: float) -> float:
        """The count at this time, on a straight line across a gap that thinning may have made; 0
        before the first point."""
        times, counts = self._times, self._counts
        index = bisect_right(times, time) - 1
        if index < 0:
            return 0.0
        before = counts[index]
        if index >= len(times) - self._recent - 1:
            return before
        gap = times[index + 1] - times[index]
        if gap * (self._limit - self._recent) > 8 * (times[-1] - times[0]):
            return before  # no cell is that long, nor two: it held all the time
        return before + (counts[index + 1] - before) * (time - times[index]) / gap

    def lowest_until(self) -> float:
        """Up to when it was at its lowest for the last time: infinity where it still is."""
        newest_first = self._counts.tolist()[::-1]
        back = newest_first.index(min(newest_first)) if newest_first else 0
        return self._times[-back] if back else inf

    def between(self, since: float, until: float) -> list[int]:
        """The counts that held at some time from ``since`` to before ``until``."""
        first = max(0, bisect_right(self._times, since) - 1)
        return self._counts[first : bisect_left(self._times, until)].tolist()

    def per_second(self, now: float, span: float) -> float:
        """Mean change per second over the last ``span`` seconds before ``now``; what came later
        plays no part."""
        count = self.at(now)
        if count is None:
            return 0.0
        since = max(now - span, self._times[0])
        return (count - self.near(since)) / (now - since) if now > since else 0.0

    def resampled(self, since: float, until: float, count: int) -> list[int | None]:
        """The counts at ``count`` evenly spread times, for a chart; None before the first point."""
        if count < 1:
            return []
        step = (until - since) / count
        return self.at_each([since + step * (index + 1) for index in range(count)])
