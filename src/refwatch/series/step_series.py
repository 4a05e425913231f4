"""Time series of a count that holds until it changes, with bounded memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from math import frexp, inf

from msgspec import Struct

RECENT = 48  # newest points that are never thinned, if the limit allows it
LARGEST = (1 << 63) - 1  # that a point can hold


def _recent(limit: int) -> int:
    """How many of the newest points are never thinned."""
    return max(limit // 4, min(RECENT, limit // 2))


class PointBudget(Struct):
    """Budget of long series: the first that outgrow their limit get the larger one."""

    left: int
    """How many more series may be long."""
    points: int
    """Limit of a long series."""


_UNSHARED = PointBudget(0, 0)


class StepSeries:
    """Points (time, count), one for each change, at most ``limit`` of them.

    Between two points the count is that of the first. When there are too many, all but the first
    and the newest are thinned to about half, evenly over their time; each that stays has the count
    that was right from then on. Two neighbours always differ. A series that is about to be thinned
    takes the larger limit of ``room`` instead, if any is left.
    """

    __slots__ = ("_counts", "_limit", "_recent", "_room", "_times")

    def __init__(self, limit: int = 600, room: PointBudget | None = None) -> None:
        if limit < 4:
            raise ValueError(f"steps need room for four points, not {limit}")
        self._limit = limit
        self._recent = _recent(limit)
        self._room = room
        self._times = array("d")  # 16 bytes for each point, where a tuple takes over 100
        self._counts = array("q")

    def packed(self) -> tuple[object, ...]:
        """The arguments for :meth:`unpacked`. The budget is shared again by :meth:`share`."""
        return self._limit, self._room is not None, self._times.tolist(), self._counts.tolist()

    @classmethod
    def unpacked(
        cls, limit: int, roomy: bool, times: Sequence[float], counts: Sequence[int]
    ) -> StepSeries:
        steps = cls(limit, _UNSHARED if roomy else None)
        steps._times, steps._counts = array("d", times), array("q", counts)
        return steps

    def share(self, room: PointBudget) -> None:
        """Give an unpacked series that had a budget this one; others are unchanged."""
        if self._room is _UNSHARED:
            self._room = room

    @property
    def limit(self) -> int:
        """The most points there may be."""
        return self._limit

    def add(self, at: float, count: int) -> None:
        """Set the count from time ``at`` on, in seconds. Times never go back: an earlier one than
        the newest counts as that."""
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
        """Return the budget to other series: nothing more will be added."""
        if self._room is not None and self._limit == self._room.points:
            self._room.left += 1
        self._room = None

    def _thin(self) -> None:
        """Keep the last point of each cell of time, and all recent ones. A cell is a power of two
        seconds long and starts at a multiple of its length. If its bounds moved as time passes, no
        point would stay the last of a cell for long."""
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
        """Indices of the first point and of the last point before ``end`` of each cell, if its
        count differs from that of the point kept before it."""
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
        """The newest count; None without any."""
        return self._counts[-1] if self._counts else None

    def changed_s(self) -> float:
        """The time of the newest point, in seconds; 0 without any."""
        return self._times[-1] if self._times else 0.0

    def first(self) -> int | None:
        """The first count; None without any."""
        return self._counts[0] if self._counts else None

    def at(self, time: float) -> int | None:
        """The count at this time; None before the first point."""
        index = bisect_right(self._times, time)
        return self._counts[index - 1] if index else None

    def at_each(self, times: Sequence[float]) -> list[int | None]:
        """The counts at ascending times; None before the first point."""
        index = 0
        counts: list[int | None] = []
        for time in times:
            index = bisect_right(self._times, time, index)
            counts.append(self._counts[index - 1] if index else None)
        return counts

    def near(self, time: float) -> float:
        """The count at this time, interpolated across a gap that thinning may have made; 0 before
        the first point."""
        times, counts = self._times, self._counts
        index = bisect_right(times, time) - 1
        if index < 0:
            return 0.0
        before = counts[index]
        if index >= len(times) - self._recent - 1:
            return before
        gap = times[index + 1] - times[index]
        if gap * (self._limit - self._recent) > 8 * (times[-1] - times[0]):
            return before  # longer than two cells: thinning did not make it
        return before + (counts[index + 1] - before) * (time - times[index]) / gap

    def lowest_until(self) -> float:
        """When it last rose from its lowest count; infinity where it is at that."""
        newest_first = self._counts.tolist()[::-1]
        back = newest_first.index(min(newest_first)) if newest_first else 0
        return self._times[-back] if back else inf

    def between(self, since: float, until: float) -> list[int]:
        """The counts that held at some time from ``since`` to before ``until``."""
        first = max(0, bisect_right(self._times, since) - 1)
        return self._counts[first : bisect_left(self._times, until)].tolist()

    def per_second(self, now: float, span: float) -> float:
        """Mean change per second over the ``span`` seconds before ``now``. Later points are
        ignored."""
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
