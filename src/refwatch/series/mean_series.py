"""Time series of means: bounded, evenly spaced, and always over the whole time."""

from __future__ import annotations

from collections.abc import Iterator

Point = tuple[float, float, tuple[float, ...]]
"""(time of its first value, sum of the weights, sums of the values times their weights)"""


class MeanSeries:
    """At most ``limit`` points of (time, ``width`` values), evenly spaced over all the time seen.

    A point holds the weighted mean of the values of ``span`` seconds. When the series is full,
    neighbours are merged in pairs and the span doubles: an hour takes no more memory than a minute,
    and the newest value is always in the last point. The weighted mean over all points is that of
    all values.
    """

    def __init__(self, width: int, limit: int = 600, span: float = 0.1) -> None:
        if limit < 2:
            raise ValueError(f"a series needs room for two points, not {limit}")
        self.span = span
        self._limit = limit
        self._width = width
        self._points: list[Point] = []  # values still go into the last one

    def add(self, at: float, *values: float, weight: float = 1.0) -> None:
        """Add the values at time ``at``, with a weight above 0."""
        if len(values) != self._width:
            raise ValueError(f"{self._width} values expected, not {len(values)}")
        new = (at, weight, tuple(value * weight for value in values))
        if self._points and at - self._points[-1][0] < self.span - 1e-9:
            self._points[-1] = _joined(self._points[-1], new)
            return
        if len(self._points) == self._limit:
            self._halve()
        self._points.append(new)

    def packed(self) -> tuple[object, ...]:
        """The arguments for :meth:`unpacked`."""
        return self._width, self._limit, self.span, self._points

    @classmethod
    def unpacked(
        cls,
        width: int,
        limit: int,
        span: float,
        points: list[tuple[float, float, list[float]]],
    ) -> MeanSeries:
        series = cls(width, limit, span)
        series._points = [(at, weight, tuple(sums)) for at, weight, sums in points]
        return series

    def _halve(self) -> None:
        old = self._points
        pairs = zip(old[::2], old[1::2], strict=False)
        self._points = [_joined(*pair) for pair in pairs] + old[len(old) // 2 * 2 :]
        self.span *= 2

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        return map(_mean, self._points)

    def __len__(self) -> int:
        return len(self._points)

    def weights(self) -> list[float]:
        """The weight of each point, in order."""
        return [weight for _, weight, _ in self._points]

    def last(self) -> tuple[float, ...] | None:
        """The newest point, (time, values...)."""
        return _mean(self._points[-1]) if self._points else None

    def column(self, index: int) -> list[float]:
        """One of the values of each point; index 0 is the first value, not the time."""
        return [sums[index] / weight for _, weight, sums in self._points]


def _joined(first: Point, second: Point) -> Point:
    sums = tuple(a + b for a, b in zip(first[2], second[2], strict=True))
    return first[0], first[1] + second[1], sums


def _mean(point: Point) -> tuple[float, ...]:
    at, weight, sums = point
    return (at, *(total / weight for total in sums))
